//! A directory that the binary is run in, and what it prints there.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A directory of its own.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("wanted.txt", "bread\n");
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.file(name)).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_site"));
        command.args(args).current_dir(self.path()).env_remove("RUST_LOG").env_remove("NO_COLOR").env_remove("COLUMNS");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs, and expects all to be well.
    pub fn good(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The command line as it would be typed, what it prints, what goes to the standard error, and how it ends; what differs
    /// from run to run is left out.
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

/// What differs from run to run, left out.
pub fn redact(text: &str) -> String {
    text.lines().map(|line| redact_line(line) + "\n").collect()
}

/// Durations, dates, hashes and numbers of runs, as words of a line. Columns that durations make narrower or wider are one.
fn redact_line(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut words: Vec<String> = line[indent.len()..].split(' ').map(str::to_owned).collect();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    for at in 0..words.len() {
        let unit = |offset: usize| {
            words.get(at + offset).map(|word| word.trim_end_matches([',', ';', ':'])).unwrap_or_default()
        };
        if is_number(&words[at]) && ["ms", "s", "min"].contains(&unit(1)) {
            "N".clone_into(&mut words[at]);
        }
    }
    let mut text = indent + &words.join(" ");
    for (from, to) in [
        ("N min ago", "SOME TIME AGO"),
        ("N s ago", "SOME TIME AGO"),
        ("just now", "SOME TIME AGO"),
        ("N ms", "TIME"),
        ("N s", "TIME"),
    ] {
        text = text.replace(from, to);
    }
    let is_time = |word: &str| word.len() == 12 && word.split([':', '.']).map(str::len).eq([2, 2, 2, 3]);
    let words: Vec<_> = text.split(' ').map(|word| if is_time(word) { "TIME" } else { word }).collect();
    redact_dates(&redact_runs(&words.join(" ")))
}

fn redact_dates(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" UTC") {
        let (before, after) = rest.split_at(at);
        let from = before.len().saturating_sub("2026-11-25 00:20:42".len());
        out.push_str(&before[..from]);
        out.push_str("DATE");
        rest = &after[" UTC".len()..];
    }
    out + rest
}

/// The microseconds in the names of logs, and times of the day.
fn redact_runs(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() >= 16 { "NUMBER" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// Ends a process that does not end: a test that waits for what never comes fails instead of waiting for ever.
pub fn guard(child: &Child) {
    guard_process(child.id());
}

/// As [`guard`], by the number of the process.
pub fn guard_process(pid: u32) {
    let pid = pid.to_string();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_mins(1));
        // Of a process that has ended, an error says so.
        let _ = Command::new("kill").args(["-9", &pid]).stderr(Stdio::null()).status();
    });
}

/// Waits for something that happens soon.
pub fn until(what: &str, happens: impl Fn() -> bool) {
    let since = Instant::now();
    while !happens() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what} never happens");
        std::thread::sleep(Duration::from_millis(5));
    }
}
