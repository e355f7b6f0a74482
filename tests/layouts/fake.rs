//! Tests of `FakeMachine`.

use setup_tasks::error::explain;
use setup_tasks::prelude::*;
use setup_tasks_machines::resources::{Directory, File, Group, Line, Packages, Service, User};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{FakeMachine, TestLayout, assert_ran};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web {
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Web {
    /// Add the group
    #[setup_task]
    const GROUP: Ensure<Self, Group> = Ensure::new(|_: &Self| Group::named("ops").gid(2000)).undone();

    /// Add the user
    #[setup_task]
    const USER: Ensure<Self, User> = Ensure::new(|_: &Self| {
        User::named("ada").group("ops").groups(["sudo"]).shell("/bin/bash").comment("Ada").password_hash("$6$salt$hash")
    })
    .undone();

    /// Install the packages
    #[setup_task]
    const PACKAGES: Ensure<Self, Packages> =
        Ensure::new(|_: &Self| Packages::installed(["nginx", "curl"]).version("curl", "7.88")).undone();

    /// Make the directory
    #[setup_task]
    const DIRECTORY: Ensure<Self, Directory> = Ensure::new(|_| Directory::at("/srv/site").mode(0o750).owner("ada"));

    /// Write the page
    #[setup_task]
    const PAGE: Ensure<Self, File> =
        Ensure::new(|_| File::at("/srv/site/index.html").content("hello\n").mode(0o640).owner("ada").group("www-data"));

    /// Name the machine
    #[setup_task]
    const NAME: Ensure<Self, Line> = Ensure::new(|_| Line::in_file("/etc/hosts", "127.0.1.1 web"));

    /// Mask what is not needed
    #[setup_task]
    const MASKED: Ensure<Self, Service> = Ensure::new(|_| Service::masked("curl"));

    /// Run the server
    #[setup_task]
    const SERVER: Ensure<Self, Service> = Ensure::new(|_: &Self| Service::enabled("nginx")).undone();
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_brought_into_their_state_and_stay_there() -> Result<()> {
    let (test, fake) = (TestLayout::new(), FakeMachine::new("web"));
    test.add(Web { machine: fake.machine() })?;
    let report = test.run().await?;
    assert!(report.is_success(), "{report}");
    assert_eq!(fake.read("/srv/site/index.html").as_deref(), Some("hello\n"));
    assert_eq!((fake.mode("/srv/site"), fake.mode("/srv/site/index.html")), (Some(0o750), Some(0o640)));
    assert_eq!(fake.owner("/srv/site/index.html"), Some(("ada".to_owned(), "www-data".to_owned())));
    assert!(fake.has_package("nginx") && fake.has_package("curl") && !fake.has_package("vim"));
    assert!(fake.is_running("nginx") && fake.is_enabled("nginx") && !fake.is_running("curl"));
    assert!(fake.has_user("ada") && fake.has_group("ops") && !fake.has_group("ada"));
    assert!(fake.read("/etc/shadow").unwrap().contains("ada:$6$salt$hash:"));
    assert!(fake.read("/etc/group").unwrap().contains("sudo:x:27:ada\n"));
    // A run that verifies observes each of them, and finds no difference.
    let before = fake.ran().len();
    assert_ran!(test.run().verify().await?, []);
    let asked = fake.ran().split_off(before);
    assert!(asked.iter().all(|line| line.starts_with("systemctl show ")), "{asked:?}");
    let down = test.down().await?;
    assert!(down.is_success(), "{down}");
    assert!(!fake.has_package("nginx") && !fake.has_user("ada") && !fake.has_group("ops"), "{down}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_on_the_machine_is_found_and_put_right() -> Result<()> {
    let (test, fake) = (TestLayout::new(), FakeMachine::new("web"));
    test.add(Web { machine: fake.machine() })?;
    test.run().await?;
    fake.write("/srv/site/index.html", "vandals were here\n");
    assert_ran!(test.run().verify().await?, ["web/page", "web/name", "web/masked", "web/server"]);
    assert_eq!(fake.read("/srv/site/index.html").as_deref(), Some("hello\n"));
    Ok(())
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "probe")]
struct Probe {
    machine: Machine,
    commands: &'static [&'static [&'static str]],
}

#[setup_tasks]
impl Probe {
    #[setup_task("Run the commands", always)]
    async fn run(&self, cx: &TaskContext) -> Result<()> {
        for words in self.commands {
            let said = self.machine.command(cx, words[0]).args(&words[1..]).output().await?;
            cx.log(&said);
        }
        Ok(())
    }
}

/// Runs commands on a machine, and returns the error if there is one.
async fn run(fake: &FakeMachine, commands: &'static [&'static [&'static str]]) -> Option<String> {
    let test = TestLayout::new();
    let probe = test.add(Probe { machine: fake.machine(), commands }).unwrap();
    let ran = probe.run_setup_tasks().await;
    ran.err().map(|error| explain(&error))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_the_answers_of_the_test_in_order() {
    let fake = FakeMachine::new("web");
    fake.on("curl *").fails(7, "could not connect").says("hello\n");
    fake.on("nginx -t");
    let error = run(&fake, &[&["nginx", "-t"], &["curl", "-fsS", "http://web/a b"]]).await.unwrap();
    assert!(error.contains("could not connect"), "{error}");
    assert_eq!(run(&fake, &[&["curl", "x"], &["curl", "x"]]).await, None);
    assert_eq!(fake.ran(), ["nginx -t", "curl -fsS 'http://web/a b'", "curl x", "curl x"]);
    // A later answer takes precedence, also over a simulated program.
    fake.on("systemctl is-active nginx").says("active\n");
    assert_eq!(run(&fake, &[&["systemctl", "is-active", "nginx"]]).await, None);
    let error = run(&fake, &[&["systemctl", "is-active", "cron"]]).await.unwrap();
    assert!(error.contains("code 3") || error.contains("status: 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_change_the_machine() {
    let fake = FakeMachine::new("web");
    let machine = fake.clone();
    fake.on("make-page *").does(move |invocation| {
        machine.write("/srv/page", &invocation.args[0]);
        machine.install("made");
        setup_tasks_test::output("made it\n")
    });
    assert_eq!(run(&fake, &[&["make-page", "hello"]]).await, None);
    assert_eq!(fake.read("/srv/page").as_deref(), Some("hello"));
    assert!(fake.has_package("made"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_without_an_answer_is_an_error_that_names_the_nearest_one() {
    let fake = FakeMachine::new("web");
    let error = run(&fake, &[&["nginx", "-T"]]).await.unwrap();
    assert!(
        error.contains("the fake machine web has no answer to `nginx -T`: the test gives it one with `on`"),
        "{error}"
    );
    fake.on("curl *");
    fake.on("nginx -t");
    let error = run(&fake, &[&["nginx", "-T"]]).await.unwrap();
    assert!(error.contains("no answer to `nginx -T`: the nearest expectation is `nginx -t`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_those_of_a_debian_system_of_that_name() -> Result<()> {
    let facts = FakeMachine::new("web").machine().facts().await?;
    assert_eq!((&*facts.os, &*facts.os_version, &*facts.hostname, &*facts.user), ("debian", "12", "web", "root"));
    Ok(())
}
