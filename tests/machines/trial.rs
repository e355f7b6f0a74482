//! A site on a machine whose connection a test can stop at any byte, and the checks of its state.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::{Numbers, Scratch};

/// The tasks of the site, in their order.
const TASKS: [&str; 6] = ["directories", "files", "one", "large", "another", "notes"];
/// The time after which something that should happen at once counts as broken.
const PATIENCE: Duration = Duration::from_mins(2);

/// A site on a machine, and the stamps of its controller.
pub struct Trial {
    network: TestNetwork,
    pub host: NetnsMachine,
    stamps: Scratch,
    valves: Scratch,
    generations: [u64; 6],
    /// The bytes to the machine and from it of a run in which all tasks run.
    usual: [u64; 2],
    round: u64,
    /// Whether the run copies the agent first.
    pub copies: bool,
    pub numbers: Numbers,
}

/// A controller behind a valve.
pub struct Run {
    pub controller: Child,
    valve: PathBuf,
}

/// The state of the controller's stamps and of the machine after a harm.
pub struct Left {
    /// The tasks that are up to date by their stamps.
    stamped: Vec<String>,
    begun: BTreeMap<String, usize>,
    files: BTreeMap<String, String>,
}

impl Trial {
    /// Boots a machine, and brings the site up once, so that the agent is there. Returns `None` if the system has no machines.
    pub fn start(seed: u64) -> Option<Self> {
        let network = TestNetwork::start_or_skip()?;
        let host = network.machine("web").boot().unwrap();
        let (stamps, valves) = (Scratch::new(), Scratch::new());
        let (generations, numbers) = ([1; 6], Numbers::new(seed));
        let mut trial =
            Self { network, host, stamps, valves, generations, usual: [0; 2], round: 0, copies: false, numbers };
        trial.finish("the first run");
        trial.generations = [2; 6];
        let mut run = trial.run("", &[]);
        assert!(run.controller.wait().unwrap().success());
        trial.usual = ["to", "from"].map(|name| fs::read_to_string(run.valve.join(name)).unwrap().parse().unwrap());
        Some(trial)
    }

    /// Returns the command for the site.
    fn site(&self, ssh: &str, mode: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machine-site"));
        command.arg(ssh).arg(self.stamps.path()).arg(mode).arg(self.host.root());
        command.env("GENERATIONS", self.generations.map(|generation| generation.to_string()).join(","));
        command.env("SETUP_TASKS_AGENT", env!("CARGO_BIN_EXE_machine-agent"));
        command
    }

    /// Starts a run whose connection stops at a byte.
    fn run(&self, at: &str, settings: &[(&str, String)]) -> Run {
        let valve = self.valves.file(self.round.to_string());
        fs::create_dir(&valve).unwrap();
        let mut command = self.site(env!("CARGO_BIN_EXE_valve"), "run");
        command.env("VALVE_SSH", self.network.ssh_program()).env("VALVE_DIRECTORY", &valve).env("VALVE_AT", at);
        command.envs(settings.iter().map(|(name, value)| (name, value))).stdout(Stdio::null()).stderr(Stdio::null());
        Run { controller: command.spawn().unwrap(), valve }
    }

    /// Gives some tasks another generation, and starts a run whose connection stops at a random byte.
    pub fn run_to_random_byte(&mut self, heartbeat: Duration) -> Run {
        self.round += 1;
        for generation in &mut self.generations {
            *generation += u64::from(self.numbers.below(3) > 0);
        }
        self.copies = self.numbers.below(8) == 0;
        if self.copies {
            self.host.run("rm -rf ~/.cache/setup-tasks-agent").unwrap();
        }
        let direction = self.numbers.index(2);
        // Most frames are small, and most bytes are those of the large file.
        let usual = self.usual[direction];
        let limit = if self.numbers.below(3) > 0 { usual.min(40_000) } else { usual };
        let at = 1 + self.numbers.below(limit);
        let persist = ("PERSIST", self.numbers.below(2).to_string());
        let heartbeat = ("HEARTBEAT_MS", heartbeat.as_millis().to_string());
        self.run(&format!("{} {at}", ["to", "from"][direction]), &[persist, heartbeat])
    }

    /// Returns the seed of errors.
    pub fn context(&self, harm: &str) -> String {
        format!("round {} of {harm}, generations {:?}", self.round, self.generations)
    }

