//! Tests of the commands that tasks run, and of the logs of tasks.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use setup_tasks::Layout;
use setup_tasks::command::CommandError;
use setup_tasks::error::explain;
use setup_tasks::event::EventKind;
use setup_tasks::log::{LogFile, last_lines, logs_of};
use setup_tasks::prelude::*;

use test_kit::{Scratch, chain, events};

/// A model that runs a shell script in one of several ways.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "shell")]
struct Shell {
    script: String,
    way: Way,
}

#[derive(PartialEq)]
enum Way {
    Run,
    Output,
    Timeout(Duration),
    Input(&'static str),
    Detached,
    Leave,
    SayNothing,
}

#[setup_tasks]
impl Shell {
    #[setup_task("Run the script", timeout = "20s")]
    async fn script(&self, cx: &TaskContext) -> Result<()> {
        let command = cx.command("sh").arg("-c").arg(&self.script).env("GREETING", "good day").directory("/");
        match self.way {
            Way::Run => command.run().await?,
            Way::Output => cx.log(format!("heard {:?}", command.output().await?)),
            Way::Timeout(limit) => command.timeout(limit).run().await?,
            Way::Input(text) => command.stdin(text).run().await?,
            Way::Detached => drop(command.detached().run().await?),
            Way::Leave => drop(command.detached().start().await?),
            Way::SayNothing => {}
        }
        Ok(())
    }
}

fn shell(layout: &Layout, script: &str, way: Way) -> Object<Shell> {
    layout.add(Shell { script: script.to_owned(), way }).unwrap()
}

fn logs(shell: &Object<Shell>) -> Vec<LogFile> {
    logs_of(shell.as_any(), Some("script")).unwrap()
}

fn text(log: &LogFile) -> String {
    std::fs::read_to_string(&log.path).unwrap()
}

/// Returns whether the system has a process with this id.
fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

async fn until(what: impl Fn() -> bool) {
    let since = Instant::now();
    while !what() {
        assert!(since.elapsed() < Duration::from_secs(20), "it never happens");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn all_output_of_a_command_is_in_the_attempts_log() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "echo out $GREETING from $PWD; echo err >&2", Way::Run);
    shell.run_setup_tasks().await.unwrap();
    let log = text(&logs(&shell)[0]);
    let (first, rest) = log.split_once('\n').unwrap();
    assert_eq!(first, "# shell/script, attempt 1: never ran");
    assert!(rest.starts_with("$ sh -c 'echo out $GREETING from $PWD; echo err >&2'\n"), "{log}");
    assert!(rest.contains("out good day from /\n") && rest.contains("\nerr\n"), "{log}");
    assert!(rest.lines().last().unwrap().starts_with("# done in "), "{log}");
}

#[tokio::test]
async fn a_task_without_output_has_no_log() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "", Way::SayNothing);
    shell.run_setup_tasks().await.unwrap();
    assert!(logs(&shell).is_empty() && !place.config().log_dir().exists());
}

#[tokio::test]
async fn output_is_captured_and_in_the_log() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "echo 4.2; echo noise >&2", Way::Output);
    shell.run_setup_tasks().await.unwrap();
    let lines = last_lines(&logs(&shell)[0].path, 9).unwrap();
    assert!(lines.contains(&"heard \"4.2\\n\"".to_owned()) && lines.contains(&"noise".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn a_command_reads_the_given_input() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "tr a-z A-Z", Way::Input("quiet"));
    shell.run_setup_tasks().await.unwrap();
    assert!(text(&logs(&shell)[0]).contains("QUIET"));
}

#[tokio::test]
async fn a_failure_has_the_status_and_the_last_lines_and_its_event_names_the_log() {
    let place = Scratch::new();
    let layout = place.layout();
    let mut events = layout.events();
    let script = "for i in $(seq 50); do echo line $i >&2; done; exit 32";
    let shell = shell(&layout, script, Way::Run);
    let error = anyhow::Error::new(shell.run_setup_tasks().await.unwrap_err());
    let Some(CommandError::Failed { status, stderr, .. }) = error.chain().find_map(|cause| cause.downcast_ref()) else {
        panic!("{error:?}")
    };
    assert_eq!((status.code(), stderr.as_ref().unwrap().as_str().lines().count()), (Some(32), 10));
    let shown = explain(error.as_ref());
    assert!(shown.contains("exit status: 32\nline 41\n") && shown.ends_with("line 50"), "{shown}");
    let failed = std::iter::from_fn(|| events.try_next()).find_map(|event| match &event.kind {
        EventKind::TaskFail { log, .. } => log.clone(),
        _ => None,
    });
    assert_eq!(failed, Some(logs(&shell)[0].path.clone()));
    assert!(text(&logs(&shell)[0]).contains("# failed after "));
}

