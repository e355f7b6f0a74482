//! The directory of a test that runs the binary `site`.

use std::fmt::Write;
use std::ops::Deref;
use std::process::{Command, Output};

use test_kit::{Scratch, redact};

/// A directory with the input files of the binary.
pub struct Project(Scratch);

impl Project {
    pub fn new() -> Self {
        let place = Self(Scratch::new());
        place.write("wanted.txt", "bread\n");
        place
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_site"));
        command
            .args(args)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .env("TZ", "UTC");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the binary, and returns its output. Fails if it does.
    pub fn good(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the binary, and returns the command line, both outputs and the exit code. Parts that
    /// differ between runs are redacted.
    pub fn show(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let mut text = format!("$ site {}\n{}", args.join(" "), String::from_utf8(output.stdout).unwrap());
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            writeln!(text, "2> {line}").unwrap();
        }
        if let Some(code) = output.status.code().filter(|code| *code != 0) {
            writeln!(text, "[ends with {code}]").unwrap();
        }
        self.redact(&text)
    }

    fn redact(&self, text: &str) -> String {
        redact(&text.replace(self.path().to_str().unwrap(), "PLACE"))
    }
}

impl Deref for Project {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        &self.0
    }
}
