//! Tests of groups of objects, and of rolling runs in batches.

use setup_tasks::fleet::{FleetReport, ObjectStatus};
use setup_tasks::layout::AddError;
use setup_tasks::prelude::*;
use setup_tasks::{Layout, Secret};

use test_kit::{Machine, chain};

use ObjectStatus::{DependencyFailed, Failed, NotTried, Ran};

/// A machine that depends on another one.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{name}", id = "{name}")]
struct Client {
    name: &'static str,
    #[depends_on(Machine::third)]
    server: Object<Machine>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount")]
    fn mount(&self) {}
}

fn machines<const N: usize>(layout: &Layout) -> [Object<Machine>; N] {
    std::array::from_fn(|i| layout.add(Machine::new(["m0", "m1", "m2", "m3", "m4", "m5"][i])).unwrap())
}

fn outcomes(report: &FleetReport) -> Vec<ObjectStatus> {
    report.objects.iter().map(|result| result.outcome).collect()
}

fn ids(run: &setup_tasks::fleet::FleetRun) -> Vec<String> {
    run.objects().unwrap().iter().map(|object| object.id().to_owned()).collect()
}

#[tokio::test]
async fn groups_select_objects_together_with_the_other_filters() {
    let layout = Layout::in_memory().unwrap();
    for (name, groups) in
        [("web1", &["web", "public"][..]), ("web2", &["web", "web"]), ("db", &["data"]), ("lone", &[])]
    {
        let mut builder = layout.object_builder(Machine::new(name));
        for group in groups {
            builder = builder.group(*group);
        }
        builder.add().unwrap();
    }
    let run = || layout.run();
    assert_eq!(ids(&run().group("web")), ["web1", "web2"]);
    assert_eq!(ids(&run().group("public").group("data")), ["web1", "db"]);
    assert_eq!(ids(&run().group("web").exclude("*1")), ["web2"]);
    assert_eq!(ids(&run().group("web").include("d*")), Vec::<String>::new());
    assert_eq!(layout.get("web2").unwrap().groups().collect::<Vec<_>>(), ["web"], "a group counts once");
    let error = chain(run().group("publik").await.unwrap_err());
    assert_eq!(error, "no object is in the group `publik`\nhelp: did you mean `public`?");
    let error = chain(run().group("elsewhere").await.unwrap_err());
    assert_eq!(error, "no object is in the group `elsewhere`\nhelp: the groups are `data`, `public`, `web`");
    let report = run().group("web").await.unwrap();
    assert_eq!(report.summary(), "done: 2 objects; 6 tasks ran");
}

#[test]
fn a_group_that_contains_a_secret_is_an_error_without_it() {
    let _secret = Secret::new("correct horse group".to_owned());
    let layout = Layout::in_memory().unwrap();
    let error = layout.object_builder(Machine::new("m")).group("of correct horse group").add().unwrap_err();
    assert!(matches!(error, AddError::Secret { what: "group", .. }));
    assert!(!chain(error).contains("horse"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_begins_once_all_objects_of_the_last_one_have_ended() {
    let layout = Layout::in_memory().unwrap();
    let machines = machines::<5>(&layout);
    let gates = machines.each_ref().map(|machine| machine.knobs.gate("first"));
    let run = tokio::spawn(layout.run().jobs(4).batch(2).into_future());
    gates[0].arrived().await;
    gates[1].arrived().await;
    gates[0].open();
    while layout.activities().fleets[0].ended == 0 {
        tokio::task::yield_now().await;
    }
    // A worker has had the time to begin another object.
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert!(layout.activities().run_of("m2").is_none());
    }
    gates[1].open();
    gates[2].arrived().await;
    gates[3].arrived().await;
    assert!(layout.activities().run_of("m4").is_none());
    gates[2].open();
    gates[3].open();
    gates[4].arrived().await;
    gates[4].open();
    assert_eq!(run.await.unwrap().unwrap().summary(), "done: 5 objects; 15 tasks ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_batch_begins_only_while_no_more_than_the_limit_failed() {
    for (limit, expected) in [
        (None, [Ran, Failed, NotTried, NotTried, NotTried, NotTried]),
        (Some(0), [Ran, Failed, NotTried, NotTried, NotTried, NotTried]),
        (Some(1), [Ran, Failed, Failed, Ran, NotTried, NotTried]),
        (Some(2), [Ran, Failed, Failed, Ran, Ran, Failed]),
        (Some(9), [Ran, Failed, Failed, Ran, Ran, Failed]),
    ] {
        let layout = Layout::in_memory().unwrap();
        let machines = machines::<6>(&layout);
        for at in [1, 2, 5] {
            machines[at].knobs.set("second", "fail");
        }
        let run = layout.run().batch(2);
        let run = if let Some(limit) = limit { run.max_failures(limit) } else { run };
        let report = run.await.unwrap();
        assert_eq!(outcomes(&report), expected, "{limit:?}");
        assert!(!report.is_success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_come_first_and_their_dependents_count_as_failed() {
    let layout = Layout::in_memory().unwrap();
    let [server] = machines::<1>(&layout);
    for name in ["a", "b", "c"] {
        layout.add(Client { name, server: server.clone() }).unwrap();
    }
    let report = layout.run().batch(1).await.unwrap();
    assert_eq!(outcomes(&report), [Ran; 4]);
    server.knobs.set("third", "fail");
    let run = layout.run().force("m0/third").batch(3).max_failures(2);
    assert_eq!(outcomes(&run.await.unwrap()), [Failed, DependencyFailed, DependencyFailed, NotTried]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_runs_once_whatever_the_size_of_the_batches_and_the_number_of_jobs() {
    for size in [0, 1, 2, 3, 7, 64] {
        for jobs in [1, 2, 8] {
            let layout = Layout::in_memory().unwrap();
            let [server] = machines::<1>(&layout);
            for i in 0..20 {
                let client = Client { name: Box::leak(format!("c{i}").into_boxed_str()), server: server.clone() };
                layout.add(client).unwrap();
            }
            let report = layout.run().jobs(jobs).batch(size).await.unwrap();
            assert_eq!(report.with(Ran).count(), 21, "batches of {size}, {jobs} jobs");
        }
    }
}
