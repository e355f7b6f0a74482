//! Tests of the installation of rendered templates into a machine's filesystem, from which no path leads out.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use setup_tasks::Layout;
use setup_tasks::prelude::*;
use setup_tasks::run::{FileChange, TaskStatus};
use setup_tasks_templates::{FileAttributes, FilesystemAccess, InstallTemplates, RootedDirectory, TemplateTask, template};

use test_kit::{Scratch, chain, lines};

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "models/{name}", id = "model")]
struct Model {
    name: String,
    #[serde(skip)]
    prepared: Arc<Mutex<u32>>,
}

#[setup_tasks]
impl Model {
    #[setup_task]
    const HEADER: TemplateTask = TemplateTask::new(template!("templates/partials/header.tera")).output("etc/header");

    #[setup_task]
    const SECRET: TemplateTask =
        TemplateTask::new(template!("templates/partials/header.tera")).output("etc/secret").mode(0o640);

    #[setup_task("Prepare", check_source = false)]
    fn prepare(&self) {
        *self.prepared.lock().unwrap() += 1;
    }
}

/// A machine whose root directory is under the directory of the layout.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "machines/{name}", id = "{name}")]
struct Machine {
    name: &'static str,
    model: Object<Model>,
}

#[setup_tasks]
impl Machine {
    #[setup_task]
    const INSTALL: InstallTemplates<Machine, Model> = InstallTemplates::of(|machine| machine.model.clone());

    #[setup_task("Restart what was configured")]
    fn restart(&self) {}
}

impl FilesystemAccess for Machine {
    type Filesystem = RootedDirectory;

    async fn filesystem(&self, cx: &TaskContext) -> Result<RootedDirectory> {
        Ok(RootedDirectory::new(cx.layout().config().base_dir.join("roots").join(self.name)))
    }
}

fn site(place: &Scratch, name: &str) -> (Layout, Object<Model>, Object<Machine>) {
    let layout = place.layout();
    let model = layout.add(Model { name: name.into(), prepared: Arc::default() }).unwrap();
    let machine = layout.add(Machine { name: "m", model: model.clone() }).unwrap();
    (layout, model, machine)
}

fn installed(place: &Scratch, file: &str) -> (String, u32, u64) {
    let path = place.path().join("roots/m").join(file);
    let meta = path.metadata().unwrap();
    (std::fs::read_to_string(path).unwrap(), meta.permissions().mode() & 0o7777, meta.ino())
}

