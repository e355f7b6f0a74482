//! Tests of signals to every command that calls user code. The tests run real processes on a
//! pseudo-terminal, whose tasks and checks run commands.

use std::process::Command;

use test_kit::{guard_process, until};

use crate::project::Project;
use crate::terminal::Terminal;

/// A command line, and the place of its nap: a task, a check, or the building of the layout.
struct Case {
    args: &'static [&'static str],
    nap: &'static str,
    /// Whether the command runs tasks. A first Ctrl-C lets running tasks finish.
    is_run: bool,
}

const fn case(args: &'static [&'static str], nap: &'static str, is_run: bool) -> Case {
    Case { args, nap, is_run }
}

const CASES: [Case; 24] = [
    case(&["up", "sleeper"], "task", true),
    case(&["up", "sleeper"], "hash", true),
    case(&["up", "sleeper", "--json"], "completion", true),
    case(&["up", "--force", "sleeper"], "task", true),
    case(&["watch", "sleeper"], "task", true),
    case(&["sleep"], "task", true),
    case(&["sleep"], "invalidator", true),
    case(&["plan", "sleeper"], "hash", false),
    case(&["plan", "sleeper", "--json"], "completion", false),
    case(&["up", "sleeper", "--dry-run"], "invalidator", false),
    case(&["why", "sleeper/sleep"], "invalidator", false),
    case(&["graph", "sleeper"], "hash", false),
    case(&["check"], "relation", false),
    case(&["mark-done", "sleeper/sleep"], "hash", false),
    case(&["status"], "build", false),
    case(&["clear", "sleeper"], "build", false),
    case(&["list"], "build", false),
    case(&["up", "-v", "sleeper"], "task", true),
    case(&["history"], "build", false),
    case(&["logs", "sleeper"], "build", false),
    case(&["unlock", "sleeper"], "build", false),
    case(&["ps"], "build", false),
    case(&["exec", "sleeper", "--", "true"], "build", false),
    case(&["prune"], "build", false),
];

/// A process that has reached its nap.
struct Nap {
    place: Project,
    /// The name of the nap, which is an argument of all its processes.
    name: String,
    terminal: Terminal,
    /// Whether all tasks had a stamp before the command.
    is_stamped: bool,
}

impl Case {
    fn text(&self) -> String {
        format!("`{}` with a nap in its {}", self.args.join(" "), self.nap)
    }

    /// Starts the command, and waits until it naps.
    fn begin(&self, run: fn(&Project, &[&str]) -> Terminal) -> Nap {
        let place = Project::new();
        place.write("sleeper", "");
        // A run calls the hash function and the invalidator only if there is a stamp.
        let is_stamped = self.nap != "task";
        if is_stamped {
            place.good(&["up", "sleeper"]);
        }
        let name = format!("nap-{}", place.path().file_name().unwrap().to_str().unwrap());
        place.write(format!("nap.{}", self.nap), &name);
        let terminal = run(&place, self.args);
        until(&format!("{} naps", self.text()), || place.file("napping").exists());
        Nap { place, name, terminal, is_stamped }
    }
}

fn plainly(place: &Project, args: &[&str]) -> Terminal {
    Terminal::run(place, args, true)
}

/// Returns the states of all processes that have the name of a nap among their arguments.
fn states(name: &str) -> Vec<char> {
    let mut states = Vec::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        if arguments.split(|byte| *byte == 0).any(|argument| argument == name.as_bytes()) {
            let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            states.extend(stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()));
        }
    }
    states.retain(|state| *state != 'Z');
    states
}

