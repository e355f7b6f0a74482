//! Tests of `survives_kills`.

use setup_tasks_test::{KillError, Kills, survives_kills};

#[test]
fn a_program_whose_tasks_can_be_repeated_survives_kills() {
    survives_kills(env!("CARGO_BIN_EXE_steady"), 5).unwrap();
}

#[test]
fn a_program_whose_task_cannot_be_repeated_is_found() {
    let kills = Kills::of(env!("CARGO_BIN_EXE_steady")).env("STEADY", "no").seed(7);
    // Most of the run is a task that cannot be repeated, so that one of these kills hits it.
    let error = kills.run(50).unwrap_err();
    assert!(matches!(error, KillError::Failed { seed: 7, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("Make a room") || text.contains("File exists"), "{text}");
}

#[test]
fn a_program_that_fails_without_a_kill_is_an_error_of_its_own() {
    let error = survives_kills("/bin/false", 1).unwrap_err();
    assert!(matches!(error, KillError::Broken { .. }), "{error}");
    let error = survives_kills("/no/such/program", 1).unwrap_err();
    assert_eq!(error.to_string(), "cannot start `/no/such/program`");
}
