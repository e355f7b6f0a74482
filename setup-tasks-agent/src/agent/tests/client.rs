//! A controller for tests.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};

use crate::agent::{Guardian, Options, serve};
use crate::far::Far;
use crate::protocol::*;
use crate::resource::Resource;

/// The nonce of all agents in tests.
pub(super) const NONCE: Nonce = Nonce([7; 16]);

/// A controller with the agent at the other end.
pub(super) struct Client {
    pub(super) input: Option<Box<dyn Write + Send>>,
    output: Box<dyn Read + Send>,
    decoder: Decoder<ToController>,
    bytes: Vec<u8>,
    pub(super) facts: Facts,
    next: u32,
    pub(super) agent: Option<JoinHandle<io::Result<()>>>,
}

/// The messages about one call, and its answer.
pub(super) struct Ended {
    pub(super) messages: Vec<ToController>,
    pub(super) answer: Answer,
}

impl Client {
    /// Starts an agent for a machine in a directory.
    pub(super) fn in_directory(root: &Path) -> Self {
        Self::serving(Far::in_directory(root).unwrap())
    }

    /// Starts an agent for this machine.
    pub(super) fn on_this_machine() -> Self {
        Self::serving(Far::machine().unwrap())
    }

    pub(super) fn serving(far: Far) -> Self {
        let mut client = Self::silent(far);
        client.begin("a test", 0, 0);
        client
    }

    /// Starts an agent that has received nothing.
    pub(super) fn silent(far: Far) -> Self {
        let ((input, to_agent), (output, from_agent)): ((PipeReader, PipeWriter), (PipeReader, PipeWriter)) =
            (io::pipe().unwrap(), io::pipe().unwrap());
        let options = Options { nonce: NONCE, hash: Hash([1; 32]), guardian: Some(Guardian::thread()) };
        let agent = thread::spawn(move || serve(input, from_agent, far, options));
        let mut client = Self::over(to_agent, output);
        client.agent = Some(agent);
        client
    }

    /// Connects with an agent through these streams, and waits for its facts.
    pub(super) fn over(input: impl Write + Send + 'static, output: impl Read + Send + 'static) -> Self {
        let mut client = Self {
            input: Some(Box::new(input)),
            output: Box::new(output),
            decoder: Decoder::new(),
            bytes: Vec::new(),
            facts: Facts::default(),
            next: 0,
            agent: None,
        };
        let mut scanner = HelloScanner::new(NONCE);
        loop {
            let mut rest = &client.bytes[..];
            let hello = scanner.decode(&mut rest).unwrap();
            client.bytes = rest.to_vec();
            if let Some(hello) = hello {
                assert_eq!(hello.version, VERSION);
                break;
            }
            assert!(client.fill(), "no hello, but {}", scanner.noise());
        }
        match client.receive() {
            Some(ToController::Facts(facts)) => client.facts = *facts,
            other => panic!("{other:?} came before the facts"),
        }
        client
    }

    pub(super) fn begin(&mut self, controller: &str, heartbeat: u32, lock_wait: u32) {
        self.send(&ToAgent::Begin(Begin { controller: controller.into(), heartbeat, lock_wait }));
    }

