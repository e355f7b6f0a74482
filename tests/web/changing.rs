//! Tests of the changes that a page can make with `--allow-changes`.

use test_kit::until;

use crate::place::Place;

#[test]
fn a_run_of_one_object_includes_what_it_depends_on() {
    let place = Place::small();
    let page = place.serve(&["--allow-changes"]);
    assert_eq!(page.post("/run", "object=ada").status, 303);
    until("the run ends", || page.get("/").body.contains("done: "));
    let history = String::from_utf8(place.run(&["history"]).stdout).unwrap();
    assert!(history.contains("ada/mount") && history.contains("files/build") && !history.contains("bob"), "{history}");
    let unknown = page.post("/run", "object=eve");
    assert!(unknown.status == 404 && unknown.body.contains("there is no object `eve`"), "{unknown:?}");
}

#[test]
fn a_run_is_cancelled_after_its_running_tasks() {
    let place = Place::small();
    place.write("wait", "");
    let page = place.serve(&["--allow-changes"]);
    page.post("/run", "");
    until("the task runs", || {
        page.get("/object?id=files").body.contains("building") || page.get("/").body.contains("card running")
    });
    assert_eq!(page.post("/run", "").status, 409, "one run at a time");
    assert!(page.get("/").body.contains("action=\"/cancel\""));
    let others = String::from_utf8(place.run(&["ps"]).stdout).unwrap();
    assert!(others.contains("Build the share"), "other processes see the run: {others}");
    assert_eq!(page.post("/cancel", "").status, 303);
    place.remove("wait");
    until("the run ends", || page.get("/").body.contains("stopped"));
    let history = String::from_utf8(place.run(&["history"]).stdout).unwrap();
    assert!(history.contains("files/build") && !history.contains("ada/mount"), "{history}");
}

#[test]
fn a_task_is_marked_as_done() {
    let place = Place::small();
    place.write("fail", "");
    place.run(&["up"]);
    let page = place.serve(&["--allow-changes"]);
    assert_eq!(page.post("/mark-done", "object=files&task=build").status, 303);
    until("the task is marked", || page.get("/").body.contains("marked as done: files/build"));
    let status = String::from_utf8(place.run(&["status", "files"]).stdout).unwrap();
    assert!(!status.contains("failed"), "{status}");
    page.post("/mark-done", "object=files&task=nothing");
    until("the error is told", || page.get("/").body.contains("nothing"));
}

#[test]
fn an_interrupted_page_completes_the_running_tasks_of_its_run() {
    let place = Place::small();
    place.write("wait", "");
    let page = place.serve(&["--allow-changes"]);
    page.post("/run", "");
    until("the task runs", || page.get("/").body.contains("card running"));
    let pid = page.process.pid();
    let ended = std::thread::spawn(move || page.process.interrupt());
    until("the page has ended or waits", || ended.is_finished() || std::fs::exists(format!("/proc/{pid}")).unwrap());
    place.remove("wait");
    assert!(ended.join().unwrap());
    let history = String::from_utf8(place.run(&["history"]).stdout).unwrap();
    assert!(history.contains("files/build") && history.contains("done"), "{history}");
}
