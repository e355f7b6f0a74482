//! The loop that reads messages and starts calls.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::call::OpenCall;
use super::guard::Guardian;
use super::lock::Lock;
use super::outbox::Outbox;
use super::turn::Turn;
use super::{change, files, guard, panics, run};
use crate::Result;
use crate::far::Base;
use crate::protocol::{
    Answer, Begin, Call, CallId, Cause, Declared, Failure, FrameError, MessageReader, ResourceData, ResourceId,
    ToAgent, ToController,
};

/// The greatest number of open calls.
pub const MAX_CALLS: usize = 64;
/// The greatest length of all declared resources, in bytes.
const MAX_DECLARED: usize = 64 << 20;
/// The time for the first message.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
/// The time for the calls to end after the connection. Keepers end the programs of those that take longer.
const LAST_CALLS: Duration = Duration::from_secs(30);
/// The time for the last messages when the agent ends a connection.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The declared resources, by name.
#[derive(Default)]
pub(super) struct Declarations {
    resources: BTreeMap<ResourceId, Arc<ResourceData>>,
    bytes: usize,
}

impl Declarations {
    pub(super) fn get(&self, id: ResourceId) -> Result<Arc<ResourceData>> {
        let found = self.resources.get(&id).cloned();
        found.ok_or_else(|| {
            Failure::new("find a resource", Cause::Protocol(format!("the resource {} was not declared", id.0)))
        })
    }

    fn add(&mut self, declared: Declared) -> Result<(), &'static str> {
        let size = |resource: &ResourceData| resource.kind.len() + resource.fields.len() + 64;
        self.bytes += size(&declared.resource);
        if let Some(old) = self.resources.insert(declared.id, Arc::new(declared.resource)) {
            self.bytes -= size(&old);
        }
        if self.bytes > MAX_DECLARED { Err("the declared resources are too large") } else { Ok(()) }
    }
}

/// The state of a connection.
pub(super) struct Connection {
    outbox: Outbox,
    base: Arc<Base>,
    guardian: Option<Guardian>,
    declared: Arc<Mutex<Declarations>>,
    calls: Arc<Mutex<BTreeMap<CallId, OpenCall>>>,
    threads: Vec<JoinHandle<()>>,
    begun: Option<(Begin, Arc<Lock>)>,
    turn: Arc<Turn>,
    /// The guards of this connection, which it cannot confirm itself.
    guards: Arc<Mutex<BTreeSet<String>>>,
}

/// Serves a connection until its input ends.
pub(super) fn serve(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    base: Arc<Base>,
    guardian: Option<Guardian>,
) -> io::Result<()> {
    let outbox = Outbox::new(output);
    let _ = outbox.send(&ToController::Facts(Box::new(base.facts().clone())));
    let mut connection = Connection {
        outbox,
        base,
        guardian,
        declared: Arc::default(),
        calls: Arc::default(),
        threads: Vec::new(),
        begun: None,
        turn: Arc::default(),
        guards: Arc::default(),
    };
    let ended = connection.read_all(input);
    if let Err(reason) = &ended {
        connection.outbox.send_at_once(&ToController::Bye(reason.clone()));
        connection.outbox.flush(LAST_WORDS);
    }
    connection.end();
    ended.map_err(|reason| io::Error::new(io::ErrorKind::ConnectionAborted, reason))
}