impl Nap {
    fn states(&self) -> Vec<char> {
        states(&self.name)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.terminal.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Checks that the command ends immediately, with all its processes.
    fn ends_at_once(self, case: &Case, expected: u32) {
        let Self { place, name, terminal, is_stamped } = self;
        let (code, shown) = terminal.end();
        assert_eq!(code, expected, "{}: {shown}", case.text());
        assert_eq!(states(&name), [], "{}: processes are left", case.text());
        wakes(&place, is_stamped, case);
    }
}

/// Removes the cause of the nap. Checks that the stamps are correct and that the next run completes the work.
fn wakes(place: &Project, is_stamped: bool, case: &Case) {
    let of_task = |task: &str| {
        let status: serde_json::Value = serde_json::from_str(&place.good(&["status", "--json"])).unwrap();
        let objects = status["objects"].as_array().unwrap().clone();
        let sleeper = objects.into_iter().find(|object| object["object"] == "sleeper").unwrap();
        let mut tasks = sleeper["tasks"].as_array().unwrap().clone().into_iter();
        tasks.find(|found| found["task"] == task).unwrap()
    };
    std::fs::remove_file(place.file(format!("nap.{}", case.nap))).unwrap();
    let (sleep, get_up) = (of_task("sleep"), of_task("get_up"));
    if is_stamped {
        assert_eq!(sleep["state"], "ran", "{}: {sleep}", case.text());
        assert_eq!(get_up["state"], "ran", "{}: {get_up}", case.text());
        let said = place.good(&["up", "sleeper"]);
        assert!(said.starts_with("up to date: 1 object"), "{}: {said}", case.text());
    } else {
        assert_eq!(sleep["reason"]["reason"], "interrupted", "{}: {sleep}", case.text());
        assert_eq!(get_up["reason"]["reason"], "never_ran", "{}: {get_up}", case.text());
        let said = place.good(&["up", "sleeper"]);
        assert!(said.contains("done: 1 object; 3 tasks ran"), "{}: {said}", case.text());
    }
}

#[test]
fn one_ctrl_c_lets_running_tasks_finish_and_stops_all_else_immediately() {
    for case in &CASES {
        let mut nap = case.begin(plainly);
        nap.terminal.ctrl_c();
        if !case.is_run {
            nap.ends_at_once(case, 130);
            continue;
        }
        nap.terminal.until("waiting for running tasks; press Ctrl-C again to stop at once");
        assert!(!nap.states().is_empty(), "{}: it still naps", case.text());
        nap.place.write("go", "");
        let Nap { place, terminal, is_stamped, .. } = nap;
        let (code, shown) = terminal.end();
        // A stop during a check stops no task if nothing is left to do.
        assert_eq!(code, if is_stamped { 0 } else { 130 }, "{}: {shown}", case.text());
        std::fs::remove_file(place.file(format!("nap.{}", case.nap))).unwrap();
        let said = place.good(&["up", "sleeper"]);
        let expected = if is_stamped { "up to date: 1 object" } else { "done: 1 object; 2 tasks ran, 2 up to date" };
        assert!(said.contains(expected), "{}: {said}", case.text());
    }
}

#[test]
fn two_ctrl_cs_stop_at_once() {
    for case in CASES.iter().filter(|case| case.is_run) {
        let mut nap = case.begin(plainly);
        nap.terminal.ctrl_c();
        nap.terminal.until("press Ctrl-C again to stop at once");
        nap.terminal.ctrl_c();
        nap.ends_at_once(case, 130);
    }
}

#[test]
fn a_sigterm_stops_at_once() {
    for case in &CASES {
        let nap = case.begin(plainly);
        nap.signal("TERM");
        nap.ends_at_once(case, 143);
    }
}

#[test]
fn a_sighup_stops_at_once() {
    for case in &CASES {
        let nap = case.begin(plainly);
        nap.signal("HUP");
        nap.ends_at_once(case, 129);
    }
}

#[test]
fn a_sigquit_stops_at_once() {
    for case in &CASES {
        let mut nap = case.begin(plainly);
        nap.terminal.press("\x1c");
        nap.ends_at_once(case, 131);
    }
}

#[test]
fn ctrl_z_stops_and_continues_commands_together_with_the_run() {
    for case in &CASES {
        let mut nap = case.begin(Terminal::run_as_job);
        nap.terminal.press("\x1a");
        // The shell reports 128 plus the number of SIGSTOP or SIGTSTP.
        nap.terminal.until("<stopped with 14");
        // A process in state `D` waits until its stopped child has executed a program, so it is stopped, too.
        let is_stopped = |state: &char| ['T', 'D'].contains(state);
        until(&format!("{}: the commands stop", case.text()), || nap.states().iter().all(is_stopped));
        assert_eq!(nap.states().is_empty(), case.nap == "build", "{}", case.text());
        nap.terminal.press("\n");
        until("the commands continue", || !nap.states().contains(&'T'));
        nap.place.write("go", "");
        if case.args[0] == "watch" {
            nap.terminal.until("Ctrl-C ends");
            nap.terminal.ctrl_c();
        }
        nap.terminal.until("<ended with ");
        let (_, shown) = nap.terminal.end();
        // The object has no machine, so a one-off command is refused when it goes on.
        let code = if case.args[0] == "exec" { 2 } else { 0 };
        assert!(shown.contains(&format!("<ended with {code}>")), "{}: {shown}", case.text());
    }
}

/// Begins a run that holds the lock of the object `moody` until a file `go` exists.
fn holder(place: &Project) -> std::process::Child {
    place.write("wait", "");
    let holder = place.command(&["up", "moody"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    until("the task waits", || place.file("waiting").exists());
    holder
}

#[test]
fn a_wait_for_another_process_ends_at_a_signal() {
    let place = Project::new();
    let mut holder = holder(&place);
    for args in [&["up", "moody"][..], &["up", "--force", "moody"], &["watch", "moody"]] {
        for (key, expected) in [("\x03", 130), ("\x1c", 131)] {
            let mut terminal = Terminal::run(&place, args, true);
            terminal.until("moody is held by process");
            terminal.press(key);
            let (code, shown) = terminal.end();
            assert_eq!(code, expected, "{args:?}: {shown}");
        }
    }
    for args in [["mark-done", "moody/act"], ["clear", "moody"]] {
        for (key, expected) in [("\x03", 130), ("\x1c", 131)] {
            let mut terminal = Terminal::run(&place, &args, true);
            // The commands print nothing while they wait.
            until("it waits for the lock", || has_locks_open(terminal.pid()));
            terminal.press(key);
            let (code, shown) = terminal.end();
            assert_eq!(code, expected, "{args:?}: {shown}");
        }
    }
    place.write("go", "");
    assert!(holder.wait().unwrap().success());
    assert!(place.good(&["up", "moody"]).starts_with("up to date: 1 object"), "nothing was cleared");
}

#[test]
fn a_status_names_the_process_that_holds_an_object() {
    let place = Project::new();
    let mut process = holder(&place);
    let held = format!("held by process {} on ", process.id());
    let all = place.good(&["status"]);
    for line in all.lines() {
        assert_eq!(line.contains(&held), line.starts_with("moody "), "{all}");
    }
    let one = place.good(&["status", "moody"]);
    assert!(one.starts_with(&format!("moody Moody, {held}")), "{one}");
    let json: serde_json::Value = serde_json::from_str(&place.good(&["status", "--json"])).unwrap();
    for object in json["objects"].as_array().unwrap() {
        let name = object["holder"]["name"].as_str().map(|name| format!("held by {name}"));
        let is_held = name.is_some_and(|name| name.starts_with(&held));
        assert_eq!(is_held, object["object"] == "moody", "{object}");
        assert_eq!(object["holder"].is_null(), !is_held, "{object}");
    }
    place.write("go", "");
    assert!(process.wait().unwrap().success());
    assert!(!place.good(&["status"]).contains("held by"));
}

fn has_locks_open(pid: u32) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|path| path.ends_with("objects.lock"))
}

#[test]
fn a_waiting_watch_succeeds_at_ctrl_c_and_ends_with_the_number_of_another_signal() {
    let place = Project::new();
    for (signal, expected) in [("INT", 0), ("TERM", 143), ("HUP", 129), ("QUIT", 131)] {
        let terminal = Terminal::run(&place, &["watch"], true);
        terminal.until("for changes; Ctrl-C ends");
        assert!(
            Command::new("kill").args([&format!("-{signal}"), &terminal.pid().to_string()]).status().unwrap().success()
        );
        let (code, shown) = terminal.end();
        assert_eq!(code, expected, "{signal}: {shown}");
    }
}

#[test]
fn a_command_that_does_not_want_to_end_is_killed() {
    let place = Project::new();
    place.write("sleeper", "");
    let name = format!("nap-{}", place.path().file_name().unwrap().to_str().unwrap());
    place.write("nap.task", &name);
    place.write("stubborn", "");
    let terminal = Terminal::run(&place, &["up", "sleeper"], true);
    until("it naps", || place.file("napping").exists());
    assert!(Command::new("kill").arg(terminal.pid().to_string()).status().unwrap().success());
    assert_eq!(terminal.end().0, 143);
    assert_eq!(states(&name), []);
    assert!(place.good(&["status", "sleeper"]).contains("interrupted last time"));
}

#[test]
fn a_run_that_was_stopped_ends_its_commands_too() {
    let case = &CASES[0];
    let mut nap = case.begin(Terminal::run_as_job);
    nap.terminal.press("\x1a");
    nap.terminal.until("<stopped with 14");
    let site = std::fs::read_to_string(nap.place.file("site.pid")).unwrap();
    assert!(Command::new("kill").arg(&site).status().unwrap().success());
    nap.terminal.press("\n");
    nap.terminal.until("<ended with 143>");
    assert_eq!(nap.states(), []);
    wakes(&nap.place, false, case);
}

#[test]
fn a_closed_terminal_ends_the_run_and_its_commands() {
    let place = Project::new();
    place.write("sleeper", "");
    let name = format!("nap-{}", place.path().file_name().unwrap().to_str().unwrap());
    place.write("nap.task", &name);
    let pty = portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).unwrap();
    let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_site"));
    command.args(["up", "sleeper"]);
    command.cwd(place.path());
    let mut run = pty.slave.spawn_command(command).unwrap();
    guard_process(run.process_id().unwrap());
    until("it naps", || place.file("napping").exists());
    drop(pty);
    assert_eq!(run.wait().unwrap().exit_code(), 129);
    assert_eq!(states(&name), []);
    wakes(&place, false, &CASES[0]);
}

