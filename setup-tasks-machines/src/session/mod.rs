//! A connection to an agent, over which many calls run at the same time.

mod call;
mod drive;
mod reports;
mod requests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use setup_tasks_agent::agent::MAX_CALLS;
use setup_tasks_agent::protocol::{
    Allowance, Answer, Call, CallId, Declared, Facts, FileTarget, Hash, ResourceData, ResourceId, ToAgent,
    ToController, encode,
};
use tokio::sync::{Semaphore, mpsc, watch};

pub(crate) use call::OpenCall;
pub(crate) use requests::Requests;

use reports::Reports;

use crate::error::MachineError;
use crate::machine::Settings;
use crate::transport::Sharing;

/// The bytes of resources after which a message with their declarations is sent.
const DECLARED_AT_ONCE: usize = 256 << 10;
/// The greatest length of the content of a file in memory, in bytes.
const MAX_IN_MEMORY: usize = 256 << 20;

/// A connection to an agent. It ends when its last clone and the last of its calls are dropped.
///
/// It can be used before it is established. The first calls then go out together with it, and receive the error if that fails.
#[derive(Clone)]
pub(crate) struct Session {
    facts: watch::Receiver<Option<Arc<Facts>>>,
    wire: Arc<Wire>,
}

/// The sending side of a connection, and its open calls.
pub(crate) struct Wire {
    machine: String,
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    calls: Arc<Calls>,
    next: AtomicU32,
    /// The resources that the agent knows, by kind and hash of their fields.
    declared: Mutex<HashMap<(String, Hash), ResourceId>>,
    /// The number of further calls that the agent accepts.
    permits: Arc<Semaphore>,
}

/// The open calls of a connection, and the reason of its end.
#[derive(Default)]
pub(crate) struct Calls {
    open: Mutex<HashMap<CallId, Receiver>>,
    end: OnceLock<MachineError>,
}

/// The receiver of the messages of a call.
struct Receiver {
    messages: mpsc::UnboundedSender<ToController>,
    allowance: Allowance,
    /// The messages besides data, which need no credit.
    reports: Reports,
    /// The right to the place of the call, until the agent has answered.
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Receiver {
    /// Counts a message that nobody waits for any longer. Returns the credit to give back for its data.
    fn drop_message(&mut self, bytes: usize) -> Option<u32> {
        self.reports.waiting().received();
        self.allowance.consume(bytes)
    }
}

impl Session {
    /// Begins a connection. A task of the runtime establishes it.
    pub(crate) fn open(settings: &Settings, sharing: Sharing) -> Result<Self, MachineError> {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let calls = Arc::new(Calls::default());
        let wire = Wire {
            machine: settings.name().to_owned(),
            outgoing,
            calls: calls.clone(),
            next: AtomicU32::new(1),
            declared: Mutex::default(),
            permits: Arc::new(Semaphore::new(MAX_CALLS)),
        };
        wire.send(&ToAgent::Begin(settings.begin()))?;
        let (arrived, facts) = watch::channel(None);
        let link =
            drive::Link { requests: Requests::new(queue), outgoing: wire.outgoing.downgrade(), calls, facts: arrived };
        tokio::spawn(link.serve(settings.clone(), sharing));
        Ok(Self { facts, wire: Arc::new(wire) })
    }

    /// Waits for the facts about the machine, which are the first message of the agent.
    pub(crate) async fn facts(&self) -> Result<Arc<Facts>, MachineError> {
        let mut facts = self.facts.clone();
        let arrived = facts.wait_for(Option::is_some).await;
        arrived.ok().and_then(|facts| facts.clone()).ok_or_else(|| self.wire.calls.error(&self.wire.machine))
    }

    /// Declares resources that the agent does not know yet, and returns their ids.
    pub(crate) fn declare<'a>(
        &self,
        resources: impl IntoIterator<Item = &'a ResourceData>,
    ) -> Result<Vec<ResourceId>, MachineError> {
        let mut declared = self.wire.declared.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut ids, mut new, mut size) = (Vec::new(), Vec::new(), 0);
        for resource in resources {
            let next = ResourceId(u32::try_from(declared.len()).unwrap_or(u32::MAX));
            let key = (resource.kind.clone(), Hash::of(&resource.fields));
            let id = *declared.entry(key).or_insert_with(|| {
                size += resource.fields.len();
                new.push(Declared { id: next, resource: resource.clone() });
                next
            });
            ids.push(id);
            if size > DECLARED_AT_ONCE {
                size = 0;
                self.wire.send(&ToAgent::Declare(std::mem::take(&mut new)))?;
            }
        }
        if !new.is_empty() {
            self.wire.send(&ToAgent::Declare(new))?;
        }
        Ok(ids)
    }

    /// Returns whether the connection has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.wire.calls.end.get().is_none()
    }

    /// Returns the content of a file, or `None` if there is none. A machine could send content without an end, so its length is limited.
    pub(crate) async fn read(&self, target: FileTarget) -> Result<Option<Vec<u8>>, MachineError> {
        let path = String::from_utf8_lossy(&target.path).into_owned();
        let mut content = Vec::new();
        let mut call = self.call(Call::Get(target)).await?;
        let answer = call
            .receive(|part| {
                if content.len() + part.len() > MAX_IN_MEMORY {
                    let machine = self.wire.machine.clone();
                    return Err(MachineError::LargeFile { machine, path: path.clone(), limit: MAX_IN_MEMORY });
                }
                content.extend_from_slice(part);
                Ok(())
            })
            .await?;
        Ok((answer != Answer::Stat(None)).then_some(content))
    }

    /// Begins a call.
    pub(crate) async fn call(&self, call: Call) -> Result<OpenCall, MachineError> {
        OpenCall::begin(&self.wire, call).await
    }
}

impl Wire {
    /// Sends a message.
    fn send(&self, message: &ToAgent) -> Result<(), MachineError> {
        let mut bytes = Vec::new();
        if let Err(error) = encode(message, &mut bytes) {
            let reason = format!("cannot send a request: {error}");
            return Err(MachineError::Lost { machine: self.machine.clone(), reason, output: None });
        }
        self.outgoing.send(bytes).map_err(|_| self.calls.error(&self.machine))
    }

    /// Returns an id that no open call has.
    fn next_id(&self) -> CallId {
        CallId(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Calls {
    fn open(&self) -> MutexGuard<'_, HashMap<CallId, Receiver>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all calls and the connection. The first error counts.
    fn end(&self, error: MachineError) {
        let _ = self.end.set(error);
        self.open().clear();
    }

    /// Returns the error for a connection that has ended.
    fn error(&self, machine: &str) -> MachineError {
        self.end.get().cloned().unwrap_or_else(|| MachineError::Lost {
            machine: machine.to_owned(),
            reason: "it has ended".to_owned(),
            output: None,
        })
    }
}
