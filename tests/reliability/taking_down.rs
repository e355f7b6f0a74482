//! Tests with kills and signals at random times while objects are brought down. The next way down
//! continues: no undo is lost, and none runs again after its record is gone. `DOWN_KILLS=200` sets
//! the number for a long run.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use test_kit::{Numbers, setting};

use crate::trial::Trial;

const TASKS: [&str; 3] = ["first", "second", "third"];

/// Undos take longer than the start of a process, so that most stops come between the first and the
/// last undo.
const PAUSE: (&str, &str) = ("PAUSE_US", "2000");

/// The time after which a run with the default number of kills begins no further round.
const LIMIT: Duration = Duration::from_secs(20);

/// Checks that the effects of tasks vanish in reverse order, and those of dependents first.
fn check_order(place: &Trial, chain: u64, context: &str) {
    let is_left = |object: u64, task: &str| place.path().join(format!("effects/o{object}.{task}")).exists();
    for object in 0..6 {
        for pair in TASKS.windows(2) {
            let in_order = is_left(object, pair[0]) || !is_left(object, pair[1]);
            assert!(in_order, "{context}: `o{object}.{}` was undone before `{}`", pair[0], pair[1]);
        }
        if object % chain != 0 {
            let in_order = is_left(object - 1, "second") || !is_left(object, "third");
            assert!(in_order, "{context}: `o{}.second` was undone before its dependent", object - 1);
        }
    }
}

/// Stops ways down at random times. After each stop, a complete way down finishes the work.
fn stop_and_finish(stops: u64, settings: &[(&'static str, &str)], seed: u64) {
    let (since, place, mut numbers) = (Instant::now(), Trial::new(settings), Numbers::new(seed));
    let chain = settings.iter().find(|(name, _)| *name == "CHAIN").map_or(4, |(_, value)| value.parse().unwrap());
    let (mut interrupted, mut partial, mut round) = (0, 0, 0);
    place.good("run");
    let first = Instant::now();
    place.good("down");
    let longest = u64::try_from(first.elapsed().as_micros()).unwrap();
    while round < stops {
        if std::env::var_os("DOWN_KILLS").is_none() && since.elapsed() > LIMIT {
            break;
        }
        let context = format!("seed {seed}, round {round}, {settings:?}");
        place.good("run");
        let before = place.ledger();
        let mut child = place.command("down").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(numbers.below(longest)));
        let signal = ["KILL", "KILL", "TERM", "INT"][usize::try_from(numbers.below(4)).unwrap()];
        // The error of a process that has ended is expected.
        let _ =
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).stderr(Stdio::null()).status();
        child.wait().unwrap();

        place.check_truth(&context);
        check_order(&place, chain, &context);
        let (after, left) = (place.ledger(), place.records());
        interrupted += after.values().filter(|account| account.is_open).count();
        partial += usize::from(!left.is_empty() && left.len() < 18);
        for (task, account) in &after {
            if !left.contains(task) {
                let (begun, done) = (account.undos.0 - before[task].undos.0, account.undos.1 - before[task].undos.1);
                assert_eq!((begun, done), (1, 1), "{context}: the record of `{task}` is gone without its undo");
            }
        }
        // The tasks with an interrupted undo run again, and all others are up to date.
        let open: BTreeSet<_> = after.iter().filter(|(_, account)| account.is_open).map(|(task, _)| task).collect();
        let planned = place.plan();
        assert!(open.iter().all(|task| planned.contains(*task)), "{context}: {open:?} are not in {planned:?}");

        place.good("down");
        let finished = place.ledger();
        for (task, account) in &finished {
            let again = account.undos.0 - after[task].undos.0;
            assert_eq!(again, usize::from(left.contains(task)), "{context}: `{task}` was undone {again} times");
            assert!(!account.is_open && !place.path().join("effects").join(task).exists(), "{context}: `{task}`");
        }
        assert!(place.records().is_empty(), "{context}");
        round += 1;
    }
    println!("{round} stops with {settings:?}: {interrupted} undos were interrupted, {partial} ways down were partial");
    assert!(partial * 20 > usize::try_from(round).unwrap(), "only {partial} of {round} stops came between two undos");
}

#[test]
fn the_next_way_down_finishes_a_stopped_one_and_undoes_nothing_twice() {
    let stops = setting("DOWN_KILLS", 60);
    let half = stops / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| stop_and_finish(half, &[PAUSE], 1));
        scope.spawn(|| stop_and_finish(stops - half - stops / 5, &[PAUSE, ("JOBS", "1"), ("CHAIN", "6")], 2));
        scope.spawn(|| stop_and_finish(stops / 5, &[PAUSE, ("STORE", "files")], 3));
    });
}

#[test]
fn objects_that_depend_on_each_other_are_finished_too() {
    stop_and_finish(setting("DOWN_KILLS", 40) / 5, &[PAUSE, ("MUTUAL", "1"), ("CHAIN", "1")], 4);
}
