//! A directory that the ledger is run in, and what must hold in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A sequence of numbers that looks random and is the same for a seed.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A number that may be set from outside, for longer runs.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub struct Place {
    pub directory: tempfile::TempDir,
    pub settings: Vec<(&'static str, String)>,
}

/// What a task's ledger says.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub begun: Vec<String>,
    pub ended: Vec<String>,
    /// Whether the last word is that it began.
    pub is_open: bool,
}

impl Place {
    pub fn new(settings: &[(&'static str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let place = Self { directory: tempfile::tempdir().unwrap(), settings };
        fs::create_dir_all(place.path().join("generations")).unwrap();
        place
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The same in another directory.
    pub fn copy(&self) -> Self {
        let copy = Self { directory: tempfile::tempdir().unwrap(), settings: self.settings.clone() };
        let copied = Command::new("cp").arg("-a").arg(self.path().join(".")).arg(copy.path()).status();
        assert!(copied.unwrap().success());
        copy
    }

    pub fn command(&self, mode: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
        command.arg(self.path()).arg(mode).envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn output(&self, mode: &str) -> Output {
        self.command(mode).output().unwrap()
    }

    /// Runs to the end, and expects all to be well.
    pub fn good(&self, mode: &str) -> String {
        let output = self.output(mode);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn set_generation(&self, object: u64, generation: u64) {
        fs::write(self.path().join(format!("generations/o{object}")), generation.to_string()).unwrap();
    }

    pub fn generation(&self, task: &str) -> String {
        let object = task.split('.').next().unwrap();
        fs::read_to_string(self.path().join("generations").join(object)).unwrap_or_else(|_| "0".to_owned())
    }

    /// The stamps that are believed: what each says, and its time.
    pub fn stamps(&self) -> BTreeMap<String, (String, u64)> {
        let lines = self.good("look");
        let parse = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap();
            (next(), (next(), next().parse().unwrap()))
        };
        lines.lines().map(parse).collect()
    }

    /// The tasks that would run.
    pub fn plan(&self) -> BTreeSet<String> {
        self.good("plan").lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    pub fn ledger(&self) -> BTreeMap<String, Account> {
        let Ok(entries) = fs::read_dir(self.path().join("ledger")) else { return BTreeMap::new() };
        let account = |path: &Path| {
            let mut account = Account::default();
            for line in fs::read_to_string(path).unwrap().lines() {
                let mut words = line.split(' ');
                let (word, generation) = (words.next().unwrap(), words.next().unwrap_or_default().to_owned());
                account.is_open = word == "begin";
                let list = match word {
                    "begin" => &mut account.begun,
                    "end" => &mut account.ended,
                    _ => panic!("`{line}` in {} is half a line", path.display()),
                };
                list.push(generation);
            }
            account
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), account(&path))).collect()
    }

    /// No stamp is believed whose work is not there, or whose task was interrupted.
    pub fn check_truth(&self, context: &str) {
        let ledger = self.ledger();
        for (task, (generation, _)) in self.stamps() {
            let effect = fs::read_to_string(self.path().join("effects").join(&task)).unwrap_or_default();
            assert_eq!(effect, generation, "{context}: `{task}` is believed done without its work");
            let account = &ledger[&task];
            assert!(!account.is_open, "{context}: `{task}` is believed done, and was interrupted: {account:?}");
            assert_eq!(account.ended.last(), Some(&generation), "{context}: `{task}`");
        }
    }

    /// Runs to the end: just what the plan says runs, once; then nothing does.
    pub fn check_finish(&self, context: &str) {
        let (before, text) = (self.ledger(), self.good("plan"));
        let planned: BTreeSet<_> = text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        let report = self.good("run");
        let after = self.ledger();
        let context = &format!("{context}\nplan:\n{text}run:\n{report}");
        for (task, account) in &after {
            let earlier = before.get(task).map_or(0, |account| account.begun.len());
            let times = account.begun.len() - earlier;
            assert_eq!(times, usize::from(planned.contains(task)), "{context}: `{task}` ran {times} times");
            assert_eq!(account.begun.last(), Some(&self.generation(task)), "{context}: `{task}`");
        }
        self.check_truth(context);
        assert!(self.plan().is_empty(), "{context}: all is done");
    }
}
