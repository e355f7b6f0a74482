//! Tests of faults of the system. Each fault causes an error that names the problem and its place,
//! or has no effect.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use test_kit::{Numbers, setting};

use crate::trial::Trial;

fn database(place: &Trial) -> std::path::PathBuf {
    place.path().join(".setup-tasks/cache/.setup-tasks/stamps.sqlite")
}

#[test]
fn ten_thousand_objects_need_no_more_than_256_open_files() {
    let objects = setting("MANY_OBJECTS", 10_000).to_string();
    let place = Trial::new(&[("OBJECTS", &objects), ("PAUSE_US", "0"), ("SYNC", "0"), ("JOBS", "64"), ("CHAIN", "10")]);
    let script = "ulimit -n 256; exec \"$0\" \"$@\"";
    let limited = |mode: &str| {
        let inner = place.command(mode);
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).arg(inner.get_program()).args(inner.get_args());
        shell.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    limited("run");
    assert_eq!(limited("plan"), "");
}

#[test]
fn a_database_of_random_bytes_or_cut_off_anywhere_is_an_error_that_names_it_and_never_a_panic() {
    let place = Trial::new(&[("PAUSE_US", "0")]);
    place.good("run");
    let (path, mut numbers) = (database(&place), Numbers::new(4));
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for round in 0..setting("DAMAGES", 60) {
        let mut bytes = whole.clone();
        match round % 3 {
            0 => bytes.truncate(usize::try_from(numbers.below(whole.len() as u64)).unwrap()),
            1 => {
                for _ in 0..=numbers.below(40) {
                    let at = usize::try_from(numbers.below(bytes.len() as u64)).unwrap();
                    bytes[at] = u8::try_from(numbers.below(256)).unwrap();
                }
            }
            _ => bytes.iter_mut().for_each(|byte| *byte = u8::try_from(numbers.below(256)).unwrap()),
        }
        fs::write(&path, &bytes).unwrap();
        let output = place.output("plan");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("panicked"), "round {round}: {errors}");
        if !output.status.success() {
            refused += 1;
            assert!(errors.contains("stamps.sqlite") && errors.contains("help: "), "round {round}: {errors}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "round {round}: what cannot be read is left as it is");
        }
    }
    assert!(refused > 20, "{refused}");
    fs::write(&path, &whole).unwrap();
    assert!(place.plan().is_empty());
}

/// Wraps a command so that it runs as an unprivileged user.
fn as_nobody(command: &Command) -> Command {
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    nobody.arg(command.get_program()).args(command.get_args());
    nobody.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    nobody
}

#[test]
fn a_read_only_directory_is_an_error_that_names_it_and_its_data_can_be_read() {
    let place = Trial::new(&[("PAUSE_US", "0")]);
    place.good("run");
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    place.set_generation(0, 7);
    let command = place.command("run");
    let mut run = if is_root { as_nobody(&command) } else { place.command("run") };
    let plan = place.command("plan");
    let mut plan = if is_root { as_nobody(&plan) } else { place.command("plan") };
    // Everybody can read the directory, and nobody can write to it.
    let chmod =
        |mode: &str| assert!(Command::new("chmod").args(["-R", mode]).arg(place.path()).status().unwrap().success());
    let (from, to) = (env!("CARGO_BIN_EXE_ledger"), place.path().join("program"));
    fs::copy(from, &to).unwrap();
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
    chmod("a+rX,a-w");
    let planned = plan.output().unwrap();
    let failed = run.output().unwrap();
    chmod("u+w");
    let errors = String::from_utf8_lossy(&planned.stderr);
    assert!(planned.status.success() && planned.stdout.starts_with(b"o0.first its hash changed"), "{errors}");
    let errors = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && errors.contains(place.path().to_str().unwrap()), "{errors}");
    // If the test runs as root, the command runs as another user, who does not own the directories.
    let problem = if is_root { "belongs to user 0, not to the current user" } else { "Permission denied" };
    assert!(errors.contains(problem) && !errors.contains("panicked"), "{errors}");
    place.check_finish("once it may be written again");
}
