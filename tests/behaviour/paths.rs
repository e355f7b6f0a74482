//! Tests of paths: their places, their creation, invalid ones, and the clearing of directories.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use setup_tasks::layout::AddError;
use setup_tasks::prelude::*;
use setup_tasks::stamp::FilesStore;
use setup_tasks::{Config, Layout};

use test_kit::{Machine, Scratch, chain};

#[derive(SetupTasks, Debug)]
#[setup_tasks(subdir = "{0}", id = "{1}")]
struct Anywhere(&'static str, &'static str);

#[test]
fn paths_lie_under_their_directories_and_are_made_on_first_use() {
    let place = Scratch::new();
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

fn mode(path: &std::path::Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn every_path_is_private_to_its_owner_even_if_it_was_not() {
    let place = Scratch::new();
    let own = place.path().join(".setup-tasks");
    for directory in ["cache", "state", "log"] {
        for path in ["machines/m", "machines", "."] {
            fs::create_dir_all(own.join(directory).join(path)).unwrap();
            fs::set_permissions(own.join(directory).join(path), fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
    fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
    let (old, fresh) = (Machine::new("m"), Machine::new("n"));
    let layout = place.layout();
    for machine in [layout.add(old).unwrap(), layout.add(fresh).unwrap()] {
        for path in [machine.stamp_path(), machine.state_path(), machine.log_path()] {
            let path = path.unwrap();
            for path in path.ancestors().take_while(|path| *path != place.path()) {
                assert_eq!(mode(path), 0o700, "{}", path.display());
            }
        }
    }
}

/// Collects a path and everything below it.
fn below(path: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    found.push(path.to_owned());
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| below(&entry.unwrap().path(), found));
    }
}

#[tokio::test]
async fn files_that_an_older_version_left_readable_become_private_in_the_next_run_that_writes() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        layout().add(Machine::new("m")).unwrap().run_setup_tasks().await.unwrap();
        let own = place.path().join(store).join(".setup-tasks");
        let all = || -> Vec<_> {
            let mut found = Vec::new();
            below(&own, &mut found);
            found
        };
        for path in all() {
            let open = if path.is_dir() { 0o777 } else { 0o666 };
            fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
        }
        let layout = layout();
        layout.add(Machine::new("m")).unwrap().run_setup_tasks().force_all().await.unwrap();
        for path in all() {
            let private = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), private, "{store}: {}", path.display());
        }
    }
}

