//! Tests of machines that are reached without SSH: this system, another root in its namespaces, and a plain change of the root.

use std::path::{Path, PathBuf};
use std::time::Duration;

use setup_tasks::error::explain;
use setup_tasks::{Layout, prelude::*};
use setup_tasks_machines::resources::{Command, Directory, File, Line};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_templates::{FileAttributes, Filesystem};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::{lines, skip};

use crate::commanding::{Script, place, run, script};
use crate::{wait_until, with_agent};

/// A machine with a directory for a test: its path there, and here.
struct Place {
    machine: Machine,
    there: String,
    here: PathBuf,
}

impl Place {
    fn new(machine: Machine, root: &Path, there: &str) -> Self {
        let here = root.join(there.trim_start_matches('/'));
        std::fs::create_dir_all(&here).unwrap();
        Self { machine: with_agent(machine), there: there.to_owned(), here }
    }

    fn has(&self, name: &str) -> bool {
        self.here.join(name).exists()
    }
}

/// Tries everything that a machine can do.
async fn works(place: &Place) {
    commands_have_input_output_and_status(place).await;
    commands_end_with_all_that_they_started(place).await;
    files_are_read_and_written(place).await;
    resources_are_brought_verified_and_taken_away(place).await;
    many_commands_run_at_the_same_time(place).await;
    commands_end_with_the_agent(place).await;
}

async fn commands_have_input_output_and_status(place: &Place) {
    let machine = &place.machine;
    assert_eq!(run(script(machine, "echo out; echo err >&2; echo $COLOUR")).await.unwrap(), "out\ngreen and blue\n");
    let input = Some(vec![b'x'; 3 << 20]);
    assert_eq!(run(Script { input, ..script(machine, "wc -c") }).await.unwrap().trim(), (3 << 20).to_string());
    assert_eq!(run(script(machine, "cat")).await.unwrap(), "", "the input is empty");
    let name = machine.name();
    let error = run(script(machine, "echo reason >&2; exit 7")).await.unwrap_err();
    assert!(error.contains(&format!("`{name}: sh -c")) && error.contains("exit status: 7: reason"), "{error}");
    assert!(run(script(machine, "kill -KILL $$")).await.unwrap_err().contains("ended with signal: 9"));
    // No terminal is within reach.
    assert!(run(script(machine, "exec </dev/tty")).await.is_err());
}

async fn commands_end_with_all_that_they_started(place: &Place) {
    let began = format!("{}/began", place.there);
    let forever =
        format!("setsid sleep 11111 & sleep 22222 & touch {began}; trap '' TERM; while :; do sleep 33333; done");
    let (_layout, object) = self::place(script(&place.machine, &forever));
    let running = tokio::spawn(async move { object.run_setup_tasks().await });
    until("the command begins", || place.has("began")).await;
    running.abort();
    until("its processes end", || !["11111", "22222", "33333"].iter().any(|time| sleeps(time))).await;
    let late = Script { timeout: Some(Duration::from_millis(300)), ..script(&place.machine, "sleep 44444") };
    assert!(run(late).await.unwrap_err().contains("took longer than its timeout of 300ms"));
    until("the late one ends", || !sleeps("44444")).await;
}

/// The work of a task with the files of a machine.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "files")]
struct Files {
    machine: Machine,
    directory: String,
}

#[setup_tasks]
impl Files {
    #[setup_task("Work with files")]
    async fn work(&self, cx: &TaskContext) -> Result<()> {
        let (machine, directory) = (&self.machine, PathBuf::from(self.directory.trim_start_matches('/')));
        let (file, link) = (directory.join("a/file"), directory.join("link"));
        let attributes = FileAttributes::new().mode(0o640);
        assert!(machine.install(cx, &file, b"text", &attributes).await?);
        assert!(!machine.install(cx, &file, b"text", &attributes).await?);
        assert_eq!(machine.read(cx, &file).await?.as_deref(), Some(&b"text"[..]));
        let stat = machine.stat(cx, &file).await?.expect("it exists");
        assert_eq!((stat.size, stat.attributes.mode), (4, Some(0o640)));
        assert!(machine.symlink(cx, &link, Path::new("a/file")).await?);
        assert!(machine.remove(cx, &link).await? && !machine.remove(cx, &link).await?);
        assert_eq!(machine.stat(cx, &link).await?, None);
        Ok(())
    }
}

