//! Tests of the permissions of files on disk.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Project;

/// Collects a path and everything below it, with permissions.
fn permissions(path: &Path, found: &mut Vec<(PathBuf, u32)>) {
    let meta = path.symlink_metadata().unwrap();
    found.push((path.to_owned(), meta.permissions().mode() & 0o777));
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            permissions(&entry.unwrap().path(), found);
        }
    }
}

#[test]
fn with_any_umask_all_files_of_the_runtime_are_private() {
    for mask in ["000", "022", "077", "277"] {
        let place = Project::new();
        let script = format!("umask {mask}; {} up", env!("CARGO_BIN_EXE_site"));
        let output = Command::new("bash").args(["-c", &script]).current_dir(place.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let own = place.file(".setup-tasks");
        let mut found = Vec::new();
        permissions(&own, &mut found);
        // Tasks choose the mode of their own files in the cache and state directories of objects.
        let runtimes = [own.join("log"), own.join("cache/.setup-tasks")];
        let is_runtimes = |path: &Path| path.is_dir() || runtimes.iter().any(|directory| path.starts_with(directory));
        for (path, mode) in found.iter().filter(|(path, _)| is_runtimes(path)) {
            let private = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(*mode, private, "umask {mask}: {}", path.display());
        }
        assert!(found.len() > 10);
    }
}

#[test]
fn a_lock_of_a_lost_machine_is_broken_by_its_name_and_that_of_a_live_process_is_not() {
    let place = Project::new();
    place.good(&["up"]);
    place.write("wait", "");
    let mut run = place.command(&["up", "--force", "moody/wait"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    test_kit::until("the task waits", || place.file("waiting").exists());
    let refused = place.run(&["unlock", "moody"]);
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && errors.contains("is alive, so it stays"), "{errors}");

    // The record looks as if the holder were on another machine, and as if the shared file system
    // had kept its lock.
    let record = r#"{"version":1,"pid":7,"host":"a-machine-that-is-gone"}"#;
    std::fs::write(place.file(".setup-tasks/cache/.setup-tasks/objects.lock"), format!("{record:<512}")).unwrap();
    let mut stuck = place.command(&["up", "--force", "moody/wait"]);
    let stuck = stuck.env("SITE_LEASE_TIMEOUT_SECS", "0").output().unwrap();
    let errors = String::from_utf8_lossy(&stuck.stderr).into_owned();
    assert!(!stuck.status.success() && errors.contains("process 7 on a-machine-that-is-gone"), "{errors}");
    // No fact on this machine proves that the holder has ended, so the user has to confirm it.
    for args in [&["unlock", "moody"][..], &["unlock", "moody", "--gone", "another-machine"]] {
        let refused = place.run(args);
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && errors.contains("its lease stays"), "{errors}");
        assert!(errors.contains("help: if you know that a-machine-that-is-gone is gone for good"), "{errors}");
    }
    let said = place.good(&["unlock", "moody", "ada", "--gone", "a-machine-that-is-gone"]);
    assert_eq!(said, "ada is not locked\nunlocked: moody, which process 7 on a-machine-that-is-gone held\n");
    place.write("go", "");
    place.good(&["up", "--force", "moody/wait"]);
    assert!(run.wait().unwrap().success());
}
