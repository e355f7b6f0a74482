//! Tests of limits of the system: too few threads and processes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::project::Project;

/// The id of a user that runs no other processes.
const USER: &str = "61234";

/// Runs the binary as that user with a limit of processes and threads.
fn run(place: &Project, binary: &Path, threads: usize, args: &[&str]) -> Output {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        USER,
        "--regid",
        USER,
        "--clear-groups",
        "prlimit",
        &format!("--nproc={threads}:{threads}"),
    ]);
    command.arg(binary).args(args).current_dir(place.path()).env("NO_COLOR", "1");
    command.output().unwrap()
}

/// Returns a project and a copy of the binary that the other user can access.
fn for_other_user() -> Option<(Project, std::path::PathBuf)> {
    let place = Project::new();
    let binary = place.file("site-binary");
    fs::copy(env!("CARGO_BIN_EXE_site"), &binary).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let tried = Command::new("setpriv").args(["--reuid", USER, "--clear-groups", "true"]).output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        test_kit::skip("only root can run a process of another user, and `setpriv` is needed");
        return None;
    }
    Some((place, binary))
}

#[test]
fn a_limit_of_threads_and_processes_is_an_error_that_names_it_and_never_a_panic() {
    let Some((place, binary)) = for_other_user() else { return };
    let mut ended = Vec::new();
    for threads in 1..16 {
        for args in [&["up"][..], &["plan"], &["status"], &["ps"]] {
            let output = run(&place, &binary, threads, args);
            let errors = String::from_utf8_lossy(&output.stderr);
            let context = format!("{args:?} with {threads}: {errors}{}", String::from_utf8_lossy(&output.stdout));
            assert!(!context.contains("panicked"), "{context}");
            match output.status.code() {
                Some(0) => {}
                Some(1) => assert!(errors.contains("ulimit -u"), "{context}"),
                _ => panic!("{context}"),
            }
            if args == ["up"] {
                ended.push(output.status.code());
            }
        }
        // The next run has to run all tasks again.
        let _ = fs::remove_dir_all(place.file(".setup-tasks"));
    }
    assert_eq!((ended[0], ended[14]), (Some(1), Some(0)), "{ended:?}");
}