#[tokio::test]
async fn the_error_of_a_missing_command_names_it_with_help() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "none")]
    struct None;
    #[setup_tasks]
    impl None {
        #[setup_task("Run what is not there")]
        async fn run(&self, cx: &TaskContext) -> Result<()> {
            Ok(cx.command("no-such-program").arg("it's").run().await?)
        }
    }
    let place = Scratch::new();
    let error = chain(place.layout().add(None).unwrap().run_setup_tasks().await.unwrap_err());
    assert!(error.contains("cannot start `no-such-program 'it'\\''s'`: "), "{error}");
    assert!(error.contains("\nhelp: install it"), "{error}");
}

/// A script that starts a child, prints the ids of both, and waits. The child ignores requests to end.
const FAMILY: &str = "sh -c 'trap \"\" TERM; echo $$ > CHILD.new; mv CHILD.new CHILD; sleep 60; sleep 60' & wait";

fn family(place: &Scratch) -> (String, PathBuf) {
    let child = place.path().join("child");
    (FAMILY.replace("CHILD", child.to_str().unwrap()), child)
}

fn pid(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_timeout_ends_a_command_and_all_processes_that_it_started() {
    let place = Scratch::new();
    let (script, child) = family(&place);
    let shell = shell(&place.layout(), &script, Way::Timeout(Duration::from_millis(500)));
    let error = chain(shell.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("took longer than its timeout of 500ms"), "{error}");
    until(|| child.exists()).await;
    until(|| !is_alive(&pid(&child))).await;
}

#[tokio::test]
async fn a_cancelled_task_leaves_no_process_behind_and_no_stamp() {
    let place = Scratch::new();
    let (script, child) = family(&place);
    let shell = shell(&place.layout(), &script, Way::Run);
    let run = tokio::spawn(shell.run_setup_tasks().into_future());
    until(|| child.exists()).await;
    assert!(is_alive(&pid(&child)));
    run.abort();
    until(|| !is_alive(&pid(&child))).await;
    assert!(shell.check_stamp("script").await.unwrap().is_none());
    let why = shell.as_any().plan().await.unwrap().tasks[0].reason.clone();
    assert_eq!(why, Some(setup_tasks::Reason::Interrupted));
}

/// Returns a script that starts a child outside of the process group, in one of two ways. The
/// parent ends on request, but the child ignores the request.
fn runaway(place: &Scratch, way: &str) -> (String, PathBuf) {
    let (script, child) = family(place);
    (script.replacen("sh -c", &format!("{way} sh -c"), 1), child)
}

#[tokio::test]
async fn processes_that_left_the_group_end_with_their_command() {
    // The first child has its own session. The second has its own group, as in shells with job control.
    for way in ["setsid", "timeout 100"] {
        let place = Scratch::new();
        let (script, child) = runaway(&place, way);
        let shell = shell(&place.layout(), &script, Way::Timeout(Duration::from_secs(1)));
        let error = chain(shell.run_setup_tasks().await.unwrap_err());
        assert!(child.exists() && error.contains("took longer"), "{way}: {error}");
        until(|| !is_alive(&pid(&child))).await;

        let place = Scratch::new();
        let (script, child) = runaway(&place, way);
        let shell = self::shell(&place.layout(), &script, Way::Run);
        let run = tokio::spawn(shell.run_setup_tasks().into_future());
        until(|| child.exists()).await;
        run.abort();
        until(|| !is_alive(&pid(&child))).await;
    }
}

/// A script that leaves a process running, which prints `tick` for ever.
const TICKS: &str = "(while :; do echo tick; sleep 0.05; done) & echo $! > CHILD.new; mv CHILD.new CHILD; echo started";

fn kill(pid: &str) {
    assert!(std::process::Command::new("kill").arg(pid.trim()).status().unwrap().success());
}

#[tokio::test]
async fn processes_that_a_detached_command_leaves_running_keep_their_own_log() {
    let place = Scratch::new();
    let child = place.path().join("child");
    let shell = shell(&place.layout(), &TICKS.replace("CHILD", child.to_str().unwrap()), Way::Detached);
    shell.run_setup_tasks().await.unwrap();
    let logs = logs(&shell);
    let own = logs.iter().find(|log| log.detached).unwrap();
    assert!(text(own).starts_with("# shell/script, attempt 1: never ran: $ sh -c '"), "{}", text(own));
    assert!(text(own).contains("\nstarted\n"), "{}", text(own));
    let task = logs.iter().find(|log| !log.detached).unwrap();
    assert!(text(task).contains(&format!("# its output is in {}", own.path.display())), "{}", text(task));
    assert!(!text(task).contains("\nstarted"), "{}", text(task));
    let mode = std::os::unix::fs::PermissionsExt::mode(&own.path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // This takes much longer than the time in which other processes may print their last output.
    until(|| text(own).matches("tick").count() > 40).await;
    assert!(is_alive(&pid(&child)));
    kill(&pid(&child));
}

#[tokio::test]
async fn a_command_itself_can_be_left_running() {
    let place = Scratch::new();
    let child = place.path().join("child");
    let script =
        "echo $$ > CHILD.new; mv CHILD.new CHILD; echo ready; exec sleep 60".replace("CHILD", child.to_str().unwrap());
    let shell = shell(&place.layout(), &script, Way::Leave);
    shell.run_setup_tasks().await.unwrap();
    until(|| child.exists()).await;
    let logs = logs(&shell);
    let own = logs.iter().find(|log| log.detached).unwrap();
    until(|| text(own).contains("\nready\n")).await;
    assert!(is_alive(&pid(&child)) && shell.check_stamp("script").await.unwrap().is_some());
    kill(&pid(&child));
}

#[tokio::test]
async fn a_detached_command_that_fails_or_is_cancelled_leaves_nothing() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "echo no good >&2; exit 3", Way::Detached);
    let error = chain(shell.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("ended with exit status: 3: no good"), "{error}");

    let place = Scratch::new();
    let (script, child) = family(&place);
    let shell = self::shell(&place.layout(), &script, Way::Detached);
    let run = tokio::spawn(shell.run_setup_tasks().into_future());
    until(|| child.exists()).await;
    run.abort();
    until(|| !is_alive(&pid(&child))).await;
}