async fn files_are_read_and_written(place: &Place) {
    let layout = Layout::in_memory().unwrap();
    let files = Files { machine: place.machine.clone(), directory: place.there.clone() };
    layout.add(files).unwrap().run_setup_tasks().await.unwrap();
    assert_eq!(std::fs::read(place.here.join("a/file")).unwrap(), b"text");
    assert_eq!(place.machine.fetch(format!("{}/a/file", place.there)).await.unwrap(), b"text");
    let copy = tempfile::tempdir().unwrap();
    place.machine.fetch_to(format!("{}/a/file", place.there), copy.path().join("copy")).await.unwrap();
    assert_eq!(std::fs::read(copy.path().join("copy")).unwrap(), b"text");
    assert!(place.machine.fetch(format!("{}/nothing", place.there)).await.is_err());
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site {
    directory: String,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Site {
    /// Create the directory
    #[setup_task]
    const DIRECTORY: Ensure<Self, Directory> =
        Ensure::new(|site: &Self| Directory::at(format!("{}/site", site.directory)).mode(0o750)).undone();

    /// Write the page
    #[setup_task(subscribe = [])]
    const PAGE: Ensure<Self, File> =
        Ensure::new(|site: &Self| File::at(format!("{}/site/page", site.directory)).content("Welcome\n")).undone();

    /// Note it
    #[setup_task(subscribe = [])]
    const NOTE: Ensure<Self, Line> =
        Ensure::new(|site: &Self| Line::in_file(format!("{}/sites", site.directory), "site")).undone();

    /// Count
    #[setup_task(subscribe = [])]
    const COUNT: Ensure<Self, Command> = Ensure::new(|site: &Self| {
        let count = format!("{}/count", site.directory);
        Command::shell(format!("echo 1 >{count}")).creates(&*count).undone_by(format!("rm -f {count}"))
    })
    .undone();
}

async fn resources_are_brought_verified_and_taken_away(place: &Place) {
    let layout = Layout::in_memory().unwrap();
    let site = layout.add(Site { directory: place.there.clone(), machine: place.machine.clone() }).unwrap();
    assert_eq!(site.run_setup_tasks().await.unwrap().ran().count(), 4);
    assert!(site.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    std::fs::write(place.here.join("site/page"), "edited\n").unwrap();
    std::fs::remove_file(place.here.join("count")).unwrap();
    let there = &place.there;
    let expected = [
        "directory up to date".to_owned(),
        format!("page ran: {there}/site/page: content differs"),
        "note up to date".to_owned(),
        format!("count ran: {there}/count: absent"),
    ];
    assert_eq!(lines(&site.run_setup_tasks().verify().await.unwrap()), expected);
    assert!(layout.down().await.unwrap().is_success());
    assert!(!place.has("site") && !place.has("count"));
    assert_eq!(std::fs::read_to_string(place.here.join("sites")).unwrap(), "");
}

async fn many_commands_run_at_the_same_time(place: &Place) {
    let commands = (0..100).map(|i| tokio::spawn(run(script(&place.machine, &format!("echo {i}")))));
    for (i, command) in commands.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(command.await.unwrap().unwrap(), format!("{i}\n"));
    }
}

async fn commands_end_with_the_agent(place: &Place) {
    let parent = format!("{}/parent", place.there);
    let script_text = format!("cut -d' ' -f4 /proc/self/stat >{parent}; sleep 55555");
    if !place.has("proc") && run(script(&place.machine, "test -e /proc/self/stat")).await.is_err() {
        return;
    }
    let running = tokio::spawn(run(script(&place.machine, &script_text)));
    until("the command runs", || sleeps("55555")).await;
    kill_agents(&place.there);
    let error = running.await.unwrap().unwrap_err();
    assert!(error.contains("lost the connection to the machine"), "{error}");
    until("its processes end", || !sleeps("55555")).await;
    assert_eq!(run(script(&place.machine, "echo again")).await.unwrap(), "again\n");
}

/// Kills the agents whose commands work in a directory.
fn kill_agents(directory: &str) {
    for (pid, line) in processes() {
        if line.contains(directory) && line.contains("55555") {
            // The agent is the nearest ancestor with the name of a copy.
            let mut ancestor = pid;
            while let Some(parent) = parent(ancestor) {
                let is_agent = std::fs::read_to_string(format!("/proc/{parent}/cmdline"));
                if is_agent.is_ok_and(|line| line.contains("agent-") && line.contains("serve")) {
                    std::process::Command::new("kill").args(["-KILL", &parent.to_string()]).status().unwrap();
                    return;
                }
                ancestor = parent;
            }
        }
    }
    panic!("no agent of {directory} runs");
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok().filter(|pid| *pid > 1)
}

/// Returns the processes of this system, also those in its namespaces, with their command lines.
fn processes() -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// Returns whether a process sleeps for this time. No other test uses times of five digits.
fn sleeps(time: &str) -> bool {
    processes().iter().any(|(_, line)| line.starts_with("sleep ") && line.contains(time))
}

async fn until(what: &str, happens: impl Fn() -> bool) {
    tokio::task::block_in_place(|| wait_until(what, happens));
}

/// Serializes the tests of this file, since they look for processes of the whole system.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn this_system_is_a_machine() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let place = Place::new(Machine::local(), Path::new("/"), directory.path().to_str().unwrap());
    works(&place).await;
    let facts = place.machine.facts().await.unwrap();
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(facts.hostname, hostname.trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_of_this_system_is_one_by_sudo() {
    let nobody = with_agent(Machine::local()).become_user("nobody");
    let has_sudo = std::process::Command::new("sudo").args(["-n", "-u", "nobody", "true"]).status();
    if has_sudo.as_ref().is_ok_and(std::process::ExitStatus::success) {
        assert_eq!(run(script(&nobody, "id -un")).await.unwrap(), "nobody\n");
        assert!(run(script(&nobody, "touch /etc/nobody")).await.is_err());
    } else if has_sudo.is_err() {
        let error = explain(&nobody.facts().await.unwrap_err());
        assert!(error.starts_with("cannot become the user nobody on the machine localhost: "), "{error}");
        assert!(error.ends_with("\nhelp: install sudo on the machine, or connect as that user"), "{error}");
    } else {
        skip("sudo does not allow this user to become another one");
    }
}

fn one_machine() -> Option<(TestNetwork, NetnsMachine)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    Some((network, host))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_in_other_namespaces_is_a_machine_and_has_users() {
    let Some((_network, host)) = one_machine() else { return };
    let _turn = TURN.lock().await;
    let command = host.command();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let enter: Vec<String> = words.map(|word| word.to_str().unwrap().to_owned()).collect();
    let place = Place::new(Machine::exec(enter.clone()), &host.root(), "/srv/place");
    works(&place).await;
    assert_eq!(place.machine.facts().await.unwrap().hostname, "web");

    // The whole once more, as another user.
    host.run("useradd --create-home ada; mkdir /srv/hers; chown ada /srv/hers").unwrap();
    let hers = Place::new(Machine::exec(enter).become_user("ada"), &host.root(), "/srv/hers");
    assert_eq!(run(script(&hers.machine, "id -un")).await.unwrap(), "ada\n");
    works(&hers).await;
    assert_eq!(host.run("stat -c %U /srv/hers/a/file").unwrap(), "ada\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_root_in_namespaces_is_a_machine_if_it_has_proc() {
    if !is_root() {
        return skip("only root can change the root directory");
    }
    let _turn = TURN.lock().await;
    let (root, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(shared.path().join("mnt")).unwrap();
    let enter = |proc: &str| {
        let script = format!(
            "mount --bind / \"$0\"; mount --bind \"$1/mnt\" \"$0/mnt\"; {proc}; root=$0; shift; \
             exec chroot \"$root\" env HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \"$@\""
        );
        let (root, shared) = (root.path().to_str().unwrap(), shared.path().to_str().unwrap());
        Machine::exec(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", &script, root, shared])
    };
    let place = Place::new(enter("mount -t proc proc \"$0/proc\""), shared.path(), "/mnt");
    works(&place).await;
    let error = explain(&with_agent(enter(":")).facts().await.unwrap_err());
    assert!(error.contains("Is /proc mounted?"), "{error}");
    assert!(error.ends_with("\nhelp: mount /proc in the root directory of the machine"), "{error}");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_front_that_fails_or_is_silent_is_an_error_that_names_it() {
    let failure = async |words: &[&str]| {
        let machine = with_agent(Machine::exec(words.to_vec())).connect_timeout(Duration::from_secs(1));
        explain(&machine.facts().await.unwrap_err())
    };
    let error = failure(&["sh", "-c", "echo 'no such container' >&2; exit 1", "sh"]).await;
    assert!(error.starts_with("cannot connect to the machine sh -c") && error.contains("no such container"), "{error}");
    let error = failure(&["sh", "-c", "exit 0", "sh"]).await;
    assert!(error.contains("ended with code 0 before its hello"), "{error}");
    let error = failure(&["cat", "/etc/hostname"]).await;
    assert!(error.contains("cat /etc/hostname"), "{error}");
}
