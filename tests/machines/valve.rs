//! A program in the place of `ssh` that stops in the middle of a connection, so that a test can do harm at exactly that byte.
//!
//! `VALVE_SSH` names the real program. `VALVE_AT` is `to BYTES` or `from BYTES`: after this many bytes to the machine or from it, the
//! valve creates the file `VALVE_DIRECTORY/reached`, and goes on when `VALVE_DIRECTORY/go` exists. The number of bytes
//! so far is in `VALVE_DIRECTORY/to` and `VALVE_DIRECTORY/from`.

use std::env::{args_os, var};
use std::fs;
use std::io::{Read, Write, stdin, stdout};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// One direction of a connection.
struct Direction {
    name: &'static str,
    stop: Option<u64>,
    directory: PathBuf,
}

fn main() -> ExitCode {
    let ssh = var("VALVE_SSH").expect("the real program");
    if args_os().any(|arg| arg == "-G") {
        let error = Command::new(ssh).args(args_os().skip(1)).exec();
        unreachable!("it has taken the place of this program: {error}");
    }
    let (to, from) = (Direction::new("to"), Direction::new("from"));
    // The controller ends this program alone, so the other one has to end with it.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(ssh)
        .args(args_os().skip(1))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    std::thread::spawn(move || to.copy(stdin(), input));
    from.copy(output, stdout());
    let status = child.wait().unwrap();
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}

impl Direction {
    fn new(name: &'static str) -> Self {
        let at = var("VALVE_AT").unwrap_or_default();
        let stop = at.strip_prefix(name).map(|bytes| bytes.trim().parse().expect("a number of bytes"));
        let directory = var("VALVE_DIRECTORY").expect("a directory").into();
        Self { name, stop, directory }
    }

    /// Copies until the end of one side.
    fn copy(&self, mut input: impl Read, mut output: impl Write) {
        let (mut buffer, mut stop, mut passed) = (vec![0; 64 << 10], self.stop, 0);
        while let Ok(count @ 1..) = input.read(&mut buffer) {
            let mut part = &buffer[..count];
            if let Some(at) = stop.take_if(|at| *at <= passed + count as u64) {
                let (before, after) = part.split_at(usize::try_from(at.saturating_sub(passed)).unwrap());
                if output.write_all(before).and_then(|()| output.flush()).is_err() {
                    return;
                }
                self.wait();
                part = after;
            }
            if output.write_all(part).and_then(|()| output.flush()).is_err() {
                return;
            }
            passed += count as u64;
            let _ = fs::write(self.directory.join(self.name), passed.to_string());
        }
    }

    /// Waits until the test has done its harm. The second connection of a program does not stop again.
    fn wait(&self) {
        if fs::File::create_new(self.directory.join("reached")).is_err() {
            return;
        }
        while self.directory.exists() && !self.directory.join("go").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