#[tokio::test]
async fn the_runtimes_own_files_are_never_opened_through_planted_links() {
    let own = std::process::id();
    for (at, store) in ["sqlite", "files"].into_iter().enumerate() {
        let draft = format!("stamps.{own}.new");
        let shared =
            ["stamps.sqlite", "stamps.sqlite-wal", "stamps.sqlite-shm", "stamps.making", &draft, "objects.lock"];
        let shared =
            shared.iter().chain(&["files.lock", "latest", "latest~", "history.jsonl", "history.jsonl~", "locks"]);
        let of_object =
            [".stamp-first", ".stamp-first~", ".detail-first", ".detail-first~", ".attempt-first", ".attempt-first~"];
        let mut names: Vec<_> = shared.map(|name| format!(".setup-tasks/{name}")).collect();
        names.extend(of_object.iter().map(|name| format!("machines/m/{name}")));
        names.extend([".setup-tasks", "machines", "machines/m"].map(str::to_owned));
        for name in names {
            for is_there in [true, false] {
                for hard in [false, true] {
                    let place = Scratch::new();
                    let (_, layout) = place.layouts().remove(at);
                    let (outside, link) = (place.path().join("outside"), place.path().join(store));
                    let link = link.join(".setup-tasks/cache").join(&name);
                    fs::create_dir_all(link.parent().unwrap()).unwrap();
                    if is_there {
                        fs::write(&outside, "precious").unwrap();
                    }
                    match (hard, is_there) {
                        (false, _) => std::os::unix::fs::symlink(&outside, &link).unwrap(),
                        (true, true) => fs::hard_link(&outside, &link).unwrap(),
                        (true, false) => continue,
                    }
                    let layout = layout();
                    let machine = layout.add(Machine::new("m")).unwrap();
                    let result = machine.run_setup_tasks().await.map_err(chain);
                    if let Err(error) = &result {
                        let is_named = error.contains(&*link.to_string_lossy()) && error.contains("help: ");
                        assert!(is_named && !error.contains("disk"), "{store} {name}: {error}");
                    }
                    let text = fs::read_to_string(&outside).ok();
                    let kept = is_there.then(|| "precious".to_owned());
                    assert_eq!(text, kept, "{store} {name}, hard: {hard}: {result:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_directory_of_another_user_is_refused_and_named() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        layout().add(Machine::new("m")).unwrap().run_setup_tasks().await.unwrap();
        let cache = place.path().join(store).join(".setup-tasks/cache");
        if std::os::unix::fs::chown(&cache, Some(4711), None).is_err() {
            return test_kit::skip("only root can give files to another user");
        }
        let layout = layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        let said = format!("`{}` belongs to user 4711, not to the current user", cache.display());
        for error in [
            chain(machine.run_setup_tasks().force_all().await.unwrap_err()),
            chain(machine.stamp_path().unwrap_err()),
            chain(machine.clear_stamps_and_cache().await.unwrap_err()),
        ] {
            assert!(error.contains(&said) && error.contains("help: run as that user"), "{store}: {error}");
        }
    }
}

#[test]
fn subdirs_that_lead_elsewhere_are_refused_when_added() {
    let layout = Layout::in_memory().unwrap();
    for (subdir, problem) in
        [("", "is empty"), ("/etc", "is absolute"), ("a/../b", "contains `..`"), ("a\0b", "contains a NUL byte")]
    {
        let error = layout.add(Anywhere(subdir, "x")).unwrap_err();
        assert!(matches!(error, AddError::Path { .. }));
        let text = format!("{:#}", anyhow::Error::from(error));
        assert!(text.contains(problem), "{text}");
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
    let object = layout.object_builder(Anywhere("a", "own")).id("other").add().unwrap();
    assert_eq!((object.as_any().id(), object.as_any().stamp_subdir()), ("other", "a"));
    assert!(layout.get("other").is_some() && layout.get("own").is_none());
}

#[tokio::test]
async fn clearing_removes_stamps_and_cache_and_nothing_else() {
    let place = Scratch::new();
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
    assert!(machine.check_stamp("first").await.unwrap().is_none());
    let left: Vec<_> = fs::read_dir(machine.stamp_path().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["inner"], "another object's directory stays");
    assert!(inner.stamp_path().unwrap().join("kept").exists() && elsewhere.exists());
    assert!(machine.state_path().unwrap().join("kept").exists() && machine.log_path().unwrap().join("kept").exists());
    assert_eq!(machine.run_setup_tasks().await.unwrap().ran().count(), 3);
}

#[tokio::test]
async fn clearing_never_follows_a_link_wherever_it_is() {
    let place = Scratch::new();
    let outside = place.path().join("outside");
    fs::create_dir_all(outside.join("m")).unwrap();
    fs::write(outside.join("m/precious"), "x").unwrap();
    let cache = place.config().cache_dir();
    let targets = [outside.join("m"), "other".into(), "../.setup-tasks".into(), ".".into(), "..".into()];
    for (link, targets) in [("machines/m", &targets[..]), ("machines", &[outside.clone(), ".setup-tasks".into()])] {
        for target in targets {
            let layout = place.layout();
            let (machine, other) = (layout.add(Machine::new("m")).unwrap(), layout.add(Machine::new("other")).unwrap());
            let path = cache.join(link);
            if let Err(error) = fs::remove_file(&path) {
                assert!(matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory));
                let _ = fs::remove_dir_all(&path);
            }
            if link == "machines/m" {
                fs::write(other.stamp_path().unwrap().join("precious"), "x").unwrap();
                other.run_setup_tasks().await.unwrap();
            }
            std::os::unix::fs::symlink(target, &path).unwrap();
            let error = chain(machine.clear_stamps_and_cache().await.unwrap_err());
            let said = format!("`{}` is a symbolic link, which is not followed", path.display());
            assert!(error.contains(&said) && error.contains("help: check who created the link"), "{error}");
            assert!(outside.join("m/precious").exists());
            if link == "machines/m" {
                assert!(cache.join("machines/other/precious").exists());
                assert!(other.as_any().plan().await.unwrap().is_up_to_date(), "the database and its locks are whole");
            }
            let error = chain(machine.stamp_path().unwrap_err());
            assert!(error.contains(&said), "{error}");
        }
    }
}

#[tokio::test]
async fn clearing_removes_links_and_not_their_targets() {
    let place = Scratch::new();
    let layout = place.layout();
    let (machine, other) = (layout.add(Machine::new("m")).unwrap(), layout.add(Machine::new("other")).unwrap());
    machine.run_setup_tasks().await.unwrap();
    other.run_setup_tasks().await.unwrap();
    fs::write(other.stamp_path().unwrap().join("precious"), "x").unwrap();
    let own = machine.stamp_path().unwrap();
    fs::create_dir_all(own.join("deep/er")).unwrap();
    let runtime = layout.config().cache_dir().join(".setup-tasks");
    for (at, link) in ["a", "b", "deep/c", "deep/er/d", "deep/er/e"].iter().enumerate() {
        std::os::unix::fs::symlink([other.stamp_path().unwrap(), &runtime][at % 2], own.join(link)).unwrap();
    }
    machine.clear_stamps_and_cache().await.unwrap();
    assert_eq!(fs::read_dir(own).unwrap().count(), 0);
    assert!(other.stamp_path().unwrap().join("precious").exists());
    assert!(other.as_any().plan().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn clearing_a_readonly_object_is_refused() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.object_builder(Machine::new("m")).readonly(true).add().unwrap();
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

/// A part of the test below, in its own process because it changes the working directory.
#[tokio::test]
async fn in_a_process_that_changes_its_working_directory() {
    let Some(away) = std::env::var_os(AWAY) else { return };
    let home = std::env::current_dir().unwrap();
    let literal = Config::new("by-hand");
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
        assert!(wanderer.as_any().plan().await.unwrap().is_up_to_date());
        let own = home.join(name).join(".setup-tasks");
        assert!(own.join("cache/wanderer/made").exists() && own.join("state/wanderer/kept").exists());
        assert_eq!(fs::read_dir(own.join("log/wanderer")).unwrap().count(), 1);
        assert!(!layout.store().load("wanderer").await.unwrap().is_empty());
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
    let place = Scratch::new();
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
        let error = chain(loaded.unwrap_err());
        assert!(parts.iter().all(|part| error.contains(part)) && error.contains("help: "), "{error}");
        let layout = place.layout_with(edit);
        let refused = layout.add(Machine::new("m")).unwrap_err();
        assert!(matches!(&refused, AddError::Config(_)) && chain(refused) == error, "{error}");
    }
}
