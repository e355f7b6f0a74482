//! Paths: where they are, when they are made, what is refused, what is cleared.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use setup_tasks::prelude::*;
use setup_tasks::stamp::FilesStore;
use setup_tasks::{AddError, Config, Layout};

use crate::support::{Machine, Place, chain};

#[derive(SetupTasks, Debug)]
#[setup_tasks(subdir = "{0}", id = "{1}")]
struct Anywhere(&'static str, &'static str);

#[test]
fn paths_lie_under_their_directories_and_are_made_on_first_use() {
    let place = Place::new();
    let machine = place.layout().add(Machine::new("m")).unwrap();
    let root = place.path().join(".setup-tasks");
    assert!(!root.exists());
    for (path, directory) in [
        (machine.stamp_path().unwrap(), "cache"),
        (machine.state_path().unwrap(), "state"),
        (machine.log_path().unwrap(), "log"),
    ] {
        assert!(path == root.join(directory).join("machines/m") && path.is_dir(), "{path:?}");
    }
}

#[test]
fn a_state_path_is_private_to_its_owner_even_if_it_was_not() {
    let place = Place::new();
    let path = place.path().join(".setup-tasks/state/machines/m");
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let machine = place.layout().add(Machine::new("m")).unwrap();
    let mode = machine.state_path().unwrap().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let fresh = place.layout().add(Machine::new("n")).unwrap();
    assert_eq!(fresh.state_path().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn subdirs_that_lead_elsewhere_are_refused_when_added() {
    let layout = Layout::in_memory().unwrap();
    for (subdir, problem) in
        [("", "is empty"), ("/etc", "is absolute"), ("a/../b", "holds `..`"), ("a\0b", "holds a NUL")]
    {
        let error = layout.add(Anywhere(subdir, "x")).unwrap_err();
        assert!(matches!(error, AddError::Path { .. }) && error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn a_taken_subdir_or_id_is_refused_and_both_objects_are_named() {
    let layout = Layout::in_memory().unwrap();
    layout.add(Anywhere("a/b", "first")).unwrap();
    let error = layout.add(Anywhere("a//b/", "second")).unwrap_err().to_string();
    assert!(error.contains("`first` and `second` have the same subdir `a/b`"), "{error}");
    let error = layout.add(Anywhere("c", "first")).unwrap_err().to_string();
    assert!(error.contains("two objects have the id `first`: a Anywhere and a Anywhere"), "{error}");
}

#[test]
fn an_object_may_be_placed_under_another_id() {
    let layout = Layout::in_memory().unwrap();
    let object = layout.place(Anywhere("a", "own")).id("other").add().unwrap();
    assert_eq!((object.id(), object.stamp_subdir()), ("other", "a"));
    assert!(layout.get("other").is_some() && layout.get("own").is_none());
}

#[tokio::test]
async fn clearing_removes_stamps_and_cache_and_nothing_else() {
    let place = Place::new();
    let layout = place.layout();
    let machine = layout.add(Machine::new("m")).unwrap();
    let inner = layout.add(Anywhere("machines/m/inner", "inner")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    for path in [machine.stamp_path(), machine.state_path(), machine.log_path(), inner.stamp_path()] {
        fs::write(path.unwrap().join("kept"), "x").unwrap();
    }
    let elsewhere = place.path().join("elsewhere");
    fs::write(&elsewhere, "x").unwrap();
    std::os::unix::fs::symlink(&elsewhere, machine.stamp_path().unwrap().join("link")).unwrap();

    machine.clear_stamps_and_cache().await.unwrap();
    assert!(machine.check_stamp("first").unwrap().is_none());
    let left: Vec<_> = fs::read_dir(machine.stamp_path().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["inner"], "another object's directory stays");
    assert!(inner.stamp_path().unwrap().join("kept").exists() && elsewhere.exists());
    assert!(machine.state_path().unwrap().join("kept").exists() && machine.log_path().unwrap().join("kept").exists());
    assert_eq!(machine.run_setup_tasks().await.unwrap().ran().count(), 3);
}

#[tokio::test]
async fn clearing_refuses_a_path_that_is_not_under_the_cache() {
    let place = Place::new();
    let layout = place.layout();
    let machine = layout.add(Machine::new("m")).unwrap();
    let outside = place.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("precious"), "x").unwrap();
    let path = layout.config().cache_dir().join("machines");
    fs::create_dir_all(&path).unwrap();
    std::os::unix::fs::symlink(&outside, path.join("m")).unwrap();
    let error = chain(machine.clear_stamps_and_cache().await.unwrap_err());
    assert!(
        error.contains("is not a directory under the cache directory") && error.contains("nothing was removed"),
        "{error}"
    );
    assert!(outside.join("precious").exists());
}

#[tokio::test]
async fn clearing_a_readonly_object_is_refused() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.place(Machine::new("m")).readonly(true).add().unwrap();
    assert!(chain(machine.clear_stamps_and_cache().await.unwrap_err()).contains("`m` is readonly"));
}

/// A model whose first task changes the working directory.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "wanderer")]
struct Wanderer {
    away: std::path::PathBuf,
}

#[setup_tasks]
impl Wanderer {
    #[setup_task("Change the working directory")]
    fn leave(&self) -> Result<()> {
        Ok(std::env::set_current_dir(&self.away)?)
    }

    #[setup_task("Use every directory", inputs = ["input"], outputs = ["output"])]
    fn work(&self, cx: &TaskContext) -> Result<()> {
        cx.log("said");
        fs::write(cx.layout().config().base_dir.join("output"), "x")?;
        fs::write(cx.stamp_path()?.join("made"), "x")?;
        Ok(fs::write(cx.state_path()?.join("kept"), "x")?)
    }
}

const AWAY: &str = "SETUP_TASKS_TEST_AWAY";

/// Changes the working directory, so it runs in a process of its own: see the test below.
#[tokio::test]
async fn in_a_process_that_changes_its_working_directory() {
    let Some(away) = std::env::var_os(AWAY) else { return };
    let home = std::env::current_dir().unwrap();
    let literal = Config { base_dir: "by-hand".into(), ..Config::default() };
    let loaded = Config::builder().set(|config| config.base_dir = "loaded".into()).load().unwrap();
    let layouts: [fn(Config) -> Layout; 2] = [Layout::new, |config: Config| {
        let store = FilesStore::new(config.cache_dir());
        Layout::with_store(config, store)
    }];
    for (config, layout) in [literal, loaded].into_iter().zip(layouts) {
        std::env::set_current_dir(&home).unwrap();
        fs::create_dir(&config.base_dir).unwrap();
        fs::write(config.base_dir.join("input"), "x").unwrap();
        let name = config.base_dir.file_name().unwrap().to_owned();
        let layout = layout(config);
        let wanderer = layout.add(Wanderer { away: away.clone().into() }).unwrap();
        wanderer.run_setup_tasks().await.unwrap();
        assert_eq!(std::env::current_dir().unwrap(), away);
        assert!(wanderer.plan().await.unwrap().is_up_to_date());
        let own = home.join(name).join(".setup-tasks");
        assert!(own.join("cache/wanderer/made").exists() && own.join("state/wanderer/kept").exists());
        assert_eq!(fs::read_dir(own.join("log/wanderer")).unwrap().count(), 1);
        assert!(!layout.store().load("wanderer").unwrap().is_empty());
    }
    assert_eq!(fs::read_dir(away).unwrap().count(), 0, "nothing is where the task went");
}

#[test]
fn a_task_that_changes_the_working_directory_moves_nothing() {
    let (home, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "paths::in_a_process_that_changes_its_working_directory", "--nocapture"]);
    let output = command.current_dir(&home).env(AWAY, away.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

type Edit = fn(&mut Config);

#[test]
fn directories_that_would_mix_are_refused_when_the_configuration_is_loaded_or_an_object_is_added() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("home")).unwrap();
    std::os::unix::fs::symlink("home", place.path().join("link")).unwrap();
    let edits: [(Edit, [&str; 2]); 5] = [
        (|config| config.cache_dir = "".into(), ["`cache_dir` is empty", ""]),
        (|config| config.cache_dir = "/".into(), ["`cache_dir` (`/`) contains", "`base_dir`"]),
        (|config| config.cache_dir = ".".into(), ["`cache_dir`", "is the same directory as `base_dir`"]),
        (|config| config.state_dir = ".setup-tasks/cache/keys".into(), ["`cache_dir`", "contains `state_dir`"]),
        (
            |config| (config.cache_dir, config.log_dir) = ("home".into(), "link/../link".into()),
            ["`cache_dir`", "is the same directory as `log_dir`"],
        ),
    ];
    for (edit, parts) in edits {
        let base = place.path().to_owned();
        let loaded = Config::builder().set(move |config| config.base_dir = base).set(edit).load();
        let error = loaded.unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)) && error.contains("help: "), "{error}");
        let layout = place.layout_with(edit);
        let refused = layout.add(Machine::new("m")).unwrap_err();
        assert!(matches!(&refused, AddError::Config(_)) && refused.to_string() == error, "{refused}");
    }
}
