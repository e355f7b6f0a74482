//! Waits with a time limit.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Kills a process after a minute, so that a test that waits for it fails and does not hang.
pub fn guard(child: &Child) {
    guard_process(child.id());
}

/// Kills a process after a minute, by its number.
pub fn guard_process(pid: u32) {
    let pid = pid.to_string();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_mins(1));
        // The error of a process that has ended is expected.
        let _ = Command::new("kill").args(["-9", &pid]).stderr(Stdio::null()).status();
    });
}

/// Waits for a condition of which no event informs. Fails after 30 seconds.
pub fn until(what: &str, happens: impl Fn() -> bool) {
    let since = Instant::now();
    while !happens() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what} never happens");
        std::thread::sleep(Duration::from_millis(5));
    }
}
