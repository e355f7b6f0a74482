//! An agent on a machine, without the controller's connection.

use std::fs;
use std::io::{Chain, Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use setup_tasks_agent::protocol::*;
use setup_tasks_agent::resource::Resource;
use setup_tasks_test::NetnsMachine;

const NONCE: Nonce = Nonce([9; 16]);

/// An agent that runs as root on a machine.
pub(super) struct Agent {
    child: Child,
    input: ChildStdin,
    output: MessageReader<Chain<Cursor<Vec<u8>>, ChildStdout>, ToController>,
    next: u32,
    pub(super) facts: Facts,
    /// The output of the programs of the last call.
    pub(super) log: String,
}

impl Agent {
    /// Copies the agent of the tests to a machine and starts it there.
    pub(super) fn start(machine: &NetnsMachine) -> Self {
        let path = machine.root().join("root/test-agent");
        if !path.exists() {
            fs::copy(env!("CARGO_BIN_EXE_machine-agent"), &path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let mut command = machine.command();
        command.args(["/root/test-agent", "serve", &NONCE.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut scanner = HelloScanner::new(NONCE);
        let rest = loop {
            let mut buffer = [0; 4096];
            let read = output.read(&mut buffer).unwrap();
            assert!(read > 0, "the agent did not start: {}", scanner.noise());
            let mut bytes = &buffer[..read];
            if scanner.decode(&mut bytes).unwrap().is_some() {
                break bytes.to_vec();
            }
        };
        let mut output = MessageReader::new(Cursor::new(rest).chain(output));
        let Some(ToController::Facts(facts)) = output.receive().unwrap() else { panic!("facts") };
        let mut agent = Self { child, input, output, next: 0, facts: *facts, log: String::new() };
        agent.send(&ToAgent::Begin(Begin { controller: "the tests".into(), heartbeat: 0, lock_wait: 0 }));
        agent
    }

    fn send(&mut self, message: &ToAgent) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        self.input.write_all(&bytes).unwrap();
    }

    /// Makes a call for one resource, and returns the message about it.
    fn call(&mut self, resource: &impl Resource, call: impl FnOnce(ResourceId) -> Call) -> ToController {
        self.next += 1;
        let (id, name) = (CallId(self.next), ResourceId(self.next));
        self.send(&ToAgent::Declare(vec![Declared { id: name, resource: ResourceData::of(resource) }]));
        self.send(&ToAgent::Call { id, call: call(name) });
        let (mut about, mut log) = (None, Vec::new());
        loop {
            match self.output.receive().unwrap().expect("an answer") {
                ToController::Output { id, bytes, .. } => {
                    log.extend_from_slice(&bytes);
                    self.send(&ToAgent::Credit { id, bytes: u32::try_from(bytes.len()).unwrap() });
                }
                ToController::Answer { answer, .. } => {
                    self.log = String::from_utf8_lossy(&log).into_owned();
                    return about.unwrap_or_else(|| panic!("{answer:?} without a message before it"));
                }
                message => about = Some(message),
            }
        }
    }

    /// Makes a call for resources, and returns its answer.
    pub(super) fn ask(
        &mut self,
        resources: &[ResourceData],
        call: impl FnOnce(Vec<ResourceId>) -> Call,
    ) -> Result<(), String> {
        self.next += 1;
        let (id, mut names) = (CallId(self.next), Vec::new());
        for resource in resources {
            self.next += 1;
            names.push(ResourceId(self.next));
            self.send(&ToAgent::Declare(vec![Declared { id: ResourceId(self.next), resource: resource.clone() }]));
        }
        self.send(&ToAgent::Call { id, call: call(names) });
        loop {
            if let ToController::Answer { answer, .. } = self.output.receive().unwrap().expect("an answer") {
                return match answer {
                    Answer::Failed(failure) => Err(failure.to_string()),
                    _ => Ok(()),
                };
            }
        }
    }

    /// Kills the agent, and leaves its guardian alone.
    pub(super) fn kill(self, machine: &NetnsMachine) {
        machine.run("pkill -KILL -f 'test-agent [s]erve'").unwrap();
    }

    /// Returns what differs, or the failure, as text.
    pub(super) fn observe(&mut self, resource: &impl Resource) -> Result<Vec<String>, String> {
        match self.call(resource, |id| Call::Observe { resources: vec![id] }) {
            ToController::Observed { observation: Ok(differences), .. } => {
                Ok(differences.iter().map(ToString::to_string).collect())
            }
            ToController::Observed { observation: Err(failure), .. } => Err(failure.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn change(&mut self, resource: &impl Resource, change: Change) -> Result<Outcome, String> {
        let apply = |id| Call::Apply(Apply { resources: vec![id], change, then_observe: Vec::new(), guard: None });
        match self.call(resource, apply) {
            ToController::Applied { outcome, .. } => outcome.map_err(|failure| failure.to_string()),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn apply(&mut self, resource: &impl Resource) -> Result<Outcome, String> {
        self.change(resource, Change::Apply)
    }

    pub(super) fn undo(&mut self, resource: &impl Resource) {
        self.change(resource, Change::Undo).unwrap();
        self.change(resource, Change::Undo).unwrap();
    }

    /// Applies a resource that differs in this way, and checks that a second time does nothing.
    pub(super) fn brings(&mut self, resource: &impl Resource, differences: &[&str]) {
        assert_eq!(self.observe(resource).unwrap(), differences);
        assert!(matches!(self.apply(resource).unwrap(), Outcome::Changed(_)));
        assert_eq!(self.observe(resource).unwrap(), [""; 0]);
        assert_eq!(self.apply(resource).unwrap(), Outcome::Unchanged);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