impl Connection {
    /// Reads messages until the end of the input. An error is the reason for the controller.
    fn read_all(&mut self, input: impl Read + Send + 'static) -> Result<(), String> {
        // The reader has a thread of its own, since a read cannot be given up after a time.
        let (sender, received) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut reader = MessageReader::<_, ToAgent>::new(input);
            loop {
                let message = reader.receive().transpose();
                let is_last = !matches!(message, Some(Ok(_)));
                if sender.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        let mut last = Instant::now();
        loop {
            let message: Option<Result<ToAgent, FrameError>> = match self.patience() {
                None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => received.recv_timeout((last + patience).saturating_duration_since(Instant::now())),
            }
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => "nothing arrived for two heartbeats".to_owned(),
                RecvTimeoutError::Disconnected => "the reader of the connection ended".to_owned(),
            })?;
            last = Instant::now();
            match message {
                Some(message) => self.handle(message.map_err(|error| error.to_string())?)?,
                None => return Ok(()),
            }
        }
    }

    /// Returns the time within which something must arrive.
    fn patience(&self) -> Option<Duration> {
        let Some((begin, _)) = &self.begun else { return Some(FIRST_PATIENCE) };
        (begin.heartbeat > 0).then(|| 2 * Duration::from_millis(begin.heartbeat.into()))
    }

    /// Acts on a message. This never waits, so that signs of life are always answered.
    fn handle(&mut self, message: ToAgent) -> Result<(), String> {
        match message {
            ToAgent::Begin(_) if self.begun.is_some() => return Err("the connection has already begun".into()),
            ToAgent::Begin(begin) => {
                let lock = Arc::new(Lock::new(self.base.root(), &begin));
                self.begun = Some((begin, lock));
            }
            ToAgent::Ping(number) => self.outbox.pong(number),
            ToAgent::Declare(declared) => {
                let mut declarations = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
                declared.into_iter().try_for_each(|one| declarations.add(one))?;
            }
            ToAgent::Call { id, call } => self.start(id, call)?,
            ToAgent::Data { id, bytes } => {
                if let Some(call) = self.open(id) {
                    let credit = call.data.push(bytes.into_vec()).map_err(|error| error.to_string())?;
                    call.give_credit(credit);
                }
            }
            ToAgent::End { id } => self.open(id).into_iter().for_each(|call| call.data.end_input()),
            ToAgent::Credit { id, bytes } => self.open(id).into_iter().for_each(|call| call.data.add_credit(bytes)),
            ToAgent::Cancel { id } => self.open(id).into_iter().for_each(|call| call.cancel()),
        }
        Ok(())
    }

    fn open(&self, id: CallId) -> Option<OpenCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Starts a thread for a call.
    fn start(&mut self, id: CallId, call: Call) -> Result<(), String> {
        let Some((_, lock)) = &self.begun else {
            return Err("a call came before the beginning of the connection".into());
        };
        let open = OpenCall::new(id, self.outbox.clone(), self.base.clone(), lock.clone());
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if calls.contains_key(&id) {
                return Err(format!("the call {} is open already", id.0));
            }
            if calls.len() >= MAX_CALLS {
                return Err(format!("more than {MAX_CALLS} calls are open"));
            }
            calls.insert(id, open.clone());
        }
        self.threads.retain(|thread| !thread.is_finished());
        let work = Work {
            declared: self.declared.clone(),
            turn: self.turn.clone(),
            guardian: self.guardian.clone(),
            guards: self.guards.clone(),
        };
        let calls = self.calls.clone();
        self.threads.push(thread::spawn(move || {
            let answer =
                panics::caught("complete the call", || work.execute(&open, call)).unwrap_or_else(Answer::Failed);
            open.refuse_input();
            open.data.close();
            calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            if open.outbox.send(&ToController::Answer { id, answer }).is_err() {
                let failure = Failure::new("answer the call", Cause::Protocol("the answer is too long".into()));
                open.send(&ToController::Answer { id, answer: Answer::Failed(failure) });
            }
        }));
        Ok(())
    }

    /// Cancels all calls and waits for them.
    fn end(self) {
        self.outbox.close();
        let calls: Vec<_> = self.calls.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        calls.iter().for_each(OpenCall::cancel);
        let deadline = Instant::now() + LAST_CALLS;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The parts of a connection that a call can use.
pub(super) struct Work {
    pub(super) declared: Arc<Mutex<Declarations>>,
    /// One change is made at a time.
    pub(super) turn: Arc<Turn>,
    pub(super) guardian: Option<Guardian>,
    pub(super) guards: Arc<Mutex<BTreeSet<String>>>,
}

impl Work {
    fn execute(&self, open: &OpenCall, call: Call) -> Result<Answer> {
        match call {
            Call::Observe { resources } => change::observe(self, open, &resources),
            Call::Apply(apply) => change::apply(self, open, &apply),
            Call::Confirm { guard } => guard::confirm(self, open, &guard),
            Call::Run(spec) => run::run(open, spec),
            Call::PutBlob { hash, size } => files::put_blob(open, hash, size),
            Call::Put(put) => files::put(open, &put),
            Call::Get(target) => files::get(open, &target),
            Call::Stat { target, hash } => files::stat(open, &target, hash),
            Call::List(target) => files::list(open, &target),
            Call::Remove(target) => files::remove(open, &target),
            Call::MakeDirectory { target, mode, owner, group } => {
                files::make_directory(open, &target, mode, owner, group)
            }
            Call::Symlink { target, to } => files::symlink(open, &target, &to),
        }
    }
}
