//! Tests with 10,000 objects, many connections and many changes.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use test_kit::{setting, until};

use crate::browser::{Look, start};
use crate::place::{Place, Served};

#[tokio::test]
async fn ten_thousand_objects_are_shown_and_found() {
    let Some(browser) = start(Look::new(1280, 900)).await else { return };
    let place = Place::new("many 10000\n");
    let page = place.serve(&[]);
    browser.open(&page.link).await;
    browser.wait_for("#counts", "10000 objects").await;
    browser.until("the map is whole", "return document.querySelectorAll('.map i').length === 10000").await;
    browser.wait_for("#connection", "live").await;
    browser.picture("ten-thousand").await;
    place.write("fail", "");
    let run = place.start(&["up", "--jobs", "64"]);
    browser.wait_for("#now .run", "of 10000 objects").await;
    browser.picture("ten-thousand-running").await;
    assert!(!run.wait());
    browser.wait_for("#counts", "10 failed").await;
    browser.wait_for("#counts", "9990 up to date").await;
    browser.open(&page.address("/?state=failed")).await;
    browser.wait_for(".group h2", "10 objects").await;
    browser.wait_for(".card .why", "the port is taken").await;
    browser.open(&page.address("/?group=rack-3")).await;
    browser.wait_for(".group h2", "1000 objects").await;
    browser.find("a[rel=next]").await.click().await.unwrap();
    browser.wait_for(".pages", "Page 2 of 4").await;
    browser.open(&page.address("/?q=host-04242")).await;
    browser.wait_for(".card a", "host-04242").await;
    browser.close().await;
}

/// A connection that follows updates.
struct Follower {
    stream: BufReader<TcpStream>,
}

impl Follower {
    fn new(page: &Served, after: Option<&str>) -> Self {
        let request = page.request("GET", "/events");
        let request = after.into_iter().fold(request, |request, after| request.header("last-event-id", after));
        Self { stream: BufReader::new(request.open()) }
    }

    /// Returns the next event: its name, its id, and the size of its data. Returns `None` at the end of the stream.
    fn next(&mut self) -> Option<(String, String, usize)> {
        let (mut name, mut id, mut size) = (String::new(), String::new(), 0);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let text = line.trim_end();
            if let Some(text) = text.strip_prefix("event: ") {
                text.clone_into(&mut name);
            } else if let Some(text) = text.strip_prefix("id: ") {
                text.clone_into(&mut id);
            } else if let Some(text) = text.strip_prefix("data: ") {
                size += text.len();
            } else if text.is_empty() && !name.is_empty() {
                return Some((name, id, size));
            }
        }
    }
}

fn number(id: &str) -> u64 {
    id.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

/// Returns the memory of a process in KiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The run writes as many lines of history as the machine allows. `LOAD_SECONDS=60` is the figure in the book.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are for a person")]
fn many_changes_reach_fifty_connections_and_memory_stays() {
    let seconds = setting("LOAD_SECONDS", 5);
    let place = Place::new("many 10000\n");
    // Sixteen jobs with 16 ms per task are about 1,000 tasks per second.
    place.write("nap", "14");
    let page = place.serve(&[]);
    until("all objects are read", || page.get("/").body.contains("10000</b>"));
    let is_over = Arc::new(AtomicBool::new(false));
    let (updates, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let followers: Vec<_> = (0..50)
        .map(|_| {
            let mut follower = Follower::new(&page, None);
            let (is_over, updates, bytes) = (is_over.clone(), updates.clone(), bytes.clone());
            std::thread::spawn(move || {
                let mut last = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let Some((name, id, size)) = follower.next() else { break };
                    assert_ne!(name, "missed", "a connection that keeps up misses nothing");
                    if name == "update" {
                        assert!(last == 0 || number(&id) == last + 1, "{id} follows {last}");
                        updates.fetch_add(1, Ordering::Relaxed);
                        bytes.fetch_add(size, Ordering::Relaxed);
                    }
                    last = number(&id);
                }
            })
        })
        .collect();
    // A connection that reads nothing.
    let _slow = page.request("GET", "/events").open();
    let pid = page.process.pid();
    let before = memory(pid);
    let began = Instant::now();
    let run = place.start(&["up", "--force", "--jobs", "16"]);
    until("the run is seen", || page.get("/").body.contains("class=\"run\""));
    let mut most = before;
    while began.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(200));
        most = most.max(memory(pid));
    }
    drop(run);
    is_over.store(true, Ordering::Relaxed);
    let lines = String::from_utf8(place.run(&["history", "-n", "1000000"]).stdout).unwrap().lines().count();
    // The end of the page ends all connections.
    drop(page);
    followers.into_iter().for_each(|follower| follower.join().unwrap());
    let (updates, bytes) = (updates.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
    println!(
        "{seconds} s: {} tasks per second; 50 connections, {} updates each, {} KiB each; memory {} MiB before, at most {} MiB",
        lines as u64 / seconds,
        updates / 50,
        bytes / 50 / 1024,
        before / 1024,
        most / 1024
    );
    assert!(updates > 50, "updates arrive");
    assert!(most < before + 200 * 1024, "memory grew from {before} to {most} KiB");
}

#[test]
fn a_connection_that_comes_back_receives_what_it_has_missed() {
    let place = Place::small();
    let page = place.serve(&[]);
    let mut follower = Follower::new(&page, None);
    let (name, first, _) = follower.next().unwrap();
    assert_eq!(name, "hello");
    drop(follower);
    place.run(&["up"]);
    until("the page shows the run", || page.get("/").body.contains("<b>3</b> up to date"));
    let mut back = Follower::new(&page, Some(&first));
    let mut seen = Vec::new();
    assert_eq!(back.next().unwrap().0, "hello");
    while seen.last().is_none_or(|last| *last < number(&first) + 1) {
        let (name, id, _) = back.next().unwrap();
        assert_eq!(name, "update");
        seen.push(number(&id));
    }
    assert_eq!(seen[0], number(&first) + 1, "no update is lost");
    for unknown in ["x-1", "", "1", "é", &format!("{first}9999999")] {
        let mut stranger = Follower::new(&page, Some(unknown));
        assert_eq!(
            (stranger.next().unwrap().0, stranger.next().unwrap().0),
            ("hello".into(), "missed".into()),
            "{unknown:?}"
        );
    }
}

#[test]
fn a_connection_that_does_not_read_holds_up_no_other() {
    let place = Place::small();
    let page = place.serve(&[]);
    let mut slow = page.request("GET", "/events").open();
    let mut follower = Follower::new(&page, None);
    follower.next().unwrap();
    place.run(&["up"]);
    assert_eq!(follower.next().unwrap().0, "update");
    let mut bytes = [0; 64];
    assert!(slow.read(&mut bytes).unwrap() > 0);
}
