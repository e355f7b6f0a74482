//! Tests with kills at random times. The next run finishes the interrupted work, and repeats no
//! finished work. `KILLS=1000` sets the number of kills for a long run.

use std::time::Duration;

use test_kit::{Numbers, setting};

use crate::trial::Trial;

/// Kills runs at random times. After each kill, a complete run finishes the work.
fn kill_and_finish(kills: u64, settings: &[(&'static str, &str)], seed: u64) {
    let place = Trial::new(settings);
    let mut numbers = Numbers::new(seed);
    let (mut interrupted, mut longest, mut round) = (0, 30_000, 0);
    // On a busy machine few kills come while a task runs, so the test goes on for up to four times as long.
    while round < kills || (interrupted * 20 <= round && round < 4 * kills) {
        let context = format!("seed {seed}, round {round}, {settings:?}");
        for object in 0..6 {
            if numbers.below(3) == 0 {
                place.set_generation(object, round + 1);
            }
        }
        let (before, planned) = (place.ledger(), place.plan());
        let mut child = place.command("run").stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(numbers.below(longest)));
        child.kill().unwrap();
        let ended = child.wait().unwrap().success();
        // If runs mostly end before they are killed, the next kills come sooner.
        longest = if ended { (longest * 9 / 10).max(3000) } else { longest + 500 };
        place.check_truth(&context);
        let after = place.ledger();
        interrupted += after.values().filter(|account| account.is_open).count() as u64;
        for (task, account) in &after {
            let earlier = before.get(task).map_or(0, |account| account.begun.len());
            assert!(account.begun.len() == earlier || planned.contains(task), "{context}: `{task}` ran for nothing");
        }
        // The tasks that completed in the killed run do not run again.
        let stamps = place.stamps();
        place.check_finish(&context);
        let finished = place.ledger();
        for (task, (generation, _)) in &stamps {
            // No other task precedes the first task of an object and could make it run again.
            let stands = *generation == place.generation(task) && task.contains(".first");
            if stands {
                let times = finished[task].begun.len() - after[task].begun.len();
                assert_eq!(times, 0, "{context}: `{task}` was complete, and ran again");
            }
        }
        round += 1;
    }
    println!("{round} kills with {settings:?}: {interrupted} tasks were interrupted");
    assert!(interrupted * 20 > round, "only {interrupted} of {round} kills came while a task ran");
}

#[test]
fn the_next_run_finishes_a_killed_one_and_no_stamp_is_untrue() {
    let kills = setting("KILLS", 100);
    let half = kills / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| kill_and_finish(half, &[], 1));
        scope.spawn(|| kill_and_finish(kills - half - kills / 5, &[("JOBS", "1"), ("CHAIN", "6")], 2));
        scope.spawn(|| kill_and_finish(kills / 5, &[("STORE", "files")], 3));
    });
}
