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
