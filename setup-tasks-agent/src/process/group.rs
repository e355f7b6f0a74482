//! Process groups that end with the agent, even if the agent is killed.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The environment variable by which processes that left their group are found.
const MARK: &str = "SETUP_TASKS_COMMAND";

/// The script of a keeper. Its input ends when the agent ends or is killed. It then kills all processes with the mark of the
/// command, which is its argument, and its own group.
const KEEPER: &str = r#"
trap '' TERM INT HUP
read -r _
for round in 1 2 3; do
    for environ in /proc/[0-9]*/environ; do
        if grep -q "$1" "$environ"; then
            process=${environ#/proc/}
            kill -s KILL "${process%/environ}"
        fi
    done
done 2>/dev/null
kill -s KILL 0
"#;

/// A process group for one command, and the processes that leave it. A shell, the keeper, leads the group. It ends the group if the
/// agent is killed. Until the keeper is waited for, the system cannot give its number to another group.
#[derive(Debug)]
pub(crate) struct Group {
    keeper: Child,
    mark: String,
}

impl Group {
    /// Starts a keeper.
    pub(crate) fn new() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mark = format!("{}-{}-{now}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "setup-tasks-keeper", &format!("{MARK}={mark}")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { keeper, mark })
    }

    /// Makes a command start in this group. If the keeper is gone by then, the command does not start.
    pub(crate) fn adopt(&self, command: &mut Command) {
        command.process_group(i32::try_from(self.keeper.id()).unwrap_or_default()).env(MARK, &self.mark);
    }

    /// Sends a signal to all processes of the command.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(leader) = Pid::from_raw(i32::try_from(self.keeper.id()).unwrap_or_default()) else { return };
        // An error means that no process is left.
        let _ = kill_process_group(leader, signal);
        let mut seen = BTreeSet::new();
        // A process can start another one while the list is read.
        for _ in 0..3 {
            for pid in self.strays(leader).into_iter().filter(|pid| seen.insert(pid.as_raw_nonzero())) {
                let _ = kill_process(pid, signal);
            }
        }
    }

    /// Returns the processes of the command that have left the group, as far as the system shows their environment.
    fn strays(&self, leader: Pid) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.mark);
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids =
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
        pids.filter(|pid| group_of(*pid) != Some(leader))
            .filter(|pid| {
                let environ = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
                environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            })
            .collect()
    }
}

/// Returns the process group of a process. Threads of the kernel have none.
fn group_of(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name of the program, in parentheses, can contain any characters. State and parent follow it.
    Pid::from_raw(stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()?)
}

impl Drop for Group {
    fn drop(&mut self) {
        // Processes that the command left running on purpose go on.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
