//! Workers on several hosts carry out the runs that other processes begin.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::operators::{Site, failed, succeeded};
use crate::server::shared;

/// A worker, whose output is collected.
pub struct Worker {
    pub child: Child,
    lines: Arc<Mutex<String>>,
}

impl Worker {
    /// Starts a worker on a host, and waits until it is entered.
    pub fn start(site: &Site, host: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_with(site, host, &[], settings)
    }

    /// Starts a worker with more arguments, and waits until it is entered.
    pub fn start_with(site: &Site, host: &str, args: &[&str], settings: &[(&str, &str)]) -> Self {
        let worker = Self::start_unready(site, host, args, settings);
        test_kit::until("the worker is ready", || worker.output().contains("ready: worker on"));
        worker
    }

    /// Starts a worker that may be refused.
    pub fn start_unready(site: &Site, host: &str, args: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = site.operator(host, &[&["worker"], args].concat());
        command.envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        test_kit::guard(&child);
        let (lines, stderr) = (Arc::<Mutex<String>>::default(), child.stderr.take().unwrap());
        let all = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut all = all.lock().unwrap();
                all.push_str(&line);
                all.push('\n');
            }
        });
        Self { child, lines }
    }

    /// Returns the lines that the worker has printed.
    pub fn output(&self) -> String {
        self.lines.lock().unwrap().clone()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent =
            std::process::Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends the worker with Ctrl-C, and returns its output.
    pub fn interrupt(mut self) -> String {
        self.signal("INT");
        let status = self.child.wait().unwrap();
        let output = self.output();
        assert!(status.success(), "{output}");
        output
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn workers_carry_out_a_run_and_the_starter_names_them() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let count = [("COUNT", "8"), ("PAUSE_MS", "20")];
    let workers = ["north", "south"].map(|host| Worker::start_with(&site, host, &["--jobs", "4"], &count));
    let mut up = site.operator("west", &["up"]);
    let text = succeeded(up.envs(count).output().unwrap());
    site.expect_each_once(8);
    assert!(text.contains("on north") && text.contains("on south"), "{text}");
    assert!(text.contains("done: 8 objects; 24 tasks ran"), "{text}");
    let outputs = workers.map(Worker::interrupt);
    assert!(outputs.iter().all(|output| output.contains("run 1 of process")), "{outputs:?}");
    // Nothing is left to do, for whomever.
    let text = succeeded(site.operator("west", &["up"]).envs(count).output().unwrap());
    assert!(text.contains("up to date: 8 objects, 24 tasks"), "{text}");
}

#[test]
fn a_run_with_nothing_to_do_says_so() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let _worker = Worker::start(&site, "north", &[]);
    site.run("west", &["up"]);
    let text = site.run("west", &["up"]);
    assert!(text.contains("up to date: 2 objects, 6 tasks, nothing to do"), "{text}");
    site.expect_each_once(2);
}

#[test]
fn the_failure_of_a_worker_is_shown_where_the_run_began() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let _worker = Worker::start(&site, "north", &[]);
    site.instruct("north", "h0/second", Some("fail the disk is full"));
    let text = failed(site.operator("west", &["up"]).output().unwrap());
    assert!(text.contains("the disk is full") && text.contains("failed: 1 of 2 objects"), "{text}");
    site.instruct("north", "h0/second", None);
    site.run("west", &["up"]);
    site.expect_each_once(2);
}

#[test]
fn a_killed_worker_leaves_only_its_tasks_in_flight_to_the_others() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 3);
    let count = [("COUNT", "4")];
    for host in ["north", "south"] {
        for object in 0..4 {
            site.instruct(host, &format!("h{object}/second"), Some("hold"));
        }
    }
    let [mut north, _south] = ["north", "south"].map(|host| Worker::start_with(&site, host, &["--jobs", "2"], &count));
    let up = site.start("west", &["up"], &count);
    let begun = || (0..4).filter(|n| site.times(&format!("begin h{n}/second")) == 1).count() == 4;
    test_kit::until("all second tasks begin", begun);
    north.child.kill().unwrap();
    north.child.wait().unwrap();
    let since = Instant::now();
    for object in 0..4 {
        site.instruct("south", &format!("h{object}/second"), None);
    }
    let text = succeeded(up.wait_with_output().unwrap());
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    println!("the run ended {:?} after the kill, with a time to live of 3 s", since.elapsed());
    site.expect_each_once(4);
    let again = (0..4).filter(|n| site.times(&format!("begin h{n}/second")) == 2).count();
    assert_eq!(again, 2, "{:?}\n{text}", site.ledger());
    assert_eq!((0..4).map(|n| site.times(&format!("begin h{n}/first"))).sum::<usize>(), 4);
}