    /// Waits until nothing of the controller is on the machine: no agent, no command, and nothing that a command started.
    pub fn assert_no_process_is_left(&self, context: &str) {
        let own = ["sshd: ", "/usr/sbin/sshd", "/bin/bash -c /usr/sbin/sshd", "sleep infinity"];
        let left = || -> Vec<String> {
            let all = self.host.processes().unwrap().into_iter();
            all.filter(|line| !own.iter().any(|own| line.contains(own))).collect()
        };
        let began = Instant::now();
        while !left().is_empty() {
            assert!(began.elapsed() < PATIENCE, "{context}: these processes stay: {:#?}", left());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asserts that each stamp is true, and returns what is there.
    pub fn examine(&self, context: &str) -> Left {
        let output = self.site("no-ssh", "look").output().unwrap();
        assert!(output.status.success(), "{context}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert_eq!(lines.iter().map(|words| words[0]).collect::<Vec<_>>(), TASKS, "{context}");
        let ledger = self.ledger();
        for (words, generation) in lines.iter().zip(self.generations).filter(|(words, _)| words[1] == "stamped") {
            assert_eq!(words[2], "right", "{context}: the stamp of `{}` is wrong", words[0]);
            let done = format!("done {} {generation}", words[0]);
            let is_noted = !ledger.contains(&format!(" {} ", words[0])) || ledger.lines().any(|line| line == done);
            assert!(is_noted, "{context}: `{}` has a stamp, and its work has no end:\n{ledger}", words[0]);
        }
        let stamped = lines.iter().filter(|words| words[1] == "stamped").map(|words| words[0].to_owned()).collect();
        Left { stamped, begun: begun(&ledger), files: self.files() }
    }

    /// Completes the site, and asserts that it is complete, that nothing with a stamp ran again, and that nothing else is left.
    pub fn complete(&self, context: &str, left: &Left) {
        self.finish(context);
        let (now, files) = (self.examine(context), self.files());
        assert_eq!(now.stamped, TASKS, "{context}");
        for task in TASKS {
            let times = now.begun.get(task).unwrap_or(&0) - left.begun.get(task).unwrap_or(&0);
            let is_command = now.begun.contains_key(task);
            let expected = usize::from(is_command && !left.stamped.iter().any(|stamped| stamped == task));
            assert_eq!(times, expected, "{context}: `{task}` began {times} times in the run that completed the site");
        }
        for (path, before) in &left.files {
            let letter = path.chars().next().unwrap();
            let task = TASKS.iter().find(|task| task.starts_with(letter)).unwrap();
            let is_stamped = left.stamped.iter().any(|stamped| stamped == task);
            assert!(!is_stamped || files[path] == *before, "{context}: {path} was written again");
        }
        let search = "cd /; find . ./run ./dev/shm -xdev '(' -name 'draft-*' -o -name '.setup-tasks*' ')' ! -name '.setup-tasks-agent-*.lock'; \
                      ls /srv/site /srv/effects; ls -A /var/lib/setup-tasks 2>/dev/null || true";
        let expected = "/srv/effects:\nanother\none\n\n/srv/site:\nf0\nf1\nf2\nl0\nnotes\n";
        assert_eq!(self.host.run(search).unwrap(), expected, "{context}");
        self.assert_no_process_is_left(context);
    }

    /// Runs to the end.
    fn finish(&self, context: &str) {
        let output = self.site(&self.network.ssh_program().display().to_string(), "run").output().unwrap();
        assert!(output.status.success(), "{context}: {}", String::from_utf8_lossy(&output.stdout));
    }

    fn ledger(&self) -> String {
        fs::read_to_string(self.host.root().join("srv/ledger")).unwrap_or_default()
    }

    /// Returns inode and time of change of each file of the site.
    fn files(&self) -> BTreeMap<String, String> {
        let list = self.host.run("cd /srv/site 2>/dev/null && find . -type f -printf '%f %i %C@\\n' || true").unwrap();
        list.lines().filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name.into(), rest.into())).collect()
    }
}

/// Returns how often each task began.
fn begun(ledger: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in ledger.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(words.len() == 3, "`{line}` is half a line");
        *times.entry(words[1].to_owned()).or_default() += usize::from(words[0] == "begun");
    }
    times
}

impl Run {
    /// Waits until the connection stops at its byte. Returns false if the controller ends before.
    pub fn reach(&mut self) -> bool {
        let began = Instant::now();
        while !self.valve.join("reached").exists() {
            if self.controller.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(began.elapsed() < PATIENCE, "the run neither reaches its byte nor ends");
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Lets the connection go on.
    pub fn go(&self) {
        fs::write(self.valve.join("go"), "").unwrap();
    }

    /// Waits until the controller ends by itself.
    pub fn end(&mut self, context: &str) {
        let began = Instant::now();
        while self.controller.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "{context}: the controller does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.controller.kill();
        let _ = self.controller.wait();
    }
}
