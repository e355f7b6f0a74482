//! What others may see on the disk.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::place::Place;

/// Every file that others may reach, with its permissions.
fn open_to_others(directory: &Path, found: &mut Vec<(String, u32)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.symlink_metadata().unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            // Behind a directory that is closed, nothing is open.
            if mode & 0o077 != 0 {
                open_to_others(&path, found);
            }
        } else if mode & 0o077 != 0 {
            found.push((path.display().to_string(), mode));
        }
    }
}

#[test]
fn with_any_umask_state_and_logs_are_their_owners_alone() {
    let place = Place::new();
    let script = format!("umask 000; {} up", env!("CARGO_BIN_EXE_site"));
    let output = Command::new("bash").args(["-c", &script]).current_dir(place.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for directory in ["state", "log"] {
        let directory = place.file(".setup-tasks").join(directory);
        assert!(directory.exists());
        let mut found = Vec::new();
        let mode = directory.metadata().unwrap().permissions().mode();
        if mode & 0o077 != 0 {
            open_to_others(&directory, &mut found);
        }
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn a_lock_that_a_machine_which_is_gone_left_is_broken_by_name_and_one_of_a_living_process_is_not() {
    let place = Place::new();
    place.good(&["up"]);
    place.write("wait", "");
    let mut run = place.command(&["force", "moody/wait"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    crate::place::until("the task waits", || place.file("waiting").exists());
    let refused = place.run(&["unlock", "moody"]);
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && errors.contains("is alive: its lock stays"), "{errors}");

    // As if the holder were on another machine, and the file system, which both share, kept its lock.
    let record = r#"{"version":1,"pid":7,"host":"a-machine-that-is-gone"}"#;
    std::fs::write(place.file(".setup-tasks/cache/.setup-tasks/objects.lock"), format!("{record:<512}")).unwrap();
    let mut stuck = place.command(&["force", "moody/wait"]);
    let stuck = stuck.env("SITE_LOCK_TIMEOUT_SECS", "0").output().unwrap();
    let errors = String::from_utf8_lossy(&stuck.stderr).into_owned();
    assert!(!stuck.status.success() && errors.contains("process 7 on a-machine-that-is-gone"), "{errors}");
    let said = place.good(&["unlock", "moody", "ada"]);
    assert_eq!(said, "ada is not locked\nunlocked: moody, which process 7 on a-machine-that-is-gone held\n");
    place.write("go", "");
    place.good(&["force", "moody/wait"]);
    assert!(run.wait().unwrap().success());
}