#[test]
fn a_run_goes_on_when_its_starter_is_killed_and_can_be_shown_again() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let north = Worker::start(&site, "north", &[]);
    site.instruct("north", "h0/second", Some("hold"));
    let mut up = site.start("west", &["up"], &[]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    up.kill().unwrap();
    up.wait().unwrap();
    let attached = site.start("east", &["up", "--attach", "1"], &[]);
    site.instruct("north", "h0/second", None);
    let text = succeeded(attached.wait_with_output().unwrap());
    assert!(text.contains("done: 2 objects; 6 tasks ran"), "{text}");
    site.expect_each_once(2);
    let text = failed(site.operator("east", &["up", "--attach", "77"]).output().unwrap());
    assert!(text.contains("no run 77 is known") && text.contains("`ps` lists the runs"), "{text}");
    drop(north);
}

#[test]
fn control_c_in_the_starter_stops_the_run_everywhere() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let _workers = ["north", "south"].map(|host| Worker::start(&site, host, &[]));
    for host in ["north", "south"] {
        site.instruct(host, "h0/first", Some("hold"));
        site.instruct(host, "h1/first", Some("hold"));
    }
    let up = site.start("west", &["up"], &[]);
    let begun = || site.times("begin h0/first") + site.times("begin h1/first") == 2;
    test_kit::until("both tasks begin", begun);
    crate::sharing::signal("INT", up.id());
    // The running tasks finish, and no further one begins.
    std::thread::sleep(Duration::from_millis(300));
    for host in ["north", "south"] {
        site.instruct(host, "h0/first", None);
        site.instruct(host, "h1/first", None);
    }
    let output = up.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("stopped: 2 of 2 objects not finished"), "{text}");
    assert_eq!(site.times("end h0/first") + site.times("end h1/first"), 2);
    assert_eq!(site.times("begin h0/second") + site.times("begin h1/second"), 0, "{:?}", site.ledger());
    site.run("west", &["up"]);
    site.expect_each_once(2);
}

#[test]
fn a_second_control_c_in_the_starter_cancels_the_tasks_of_the_workers() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let _worker = Worker::start(&site, "north", &[]);
    site.instruct("north", "h0/first", Some("hold"));
    let mut up = site.start("west", &["up", "h0"], &[]);
    test_kit::until("the task begins", || site.times("begin h0/first") == 1);
    crate::sharing::signal("INT", up.id());
    std::thread::sleep(Duration::from_millis(300));
    crate::sharing::signal("INT", up.id());
    up.wait().unwrap();
    // The task was cancelled although its instruction still holds it, so its object is free.
    test_kit::until("the object is free", || !site.run("west", &["status"]).contains("on north"));
    assert_eq!(site.times("end h0/first"), 0);
    site.instruct("north", "h0/first", None);
    site.run("west", &["up"]);
    site.expect_each_once(2);
}

#[test]
fn a_worker_that_is_interrupted_finishes_its_tasks_and_leaves_the_rest() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let north = Worker::start_with(&site, "north", &["--jobs", "1"], &[]);
    site.instruct("north", "h0/first", Some("hold"));
    let up = site.start("west", &["up"], &[]);
    test_kit::until("the task begins", || site.times("begin h0/first") == 1);
    north.signal("INT");
    test_kit::until("the worker stops", || north.output().contains("stopping"));
    let south = Worker::start(&site, "south", &[]);
    site.instruct("north", "h0/first", None);
    let text = succeeded(up.wait_with_output().unwrap());
    assert!(text.contains("done: 2 objects"), "{text}");
    site.expect_each_once(2);
    drop(south);
}

#[test]
fn a_worker_that_is_stopped_for_too_long_loses_its_object_without_a_failure() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 2);
    let north = Worker::start_with(&site, "north", &[], &[("COUNT", "1")]);
    site.instruct("north", "h0/second", Some("hold"));
    let up = site.start("west", &["up"], &[("COUNT", "1")]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    north.signal("STOP");
    let south = Worker::start(&site, "south", &[("COUNT", "1")]);
    let text = succeeded(up.wait_with_output().unwrap());
    assert!(text.contains("done: 1 object; 2 tasks ran") && text.contains("on south"), "{text}");
    let before = site.run("west", &["history"]);
    site.instruct("north", "h0/second", None);
    north.signal("CONT");
    north.interrupt();
    assert_eq!(site.run("west", &["history"]), before);
    drop(south);
}

#[test]
fn a_worker_gives_its_slot_back_while_it_waits_for_another_host() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let count = [("COUNT", "3")];
    // The first object is held on the south, and the only slot of the north needs it.
    site.instruct("south", "h0/second", Some("hold"));
    let south = Worker::start_with(&site, "south", &["--jobs", "1"], &count);
    let up = site.start("west", &["up"], &count);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    site.instruct("north", "h1/first", Some("ready h0"));
    let north = Worker::start_with(&site, "north", &["--jobs", "1"], &count);
    test_kit::until("the slot runs another object", || site.times("end h2/third") == 1);
    assert_eq!((site.times("begin h1/first"), site.times("end h1/first")), (1, 0), "{:?}", site.ledger());
    // The current task arrives with a sign of life.
    test_kit::until("the task is known to all", || site.run("west", &["ps"]).contains("h0: runs `second`"));
    let ps = site.run("west", &["ps"]);
    assert!(ps.contains("worker on north") && ps.contains("h1: waits for process"), "{ps}");
    assert!(ps.contains("run 1 of process"), "{ps}");
    site.instruct("south", "h0/second", None);
    succeeded(up.wait_with_output().unwrap());
    site.expect_each_once(3);
    drop((north, south));
}