#[test]
fn a_run_under_nohup_survives_its_terminal() {
    let place = Project::new();
    place.write("wait", "");
    let mut run = Command::new("nohup");
    run.arg(env!("CARGO_BIN_EXE_site")).args(["up", "moody"]).current_dir(place.path());
    let mut run = run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the task waits", || place.file("waiting").exists());
    assert!(Command::new("kill").args(["-HUP", &run.id().to_string()]).status().unwrap().success());
    place.write("go", "");
    assert!(run.wait().unwrap().success());
    assert!(place.good(&["up", "moody"]).starts_with("up to date"));
}

#[test]
fn ctrl_z_does_nothing_if_no_shell_could_continue_the_run() {
    let place = Project::new();
    place.write("wait", "");
    // The process leads the session of the terminal, and has no shell above it.
    let mut terminal = Terminal::run(&place, &["up", "moody"], true);
    until("the task waits", || place.file("waiting").exists());
    terminal.press("\x1a");
    place.write("go", "");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn work_that_blocks_its_thread_does_not_delay_an_immediate_end() {
    let place = Project::new();
    place.write("block", "");
    let terminal = Terminal::run(&place, &["up", "moody"], true);
    until("the task blocks", || place.file("blocking").exists());
    assert!(Command::new("kill").arg(terminal.pid().to_string()).status().unwrap().success());
    let (code, shown) = terminal.end();
    assert_eq!(code, 143, "{shown}");
    assert!(place.good(&["status", "moody"]).contains("interrupted last time"));
}

#[test]
fn with_json_an_ended_run_reports_its_end() {
    let place = Project::new();
    place.write("wait", "");
    let mut run = place.command(&["up", "moody", "--json"]);
    let run = run.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the task waits", || place.file("waiting").exists());
    assert!(Command::new("kill").arg(run.id().to_string()).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    let last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["event"], &last["report"]), (&"run_ended".into(), &serde_json::Value::Null));
}

#[test]
fn a_reader_that_reads_nothing_does_not_delay_a_signal() {
    let place = Project::new();
    place.write("wait", "");
    let (_reader, mut writer) = std::io::pipe().unwrap();
    // This fills the pipe, so that the next byte waits for the reader.
    std::io::Write::write_all(&mut writer, &vec![b' '; 65536]).unwrap();
    let mut run = place.command(&["up"]).stdout(writer).stderr(std::process::Stdio::null()).spawn().unwrap();
    guard_process(run.id());
    until("the task waits", || place.file("waiting").exists());
    let is_stuck = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", run.id())).unwrap().flatten();
        let mut waits = threads.map(|thread| std::fs::read_to_string(thread.path().join("wchan")).unwrap_or_default());
        waits.any(|wait| wait.contains("pipe_write"))
    };
    until("the output waits for its reader", is_stuck);
    for signal in ["-INT", "-TERM"] {
        assert!(Command::new("kill").args([signal, &run.id().to_string()]).status().unwrap().success());
    }
    assert_eq!(run.wait().unwrap().code(), Some(143));
    assert!(place.good(&["status", "moody"]).contains("interrupted last time"));
}
