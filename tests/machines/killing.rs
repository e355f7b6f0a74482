//! Kills of the controller and of the agent, and cuts of the link, at random bytes of the connection: no process and no draft stays, no
//! stamp is wrong, and nothing runs twice without a reason. `MACHINE_KILLS` and `MACHINE_CUTS` set how many.

use std::time::Duration;

use test_kit::setting;

use crate::trial::{Run, Trial};

/// The heartbeat of the default settings.
const USUAL: Duration = Duration::from_secs(5);

/// Does harm in each of the given number of runs, and completes the site after each. `harm` returns after the end of the controller.
fn harm(name: &str, times: u64, seed: u64, heartbeat: Duration, harm: impl Fn(&mut Trial, &mut Run, &str)) {
    let Some(mut trial) = Trial::start(seed) else { return };
    let (mut harmed, mut rounds) = (0, 0);
    // Some runs end before they come to the byte of their harm.
    while harmed < times {
        rounds += 1;
        assert!(rounds <= times * 3 + 20, "only {harmed} of {rounds} runs came to the byte of their harm");
        let mut run = trial.run_to_random_byte(heartbeat);
        let context = trial.context(name);
        if run.reach() {
            harmed += 1;
            harm(&mut trial, &mut run, &context);
        }
        drop(run);
        trial.assert_no_process_is_left(&context);
        let left = trial.examine(&context);
        trial.complete(&context, &left);
    }
    println!("{name}: {harmed} in {rounds} runs");
}

/// Waits for a random time, in half of the cases.
fn pause(trial: &mut Trial) {
    if trial.numbers.below(2) == 0 {
        std::thread::sleep(Duration::from_micros(trial.numbers.below(60_000)));
    }
}

#[test]
fn a_killed_controller_leaves_nothing_and_the_next_run_completes() {
    harm("kills of the controller", setting("MACHINE_KILLS", 10), 7, USUAL, |trial, run, _| {
        if trial.numbers.below(2) == 0 {
            // It is killed somewhat later, and not at the byte.
            run.go();
            pause(trial);
        }
        run.controller.kill().unwrap();
        run.controller.wait().unwrap();
        run.go();
    });
}

#[test]
fn a_killed_agent_fails_the_run_and_the_next_run_completes() {
    let kill =
        "for p in /proc/[0-9]*; do case $(readlink $p/exe) in /*/agent-*) kill -KILL ${p#/proc/};; esac; done; true";
    harm("kills of the agent", setting("MACHINE_KILLS", 10), 8, USUAL, |trial, run, context| {
        if trial.numbers.below(2) == 0 {
            run.go();
            pause(trial);
        }
        trial.host.run(kill).unwrap();
        run.go();
        run.end(context);
    });
}

#[test]
fn a_cut_link_leaves_nothing_and_the_next_run_completes() {
    let heartbeat = Duration::from_millis(400);
    harm("cuts of the link", setting("MACHINE_CUTS", 10), 9, heartbeat, |trial, run, context| {
        if trial.numbers.below(2) == 0 {
            run.go();
            pause(trial);
        }
        trial.host.cut().unwrap();
        run.go();
        if trial.numbers.below(2) == 0 {
            // A short cut, which the connection may survive.
            std::thread::sleep(Duration::from_millis(trial.numbers.below(1500)));
            trial.host.restore().unwrap();
            run.end(context);
        } else {
            // The two sides find the loss out, each by itself. A copy of the agent may take as long as its size needs over a slow link.
            run.end(context);
            if !trial.copies {
                trial.assert_no_process_is_left(context);
            }
            trial.host.restore().unwrap();
        }
        if trial.copies {
            // The SSH server may never learn that its client has gone. A test of the script waits for its time instead.
            trial.host.run("pkill -f '[s]shd: root@notty'; true").unwrap();
        }
    });
}