#[test]
fn ten_workers_force_each_task_once() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let count = [("COUNT", "6")];
    let hosts = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let _workers = hosts.map(|host| Worker::start(&site, host, &count));
    for round in 1..=3 {
        succeeded(site.operator("west", &["up", "--force"]).envs(count).output().unwrap());
        for object in 0..6 {
            assert_eq!(site.times(&format!("end h{object}/third")), round, "{:?}", site.ledger());
        }
    }
}

#[test]
fn a_killed_worker_forces_nothing_twice() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 2);
    let one = [("COUNT", "1")];
    let mut north = Worker::start(&site, "north", &one);
    succeeded(site.operator("west", &["up"]).envs(one).output().unwrap());
    site.instruct("north", "h0/second", Some("hold"));
    let up = site.start("west", &["up", "--force"], &one);
    test_kit::until("the task begins again", || site.times("begin h0/second") == 2);
    north.child.kill().unwrap();
    north.child.wait().unwrap();
    let south = Worker::start(&site, "south", &one);
    succeeded(up.wait_with_output().unwrap());
    let times = ["first", "second", "third"].map(|task| site.times(&format!("end h0/{task}")));
    assert_eq!(times, [2, 2, 2], "{:?}", site.ledger());
    drop(south);
}

/// Returns the greatest number of objects that were under way at the same time.
fn most_at_once(site: &Site) -> usize {
    let (mut now, mut most) = (0, 0);
    for line in site.ledger() {
        now += usize::from(line.starts_with("begin") && line.ends_with("/first"));
        most = most.max(now);
        now -= usize::from(line.starts_with("end") && line.ends_with("/third"));
    }
    most
}

#[test]
fn a_rolling_run_begins_one_batch_after_the_other_over_all_hosts() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let count = [("COUNT", "7"), ("PAUSE_MS", "10")];
    let _workers = ["north", "south"].map(|host| Worker::start(&site, host, &count));
    succeeded(site.operator("west", &["up", "--batch", "2"]).envs(count).output().unwrap());
    site.expect_each_once(7);
    assert!(most_at_once(&site) <= 2, "{:?}", site.ledger());
    // Too many failures end the run after their batch.
    let site = Site::new(server, 6);
    let _workers = ["north", "south"].map(|host| Worker::start(&site, host, &count));
    for host in ["north", "south"] {
        site.instruct(host, "h1/first", Some("fail it is broken"));
    }
    let text = failed(site.operator("west", &["up", "--batch", "2"]).envs(count).output().unwrap());
    assert!(text.contains("failed: 1 of 7 objects; 5 not tried"), "{text}");
    let text = failed(site.operator("west", &["up", "--fail-fast", "h1", "h5"]).envs(count).output().unwrap());
    assert!(text.contains("it is broken"), "{text}");
}

#[test]
fn a_circle_over_workers_is_an_error() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let placed = [("PLACED", "h0=north;h1=south")];
    site.instruct("north", "h0/second", Some("hold"));
    site.instruct("south", "h1/second", Some("hold"));
    let _workers = ["north", "south"].map(|host| Worker::start(&site, host, &placed));
    let up = site.start("west", &["up"], &placed);
    let begun = || site.times("begin h0/second") + site.times("begin h1/second") == 2;
    test_kit::until("both tasks begin", begun);
    site.instruct("north", "h0/second", Some("ready h1"));
    site.instruct("south", "h1/second", Some("ready h0"));
    let since = Instant::now();
    let text = failed(up.wait_with_output().unwrap());
    println!("the circle was reported after {:?}", since.elapsed());
    assert!(text.contains("waiting would never end"), "{text}");
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn a_run_on_workers_survives_a_restart_of_the_database() {
    let Some(server) = crate::server::Server::start() else { return };
    let site = Site::new(&server, 6);
    let count = [("COUNT", "6"), ("PAUSE_MS", "100")];
    let _workers = ["north", "south"].map(|host| Worker::start_with(&site, host, &["--jobs", "1"], &count));
    let up = site.start("west", &["up"], &count);
    test_kit::until("some tasks have ended", || site.ledger().len() > 6);
    server.down("immediate");
    server.up();
    let text = succeeded(up.wait_with_output().unwrap());
    assert!(text.contains("done: 6 objects"), "{text}");
    site.expect_each_once(6);
}