#[tokio::test]
async fn a_command_has_no_terminal_and_the_error_says_so() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "read word < /dev/tty", Way::Run);
    let error = chain(shell.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("help: a task's command has no terminal to ask at"), "{error}");
}

#[tokio::test]
async fn neither_way_to_show_a_command_shows_its_input_or_its_variables() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "shown")]
    struct Shown;
    #[setup_tasks]
    impl Shown {
        #[setup_task("Show a command")]
        fn show(&self, cx: &TaskContext) {
            let command =
                cx.command("mysql").args(["-u", "it's"]).env("MYSQL_PWD", "of the variable").stdin("of the input");
            assert_eq!(command.to_string(), r"mysql -u 'it'\''s'");
            let shown = format!("{command:?}");
            assert!(shown.contains("mysql -u") && shown.contains("MYSQL_PWD"), "{shown}");
            assert!(!shown.contains("of the variable") && !shown.contains("of the input"), "{shown}");
        }
    }
    Scratch::new().layout().add(Shown).unwrap().run_setup_tasks().await.unwrap();
}

#[tokio::test]
async fn a_task_does_not_wait_for_processes_that_its_command_leaves_running() {
    let place = Scratch::new();
    let script = format!("sleep 60 & echo $! > {}; exit 0", place.path().join("child").display());
    let shell = shell(&place.layout(), &script, Way::Run);
    let began = Instant::now();
    shell.run_setup_tasks().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20));
    let left = pid(&place.path().join("child"));
    assert!(is_alive(&left), "what a task leaves running on purpose goes on");
    std::process::Command::new("kill").arg(left.trim()).status().unwrap();
}

#[tokio::test]
async fn the_error_of_a_command_that_a_signal_ended_names_the_signal() {
    let place = Scratch::new();
    let shell = shell(&place.layout(), "kill -9 $$", Way::Run);
    let error = anyhow::Error::new(shell.run_setup_tasks().await.unwrap_err());
    let status = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(CommandError::Failed { status, .. }) => status.signal(),
        _ => None,
    });
    assert_eq!(status, Some(9));
}

#[tokio::test]
async fn the_last_logs_of_a_task_are_kept() {
    let place = Scratch::new();
    let layout = place.layout();
    let shell = shell(&layout, "echo hello", Way::Run);
    for _ in 0..25 {
        shell.run_setup_tasks().force_all().await.unwrap();
    }
    let logs = logs(&shell);
    assert_eq!(logs.len(), 20);
    assert!(logs.windows(2).all(|two| two[0].began < two[1].began), "oldest first");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_harms_no_task() {
    let place = Scratch::new();
    std::fs::create_dir_all(place.path().join(".setup-tasks")).unwrap();
    std::fs::write(place.path().join(".setup-tasks/log"), "in the way").unwrap();
    let layout = place.layout();
    let mut events = events(&layout);
    shell(&layout, "echo hello", Way::Run).run_setup_tasks().await.unwrap();
    assert!(events.take().contains(&"shell/script ran".to_owned()));
}

#[tokio::test]
async fn logs_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Scratch::new();
    let shell = shell(&place.layout(), "echo hello", Way::Run);
    shell.run_setup_tasks().await.unwrap();
    let mode = logs(&shell)[0].path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
