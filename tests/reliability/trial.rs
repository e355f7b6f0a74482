//! The directory of a test that runs the binary `ledger`, and the checks of its state.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use test_kit::Scratch;

/// A directory, and the settings of the binary.
pub struct Trial {
    pub directory: Scratch,
    pub settings: Vec<(&'static str, String)>,
}

/// The entries in the ledger of one task.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub begun: Vec<String>,
    pub ended: Vec<String>,
    /// The numbers of undos that began and that ended.
    pub undos: (usize, usize),
    /// Whether the last entry records a beginning.
    pub is_open: bool,
}

impl Trial {
    pub fn new(settings: &[(&'static str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let place = Self { directory: Scratch::new(), settings };
        fs::create_dir_all(place.path().join("generations")).unwrap();
        place
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a copy in another directory.
    pub fn copy(&self) -> Self {
        Self { directory: self.directory.copy(), settings: self.settings.clone() }
    }

    pub fn command(&self, mode: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
        command.arg(self.path()).arg(mode).envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn output(&self, mode: &str) -> Output {
        self.command(mode).output().unwrap()
    }

    /// Runs the binary, and returns its output. Fails if it does.
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

    /// Returns the text and the time of every valid stamp.
    pub fn stamps(&self) -> BTreeMap<String, (String, u64)> {
        let lines = self.good("look");
        let parse = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap();
            (next(), (next(), next().parse().unwrap()))
        };
        lines.lines().map(parse).collect()
    }

    /// Returns the tasks with a record.
    pub fn records(&self) -> BTreeSet<String> {
        self.good("records").lines().map(str::to_owned).collect()
    }

    /// Returns the tasks that would run.
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
                account.is_open = word == "begin" || word == "undo";
                let list = match word {
                    "undo" => {
                        account.undos.0 += 1;
                        continue;
                    }
                    "undone" => {
                        account.undos.1 += 1;
                        account.ended.push("undone".to_owned());
                        continue;
                    }
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

    /// Checks that every valid stamp belongs to a task whose work is present and was not interrupted.
    pub fn check_truth(&self, context: &str) {
        let ledger = self.ledger();
        for (task, (generation, _)) in self.stamps() {
            let effect = fs::read_to_string(self.path().join("effects").join(&task)).unwrap_or_default();
            assert_eq!(effect, generation, "{context}: `{task}` has a valid stamp without its work");
            let account = &ledger[&task];
            assert!(!account.is_open, "{context}: `{task}` has a valid stamp, and was interrupted: {account:?}");
            assert_eq!(account.ended.last(), Some(&generation), "{context}: `{task}`");
        }
    }

    /// Runs to the end. Checks that each planned task ran once, that no other task ran, and that
    /// nothing is left to do.
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
