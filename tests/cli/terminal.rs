//! Tests on a real pseudo-terminal, whose output a terminal emulator interprets.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

use test_kit::{guard_process, until};

use crate::project::Project;

/// The width of a terminal.
const WIDTH: u16 = 110;

/// The binary as a process on a terminal.
pub struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    reader: Option<std::thread::JoinHandle<()>>,
    _pty: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    pub fn run(place: &Project, args: &[&str], no_color: bool) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_site"));
        command.args(args);
        Self::start(place, command, no_color, WIDTH)
    }

    /// Runs the binary without colors on a terminal of this width.
    pub fn run_with_width(place: &Project, args: &[&str], columns: u16) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_site"));
        command.args(args);
        Self::start(place, command, true, columns)
    }

    /// Runs a shell that finds the binary by its name.
    pub fn run_shell(place: &Project, program: &str, args: &[&str]) -> Self {
        let mut command = CommandBuilder::new(program);
        command.args(args);
        let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_site")).parent().unwrap();
        command.env("PATH", format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap()));
        command.env("HOME", place.path());
        command.env("PS1", "go>");
        Self::start(place, command, true, WIDTH)
    }

    /// Runs the binary as a job of a shell. The shell prints how the job was stopped and ended, and
    /// continues it after a line of input.
    pub fn run_as_job(place: &Project, args: &[&str]) -> Self {
        let mut command = CommandBuilder::new("bash");
        let script = r#"set -m; "$@"; echo "<stopped with $?>"; read -r; fg; echo "<ended with $?>""#;
        command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_site")]);
        command.args(args);
        Self::start(place, command, true, WIDTH)
    }

    fn start(place: &Project, mut command: CommandBuilder, no_color: bool, columns: u16) -> Self {
        let size = PtySize { rows: 40, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        command.cwd(place.path());
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        command.env_remove("NO_COLOR");
        command.env_remove("CI");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let child = pty.slave.spawn_command(command).unwrap();
        guard_process(child.process_id().unwrap());
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size.rows, size.cols, 200)));
        let raw = Arc::<Mutex<Vec<u8>>>::default();
        let mut from = pty.master.try_clone_reader().unwrap();
        let (to, all) = (screen.clone(), raw.clone());
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error means that no process has the other end open.
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().process(&bytes[..count]);
                all.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Self { screen, raw, keys, child, reader: Some(reader), _pty: pty.master }
    }

    pub fn shows(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    pub fn until(&self, what: &str) {
        until(&format!("{what:?} on the screen"), || self.shows().contains(what));
    }

    pub fn ctrl_c(&mut self) {
        self.press("\x03");
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for the end of the process. Returns its exit code and the contents of the screen.
    pub fn end(self) -> (u32, String) {
        let (code, shown, _) = self.end_with_all();
        (code, shown)
    }

    /// Waits for the end of the process. Returns its exit code, the contents of the screen, and
    /// everything that was written to the terminal.
    pub fn end_with_all(mut self) -> (u32, String, String) {
        let status = self.child.wait().unwrap();
        // The process closes the other end of the terminal when it ends.
        self.reader.take().unwrap().join().unwrap();
        (status.exit_code(), self.shows(), String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned())
    }
}

#[test]
fn progress_shows_what_runs_how_much_is_done_and_how_long_the_rest_takes() {
    let place = Project::new();
    place.write("slow", "");
    place.good(&["up"]);
    place.good(&["clear", "moody"]);
    place.write("wait", "");
    let terminal = Terminal::run(&place, &["up", "moody"], false);
    terminal.until("moody  Wait for a sign: wait for the file go");
    terminal.until("0/4 tasks, about ");
    place.write("go", "");
    terminal.until("moody  Rest");
    terminal.until("3/4 tasks");
    let shown = terminal.shows();
    assert!(shown.contains("moody  Wait for a sign   done in "), "a line for what is done stays: {shown}");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0);
    let last = shown.trim_end().lines().last().unwrap().to_owned();
    assert!(last.starts_with("done: 1 object; 4 tasks ran in "), "the bars are gone: {shown}");
    assert!(!shown.contains("tasks, about") && !shown.contains("[="), "{shown}");
}

#[test]
fn colours_are_on_a_terminal_and_obey_no_color() {
    let place = Project::new();
    let (code, _, written) = Terminal::run(&place, &["up"], false).end_with_all();
    assert!(code == 0 && written.contains("\x1b[32mdone"), "{written:?}");
    place.good(&["clear", "*", "--yes"]);
    let (code, shown, written) = Terminal::run(&place, &["up"], true).end_with_all();
    assert!(code == 0 && shown.contains("done in"), "{shown}");
    let colours: Vec<_> = written
        .split("\x1b[")
        .skip(1)
        .filter(|code| {
            code.split_once('m').is_some_and(|(code, _)| code.chars().all(|c| c.is_ascii_digit() || c == ';'))
        })
        .collect();
    assert!(colours.is_empty(), "{colours:?}");
}

#[test]
fn one_ctrl_c_finishes_running_tasks_and_starts_no_more() {
    let place = Project::new();
    place.write("wait", "");
    let mut terminal = Terminal::run(&place, &["up"], false);
    terminal.until("Wait for a sign");
    until("the task waits", || place.file("waiting").exists());
    terminal.ctrl_c();
    terminal.until("stopping: waiting for running tasks; press Ctrl-C again to stop at once");
    place.write("go", "");
    let (code, shown) = terminal.end();
    assert_eq!(code, 130, "{shown}");
    assert!(shown.contains("moody was stopped before its last task"), "{shown}");
    let status = place.good(&["status", "moody"]);
    let of = |task: &str| status.lines().find(|line| line.trim_start().starts_with(task)).unwrap().to_owned();
    assert!(of("wait").contains("  ran "), "{status}");
    assert!(
        of("act").ends_with("would run: wait changed something later") || of("act").ends_with("would run: never ran"),
        "{status}"
    );
    assert!(place.good(&["up"]).contains("Do what may fail"));
}