#[tokio::test]
async fn the_templates_of_another_object_are_rendered_and_installed_with_their_permissions() {
    let place = Scratch::new();
    let (_layout, model, machine) = site(&place, "lan");
    assert_eq!(lines(&machine.as_any().plan().await.unwrap())[0], "install would run: never ran");
    assert!(!place.path().join("roots").exists(), "a dry run leaves the machine alone");
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(*model.prepared.lock().unwrap(), 1, "it is brought to ready");
    let (text, mode, _) = installed(&place, "etc/header");
    assert_eq!((text.as_str(), mode), ("; for lan\n", 0o644));
    assert_eq!(installed(&place, "etc/secret").1, 0o640);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn files_are_installed_again_after_rendering_and_only_different_ones_are_replaced() {
    let place = Scratch::new();
    {
        let (_layout, _, machine) = site(&place, "lan");
        machine.run_setup_tasks().await.unwrap();
    }
    let before = installed(&place, "etc/header");
    let (layout, model, machine) = site(&place, "lan");
    Model::SECRET.handle().run(&model).await.unwrap();
    assert!(machine.as_any().plan().await.unwrap().is_up_to_date(), "the rendering is the same");
    std::fs::remove_file(model.stamp_path().unwrap().join("etc/secret")).unwrap();
    Model::SECRET.handle().run(&model).await.unwrap();
    let report = layout.run().dry_run().await.unwrap();
    let told: Vec<_> =
        report.object("m").unwrap().tasks.iter().map(|task| task.reason.clone().unwrap().to_string()).collect();
    assert_eq!(told, ["model/secret changed something later"], "the installed file is the same, so no later task runs");
    let report = layout.run().await.unwrap();
    assert_eq!(report.object("m").unwrap().with(TaskStatus::Unchanged).count(), 1, "{report}");
    assert_eq!(installed(&place, "etc/header"), before, "the same file, not another one with the same text");
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_dry_run_shows_what_would_change_in_files_and_changes_none() {
    let place = Scratch::new();
    {
        let (layout, ..) = site(&place, "lan");
        let report = layout.run().diff().await.unwrap();
        let new = "--- /dev/null\n+++ etc/header\n@@ -0,0 +1 @@\n+; for lan\n";
        for (object, task) in [("model", 0), ("m", 0)] {
            assert_eq!(report.object(object).unwrap().tasks[task].changes[0].unified(), new, "{object}");
        }
        assert!(!place.path().join("roots").exists());
        assert!(layout.run().await.unwrap().is_success());
    }
    std::fs::write(place.path().join("roots/m/etc/secret"), "; by hand\n").unwrap();
    let (layout, _, machine) = site(&place, "wan");
    let before = place.tree();
    let report = layout.run().diff().await.unwrap();
    let install: Vec<_> = report.object("m").unwrap().tasks[0].changes.iter().map(FileChange::unified).collect();
    assert_eq!(
        install,
        [
            "--- etc/header\n+++ etc/header\n@@ -1 +1 @@\n-; for lan\n+; for wan\n",
            "--- etc/secret\n+++ etc/secret\n@@ -1 +1 @@\n-; by hand\n+; for wan\n"
        ]
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["objects"][1]["tasks"][0]["changes"][0]["after"], "; for wan\n");
    assert!(
        machine.as_any().plan().await.unwrap().tasks.iter().all(|task| task.changes.is_empty()),
        "only who asks is told"
    );
    assert_eq!(place.tree(), before);
}

/// A model that installs its own templates, and those of another model without a dependency on its tasks.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "own", id = "own")]
struct Own {
    name: &'static str,
    #[serde(skip)]
    root: PathBuf,
    #[serde(skip)]
    model: Object<Model>,
}

#[setup_tasks]
impl Own {
    #[setup_task]
    const HEADER: TemplateTask = TemplateTask::new(template!("templates/partials/header.tera")).output("own");

    #[setup_task]
    const INSTALL: InstallTemplates<Own, Own> = InstallTemplates::own();

    #[setup_task]
    const ONCE: InstallTemplates<Own, Model> =
        InstallTemplates::of(|own: &Own| own.model.clone()).cross_dependency(false);
}

impl FilesystemAccess for Own {
    type Filesystem = RootedDirectory;

    async fn filesystem(&self, _cx: &TaskContext) -> Result<RootedDirectory> {
        Ok(RootedDirectory::new(&self.root))
    }
}

#[tokio::test]
async fn a_machine_installs_its_own_templates_and_may_leave_another_object_unchanged() {
    let place = Scratch::new();
    let (layout, model, _) = site(&place, "lan");
    let root = place.path().join("roots/own");
    let own = layout.add(Own { name: "own", root: root.clone(), model: model.clone() }).unwrap();
    own.run_setup_tasks().await.unwrap();
    assert_eq!(std::fs::read_to_string(root.join("own")).unwrap(), "; for own\n");
    assert!(root.join("etc/header").exists());
    Model::HEADER.handle().run(&model).await.unwrap();
    assert!(own.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn the_error_of_an_inaccessible_filesystem_names_it() {
    let place = Scratch::new();
    let (_layout, _, machine) = site(&place, "lan");
    std::fs::write(place.path().join("roots"), "a file where the roots should be").unwrap();
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("cannot open the root of `etc/header` under `") && error.contains("roots/m"), "{error}");
}

#[test]
fn nothing_that_is_installed_leads_out_of_the_root() {
    let place = Scratch::new();
    let (root, outside) = (place.path().join("root"), place.path().join("outside"));
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("passwd"), "theirs").unwrap();
    symlink(&outside, root.join("out")).unwrap();
    symlink("../../outside", root.join("etc/up")).unwrap();
    symlink(outside.join("passwd"), root.join("etc/passwd")).unwrap();
    symlink(outside.join("new"), root.join("etc/dangling")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("etc", root.join("inside")).unwrap();
    let directory = RootedDirectory::new(&root);
    let install = |path: &str| directory.install_now(Path::new(path), b"mine", &FileAttributes::new().mode(0o644));
    for path in [
        "",
        ".",
        "..",
        "../outside/x",
        "etc/../../outside/x",
        "/etc/passwd",
        "out/x",
        "etc/up/x",
        "etc/passwd",
        "etc/dangling",
        "loop/x",
    ] {
        let error = chain(install(path).unwrap_err());
        assert!(
            error.contains("cannot ") || error.contains("is not a path for an installed file"),
            "{path:?}: {error}"
        );
    }
    let names: Vec<_> = std::fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((names.len(), std::fs::read_to_string(outside.join("passwd")).unwrap()), (1, "theirs".to_owned()));
    assert!(install("inside/motd").unwrap() && !install("etc/motd").unwrap(), "links that stay inside are followed");
    assert!(
        !root.join("etc").read_dir().unwrap().any(|entry| entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".setup-tasks"))
    );
}

#[test]
fn a_link_within_the_root_is_replaced_itself() {
    let place = Scratch::new();
    let root = place.path().join("root");
    std::fs::create_dir_all(root.join("etc/real")).unwrap();
    std::fs::write(root.join("etc/target"), "theirs").unwrap();
    std::fs::write(root.join("other"), "theirs").unwrap();
    let links = [
        ("etc/beside", "target"),
        ("etc/above", "../other"),
        ("etc/dangling", "../nowhere"),
        ("etc/self", "self"),
        ("etc/directory", "real"),
    ];
    let directory = RootedDirectory::new(&root);
    for (link, to) in links {
        symlink(to, root.join(link)).unwrap();
        assert!(directory.install_now(Path::new(link), b"mine", &FileAttributes::new().mode(0o644)).unwrap(), "{link}");
        let meta = root.join(link).symlink_metadata().unwrap();
        assert!(meta.is_file() && std::fs::read_to_string(root.join(link)).unwrap() == "mine", "{link}");
    }
    for untouched in ["etc/target", "other"] {
        assert_eq!(std::fs::read_to_string(root.join(untouched)).unwrap(), "theirs");
    }
    assert!(!root.join("nowhere").exists());
    // A link to a file with the same content is replaced, too.
    std::fs::write(root.join("same"), "mine").unwrap();
    symlink("same", root.join("link")).unwrap();
    assert!(directory.install_now(Path::new("link"), b"mine", &FileAttributes::new()).unwrap());
    assert!(root.join("link").symlink_metadata().unwrap().is_file());
}

#[test]
fn drafts_that_a_killed_process_of_the_same_number_left_do_not_matter() {
    let place = Scratch::new();
    for i in 0..200 {
        let draft = format!(".setup-tasks-{}-{i}", std::process::id());
        std::fs::write(place.path().join(draft), "left").unwrap();
    }
    let directory = RootedDirectory::new(place.path());
    assert!(directory.install_now(Path::new("motd"), b"mine", &FileAttributes::new()).unwrap());
    assert_eq!(std::fs::read_to_string(place.path().join("motd")).unwrap(), "mine");
}

#[test]
fn a_non_file_is_an_error_that_names_it_and_is_never_opened() {
    let place = Scratch::new();
    let root = place.path().join("root");
    std::fs::create_dir_all(root.join("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo")).status().unwrap().success());
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    symlink("fifo", root.join("link")).unwrap();
    let directory = RootedDirectory::new(&root);
    for (path, kind) in [("fifo", "a FIFO"), ("socket", "a socket"), ("directory", "a directory")] {
        let error = chain(directory.install_now(Path::new(path), b"mine", &FileAttributes::new()).unwrap_err());
        assert!(error.contains(&format!("root/{path}`: it is {kind}")) && error.contains("help: "), "{error}");
        let error = chain(directory.read_now(Path::new(path)).unwrap_err());
        assert!(error.contains(&format!("cannot read `{}`: it is {kind}", root.join(path).display())), "{error}");
    }
    let error = chain(directory.read_now(Path::new("link")).unwrap_err());
    assert!(error.contains("link`: it is a FIFO"), "{error}");
    assert!(directory.install_now(Path::new("link"), b"mine", &FileAttributes::new()).unwrap(), "the link is replaced");
}

#[test]
fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
    let place = Scratch::new();
    let (root, outside) = (place.path().join("root"), place.path().join("outside"));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    let directory = RootedDirectory::new(&root);
    let ended = AtomicBool::new(false);
    let link = root.join("link");
    symlink(&outside, &link).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The name is a directory and a link that leads out, in turn.
            while !ended.load(Ordering::Relaxed) {
                let real = root.join("real");
                let _ = std::fs::create_dir_all(&real);
                let _ = std::fs::remove_dir_all(root.join("etc"));
                let _ = std::fs::rename(&real, root.join("etc"));
                let _ = std::fs::remove_dir_all(root.join("etc"));
                let _ = symlink(&outside, root.join("etc"));
                let _ = std::fs::remove_file(root.join("etc"));
            }
        });
        let (mut made, mut tried) = (0, 0_u32);
        while tried < 2_000 || (made < 5 && tried < 1_000_000) {
            made += u32::from(directory.install_now(Path::new("etc/x"), &tried.to_le_bytes(), &FileAttributes::new()).is_ok());
            tried += 1;
        }
        ended.store(true, Ordering::Relaxed);
        assert!(made > 0, "some got through");
    });
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}
