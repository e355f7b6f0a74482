//! Operators: processes of the test's program, each on a "host" with directories and a name of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::server::{Server, address_in};

/// A database that operators share, with the ledger of their tasks.
pub struct Site {
    pub address: String,
    directory: TempDir,
}

impl Site {
    /// Returns a site in a new schema. Its leases last for some seconds.
    pub fn new(server: &Server, lease_secs: u32) -> Self {
        Self::at(&format!("{}&lease_secs={lease_secs}", address_in(server)))
    }

    /// Returns a site at an address with parameters.
    pub fn at(address: &str) -> Self {
        Self { address: address.to_owned(), directory: TempDir::new().unwrap() }
    }

    /// Returns the name of the schema.
    pub fn schema(&self) -> &str {
        self.address.split_once("schema=").and_then(|(_, rest)| rest.split('&').next()).unwrap()
    }

    /// Returns a command line of an operator on a host.
    pub fn operator(&self, host: &str, args: &[&str]) -> Command {
        self.operator_at(&format!("{}&host_name={host}", self.address), host, args)
    }

    /// Returns a command line of an operator with another address.
    pub fn operator_at(&self, address: &str, host: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
        fs::create_dir_all(self.base(host)).unwrap();
        command.args(args).current_dir(self.base(host)).env("OPERATOR_STORE", address);
        command.env("LEDGER", self.ledger_path()).env("OPERATOR_LEASE_TIMEOUT_SECS", "30").stdin(Stdio::null());
        command.env_remove("PGPASSWORD").env("PGPASSFILE", "/dev/null");
        command
    }

    /// Runs an operator, which must succeed, and returns its output.
    pub fn run(&self, host: &str, args: &[&str]) -> String {
        succeeded(self.operator(host, args).output().unwrap())
    }

    /// Starts an operator.
    pub fn start(&self, host: &str, args: &[&str], settings: &[(&str, &str)]) -> Child {
        let mut command = self.operator(host, args);
        command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        test_kit::guard(&child);
        child
    }

    /// Returns the directory of a host.
    pub fn base(&self, host: &str) -> PathBuf {
        self.directory.path().join(host)
    }

    /// Writes the instruction for a task on a host, or removes it.
    pub fn instruct(&self, host: &str, task: &str, instruction: Option<&str>) {
        fs::create_dir_all(self.base(host)).unwrap();
        let path = self.base(host).join(task.replace('/', "."));
        match instruction {
            // A task reads the old instruction or the new one, and no part of it.
            Some(text) => {
                let new = path.with_extension("new");
                fs::write(&new, text).unwrap();
                fs::rename(new, path).unwrap();
            }
            None => fs::remove_file(path).unwrap(),
        }
    }

    fn ledger_path(&self) -> PathBuf {
        self.directory.path().join("ledger")
    }

    /// Returns the lines of the ledger, without the ids of the processes.
    pub fn ledger(&self) -> Vec<String> {
        let text = fs::read_to_string(self.ledger_path()).unwrap_or_default();
        text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    }

    /// Returns how often the ledger has a line.
    pub fn times(&self, line: &str) -> usize {
        self.ledger().iter().filter(|other| *other == line).count()
    }

    /// Expects that each task of `count` objects has ended once.
    pub fn expect_each_once(&self, count: usize) {
        let mut ended: Vec<_> = self.ledger().into_iter().filter(|line| line.starts_with("end")).collect();
        ended.sort();
        let tasks = ["first", "second", "third"];
        let mut expected: Vec<_> = (0..count).flat_map(|n| tasks.map(|task| format!("end h{n}/{task}"))).collect();
        expected.sort();
        assert_eq!(ended, expected);
    }
}

/// Returns the output of a process that must have succeeded.
pub fn succeeded(output: Output) -> String {
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    text
}

/// Returns the output of a process that must have failed.
pub fn failed(output: Output) -> String {
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    text
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