#[test]
fn two_ctrl_cs_stop_at_once_and_leave_no_stamp_and_no_process() {
    let place = Project::new();
    place.write("wait", "");
    let mut terminal = Terminal::run(&place, &["up"], false);
    until("the task waits", || place.file("waiting").exists());
    let pid = std::fs::read_to_string(place.file("waiting")).unwrap().trim().to_owned();
    terminal.ctrl_c();
    terminal.until("press Ctrl-C again to stop at once");
    terminal.ctrl_c();
    let (code, shown) = terminal.end();
    assert_eq!(code, 130, "{shown}");
    assert!(shown.contains("interrupted tasks will run again"), "{shown}");
    until("the command ends", || !std::path::Path::new("/proc").join(&pid).exists());
    let status = place.good(&["status", "moody"]);
    assert!(status.contains("interrupted last time"), "{status}");
    place.write("go", "");
    assert!(place.good(&["up"]).contains("Wait for a sign"), "it runs again");
}

#[test]
fn a_task_that_blocks_its_thread_does_not_delay_a_second_ctrl_c() {
    let place = Project::new();
    place.write("block", "");
    let mut terminal = Terminal::run(&place, &["up"], false);
    until("the task blocks", || place.file("blocking").exists());
    terminal.ctrl_c();
    terminal.until("press Ctrl-C again to stop at once");
    terminal.ctrl_c();
    assert_eq!(terminal.end().0, 130);
    assert!(place.good(&["status", "moody"]).contains("interrupted last time"));
    place.remove("block");
    assert!(place.good(&["up"]).contains("Block the thread"), "it runs again");
}

#[test]
fn off_a_terminal_nothing_moves() {
    let place = Project::new();
    let output = place.run(&["up"]);
    let text = String::from_utf8(output.stdout).unwrap() + std::str::from_utf8(&output.stderr).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\r'), "{text:?}");
    let (code, _, written) = Terminal::run(&place, &["logs", "moody"], false).end_with_all();
    assert!(code == 0 && !written.contains('\x07'), "{written:?}");
}

#[test]
fn a_command_that_reads_from_the_terminal_fails_at_once_with_the_reason() {
    let place = Project::new();
    place.write("script", "read word < /dev/tty");
    let (code, shown) = Terminal::run(&place, &["up", "scripted"], false).end();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("/dev/tty"), "{shown}");
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("help: a task's command has no terminal to ask at"), "{shown}");
}

/// A script that asks for a word and writes it to a file.
const ASK: &str = "printf 'which word? '; read word; echo \"$word\" > answer";

#[test]
fn an_interactive_command_has_the_terminal_for_itself() {
    let place = Project::new();
    place.write("script", ASK);
    place.write("way", "interactive");
    let mut terminal = Terminal::run(&place, &["up"], false);
    terminal.until("which word? ");
    let written = |terminal: &Terminal| terminal.raw.lock().unwrap().len();
    let before = written(&terminal);
    // The progress bars are drawn ten times per second.
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert_eq!(written(&terminal), before, "{}", terminal.shows());
    terminal.press("bread\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert_eq!(std::fs::read_to_string(place.file("answer")).unwrap(), "bread\n");
    assert!(shown.contains("which word? bread") && shown.contains("done: "), "{shown}");
    let log = place.good(&["logs", "scripted"]);
    assert!(log.contains("# the command has the terminal") && !log.contains("bread"), "{log}");
}

#[test]
fn the_exit_status_of_an_interactive_command_can_be_its_answer() {
    let place = Project::new();
    place.write("script", "printf 'which number? '; read number; exit $number");
    place.write("way", "dialog");
    let mut terminal = Terminal::run(&place, &["up", "scripted"], false);
    terminal.until("which number? ");
    terminal.press("42\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(place.good(&["logs", "scripted"]).contains("the answer is Some(42)"));
}

#[test]
fn a_ctrl_c_is_for_the_command_that_has_the_terminal() {
    let place = Project::new();
    place.write("script", "printf 'which word? '; read word");
    place.write("way", "interactive");
    let mut terminal = Terminal::run(&place, &["up"], false);
    terminal.until("which word? ");
    terminal.ctrl_c();
    let (code, shown) = terminal.end();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("ended with signal: 2") && shown.contains("done in"), "the run goes on: {shown}");
}

#[test]
fn a_ctrl_z_stops_an_interactive_command_together_with_the_run() {
    let place = Project::new();
    place.write("script", ASK);
    place.write("way", "interactive");
    let mut terminal = Terminal::run_as_job(&place, &["up", "scripted"]);
    terminal.until("which word? ");
    terminal.press("\x1a");
    terminal.until("<stopped with");
    terminal.press("\n");
    terminal.press("cheese\n");
    let (_, shown) = terminal.end();
    assert!(shown.contains("<ended with 0>"), "{shown}");
    assert_eq!(std::fs::read_to_string(place.file("answer")).unwrap(), "cheese\n");
}

#[test]
fn without_a_terminal_an_interactive_command_is_an_error_with_help() {
    let place = Project::new();
    place.write("script", ASK);
    place.write("way", "interactive");
    // The command has its own session, and so no terminal.
    let mut command = std::process::Command::new("setsid");
    command.args(["--wait", env!("CARGO_BIN_EXE_site"), "up", "scripted"]).current_dir(place.path());
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("cannot hand the terminal over to") && errors.contains("help: run it from a terminal"),
        "{errors}"
    );
}