    pub(super) fn send(&mut self, message: &ToAgent) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        // An agent that has ended is noticed by its output.
        let _ = self.input.as_mut().expect("the input is open").write_all(&bytes);
    }

    /// Reads bytes, or returns false at the end.
    fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 64 << 10];
        let read = self.output.read(&mut buffer).unwrap();
        self.bytes.extend_from_slice(&buffer[..read]);
        read > 0
    }

    /// Waits for a message. Returns `None` at the end of the connection.
    pub(super) fn receive(&mut self) -> Option<ToController> {
        loop {
            let mut rest = &self.bytes[..];
            let message = self.decoder.decode(&mut rest).unwrap();
            self.bytes = rest.to_vec();
            if message.is_some() {
                return message;
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Begins a call.
    pub(super) fn call(&mut self, call: Call) -> CallId {
        let id = CallId(self.next);
        self.next += 1;
        self.send(&ToAgent::Call { id, call });
        id
    }

    /// Waits for the end of a call, and gives credit for its output.
    pub(super) fn end(&mut self, call: CallId) -> Ended {
        let mut messages = Vec::new();
        loop {
            let message = self.receive().expect("an answer");
            match message {
                ToController::Answer { id, answer } if id == call => return Ended { messages, answer },
                ToController::Output { id, ref bytes, .. } | ToController::Data { id, ref bytes } => {
                    self.send(&ToAgent::Credit { id, bytes: u32::try_from(bytes.len()).unwrap() });
                }
                _ => {}
            }
            messages.push(message);
        }
    }

    /// Makes a call and returns its answer.
    pub(super) fn ask(&mut self, call: Call) -> Answer {
        let id = self.call(call);
        self.end(id).answer
    }

    /// Sends data for a call, as far as the agent gives credit, and its end.
    pub(super) fn send_data(&mut self, id: CallId, content: &[u8]) {
        let (mut credit, mut chunks) = (Credit::default(), content.chunks(CHUNK).collect::<VecDeque<_>>());
        while let Some(chunk) = chunks.pop_front() {
            let mut rest = chunk;
            while !rest.is_empty() {
                let sent = credit.spend(rest.len());
                if sent == 0 {
                    match self.receive() {
                        Some(ToController::Credit { bytes, .. }) => credit.add(bytes),
                        other => panic!("{other:?} instead of credit"),
                    }
                }
                self.send(&ToAgent::Data { id, bytes: serde_bytes::ByteBuf::from(&rest[..sent]) });
                rest = &rest[sent..];
            }
        }
        self.send(&ToAgent::End { id });
    }

    pub(super) fn declare(&mut self, id: u32, resource: &impl Resource) -> ResourceId {
        let resource = ResourceData::of(resource);
        self.send(&ToAgent::Declare(vec![Declared { id: ResourceId(id), resource }]));
        ResourceId(id)
    }

    /// Ends the input, and returns how the agent ended.
    pub(super) fn hang_up(mut self) -> io::Result<()> {
        drop(self.input.take());
        self.agent.take().expect("an agent in this process").join().unwrap()
    }
}

pub(super) fn apply(resources: &[ResourceId]) -> Apply {
    Apply { resources: resources.to_vec(), change: Change::Apply, then_observe: Vec::new(), guard: None }
}

impl Ended {
    /// Returns the observations, in their order.
    pub(super) fn observed(&self) -> Vec<(u32, Result<Vec<String>, String>)> {
        let observed = self.messages.iter().filter_map(|message| match message {
            ToController::Observed { resource, observation, .. } => Some((
                resource.0,
                match observation {
                    Ok(differences) => Ok(differences.iter().map(ToString::to_string).collect()),
                    Err(failure) => Err(failure.to_string()),
                },
            )),
            _ => None,
        });
        observed.collect()
    }

    /// Returns the outcomes, in their order.
    pub(super) fn applied(&self) -> Vec<(u32, Result<Outcome, String>)> {
        let applied = self.messages.iter().filter_map(|message| match message {
            ToController::Applied { resource, outcome, .. } => {
                Some((resource.0, outcome.clone().map_err(|failure| failure.to_string())))
            }
            _ => None,
        });
        applied.collect()
    }

    /// Returns the output of a stream.
    pub(super) fn output(&self, wanted: Stream) -> String {
        let chunks = self.messages.iter().filter_map(|message| match message {
            ToController::Output { stream, bytes, .. } if *stream == wanted => Some(&bytes[..]),
            _ => None,
        });
        String::from_utf8_lossy(&chunks.collect::<Vec<_>>().concat()).into_owned()
    }

    pub(super) fn failure(&self) -> String {
        match &self.answer {
            Answer::Failed(failure) => failure.to_string(),
            other => panic!("{other:?} is no failure"),
        }
    }
}
