//! Handles: running one task, and naming one.

use setup_tasks::{Layout, Status};

use crate::support::{Machine, chain, events, lines};

#[tokio::test]
async fn running_a_handle_runs_the_one_task_as_a_task() {
    let layout = Layout::in_memory().unwrap();
    let mut events = events(&layout);
    let machine = layout.add(Machine::new("m")).unwrap();
    let report = Machine::SECOND.run(&machine).await.unwrap();
    assert_eq!((report.status, machine.log.take()), (Status::Ran, vec!["second".to_owned()]));
    assert!(machine.check_stamp("second").unwrap().is_some() && machine.check_stamp("first").unwrap().is_none());
    assert_eq!(events.take(), ["m/second should run: forced", "m/second start 1", "m/second ran"]);

    machine.knobs.set("second", "fail");
    let error = chain(Machine::SECOND.run(&machine).await.unwrap_err());
    assert!(error.contains("m/second") && error.contains("the disk is on fire"), "{error}");
    assert!(machine.check_stamp("second").unwrap().is_none(), "a failure removes the stamp");
}

#[tokio::test]
async fn a_handle_runs_a_task_of_a_readonly_object() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.place(Machine::new("m")).readonly(true).add().unwrap();
    assert!(machine.run_setup_tasks().await.unwrap().readonly);
    Machine::FIRST.run(&machine).await.unwrap();
    assert_eq!(machine.log.take(), ["first"]);
}

#[tokio::test]
async fn tasks_go_by_name_on_an_object_of_unknown_type() {
    let layout = Layout::in_memory().unwrap();
    layout.add(Machine::new("m")).unwrap();
    let any = layout.get("m").unwrap();
    let report = any.run_setup_tasks().stop_after("second").await.unwrap();
    assert_eq!(lines(&report), ["first ran: never ran", "second ran: never ran"]);
    let error = any.run_setup_tasks().force("sceond").await.unwrap_err().to_string();
    assert_eq!(error, "`m` has no setup task `sceond`; it has `first`, `second`, `third`");
    assert!(any.downcast::<Machine>().is_some());
}
