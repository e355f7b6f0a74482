//! Relationships: another object's task that ran later invalidates what follows here.

use setup_tasks::Layout;
use setup_tasks::prelude::*;

use crate::support::{Machine, Place, chain, lines};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{machine.name}", id = "{machine.name}")]
struct Client {
    machine: Machine,
    #[depends_on(Machine::second)]
    server: Object<Machine>,
    #[depends_on(Machine::first, run_if_needed = false, before = Client::mount)]
    others: Vec<Object<Machine>>,
    #[depends_on(Machine::third, ready)]
    spare: Option<Object<Machine>>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Prepare", order = 50)]
    fn prepare(&self) {
        self.machine.log.say("prepare");
    }
    #[setup_task("Mount")]
    fn mount(&self) {
        self.machine.log.say("mount");
    }
}

struct Site {
    server: Object<Machine>,
    other: Object<Machine>,
    client: Object<Client>,
}

fn site(layout: &Layout) -> Site {
    let server = layout.add(Machine::new("server")).unwrap();
    let other = layout.add(Machine::new("other")).unwrap();
    let client =
        Client { machine: Machine::new("client"), server: server.clone(), others: vec![other.clone()], spare: None };
    Site { client: layout.add(client).unwrap(), server, other }
}

#[test]
fn relationships_stand_ahead_of_the_types_own_tasks_unless_they_say_otherwise() {
    let names: Vec<_> = Client::setup_tasks().iter().map(setup_tasks::TaskDef::name).collect();
    assert_eq!(names, ["prepare", "server_second", "spare_third", "others_first", "mount"]);
}

#[tokio::test]
async fn the_other_object_runs_up_to_the_task_that_is_depended_on() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, other, client } = site(&layout);
    client.run_setup_tasks().await.unwrap();
    assert_eq!(server.log.take(), ["first", "second"]);
    assert!(other.log.take().is_empty(), "run_if_needed = false leaves it alone");
    assert!(client.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_related_task_that_ran_later_runs_what_follows_also_in_another_process() {
    let place = Place::new();
    let first = place.layout();
    site(&first).client.run_setup_tasks().await.unwrap();
    {
        let layout = place.layout();
        Machine::SECOND.run(&site(&layout).server).await.unwrap();
    }
    let second = place.layout();
    let client = site(&second).client;
    let report = client.run_setup_tasks().await.unwrap();
    let ran: Vec<_> = report.ran().map(|task| (task.task, task.reason.as_ref().unwrap().to_string())).collect();
    assert_eq!(ran, [("mount", "server/second ran later".to_owned())]);
    assert!(client.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn with_run_if_needed_off_only_what_ran_counts() {
    let layout = Layout::in_memory().unwrap();
    let Site { other, client, .. } = site(&layout);
    client.run_setup_tasks().await.unwrap();
    Machine::FIRST.run(&other).await.unwrap();
    assert_eq!(lines(&client.plan().await.unwrap()).last().unwrap(), "mount would run: other/first ran later");
}

#[tokio::test]
async fn ready_runs_all_of_the_other_objects_tasks() {
    let layout = Layout::in_memory().unwrap();
    let spare = layout.add(Machine::new("spare")).unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let client = Client { machine: Machine::new("c"), server, others: vec![], spare: Some(spare.clone()) };
    layout.add(client).unwrap().run_setup_tasks().await.unwrap();
    assert_eq!(spare.log.take(), ["first", "second", "third"]);
}

#[tokio::test]
async fn a_dry_run_counts_what_would_run_on_the_other_object() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, client, .. } = site(&layout);
    client.run_setup_tasks().await.unwrap();
    server.knobs.set("hash", "new");
    server.log.take();
    let plan = lines(&client.plan().await.unwrap());
    assert_eq!(plan.last().unwrap(), "mount would run: server/second ran later");
    assert!(server.log.take().is_empty());
}

#[tokio::test]
async fn a_related_task_that_fails_fails_the_object_and_names_the_way() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, client, .. } = site(&layout);
    server.knobs.set("first", "fail");
    let error = chain(client.run_setup_tasks().await.unwrap_err());
    assert_eq!(
        error,
        "`client` depends on task `server/second`, which cannot be brought up to date: task `server/first` (Do the \
         first) failed; it ran because: never ran: cannot write: the disk is on fire"
    );
    assert_eq!(client.machine.log.take(), ["prepare"]);
}
