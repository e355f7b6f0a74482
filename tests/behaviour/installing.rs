//! Tests of the installation of rendered templates into a machine's filesystem, from which no path leads out.

use std::borrow::Cow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use setup_tasks::observer::{Answer, Answers, Observer, Question, QuestionData};
use setup_tasks::prelude::*;
use setup_tasks::run::{FileChange, TaskStatus};
use setup_tasks::{BoxFuture, Layout, Secret};
use setup_tasks_templates::{
    ExpectedFile, FileAttributes, FileKind, FileStat, FileState, Filesystem, FilesystemAccess, InstallTemplates,
    RootedDirectory, TemplateTask, template,
};

use test_kit::{Scratch, chain, events, lines};

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
async fn a_run_shows_the_changes_of_files_before_it_makes_them() {
    let place = Scratch::new();
    let (layout, ..) = site(&place, "lan");
    let mut events = events(&layout);
    let report = layout.run().show_changes().await.unwrap();
    let new = "--- /dev/null\n+++ etc/header\n@@ -0,0 +1 @@\n+; for lan\n";
    assert_eq!(report.object("m").unwrap().tasks[0].changes[0].unified(), new);
    assert_eq!(installed(&place, "etc/header").0, "; for lan\n");
    let told = events.take();
    let place_of = |text: &str| told.iter().position(|event| event == text).unwrap();
    assert!(place_of("model/header changes 1 files") < place_of("model/header ran"), "{told:?}");
    assert!(place_of("m/install changes 2 files") < place_of("m/install ran"), "{told:?}");
    let report = layout.run().show_changes().force("m/install").await.unwrap();
    assert!(report.object("m").unwrap().tasks[0].changes.is_empty(), "nothing changes");
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
            made += u32::from(
                directory.install_now(Path::new("etc/x"), &tried.to_le_bytes(), &FileAttributes::new()).is_ok(),
            );
            tried += 1;
        }
        ended.store(true, Ordering::Relaxed);
        assert!(made > 0, "some got through");
    });
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

/// A filesystem of another machine: a directory that counts as slow. With `joins`, the machine answers the questions about files
/// together with others.
#[derive(Clone)]
struct Remote {
    root: RootedDirectory,
    reads: Arc<Mutex<Vec<String>>>,
    joins: bool,
}

impl Remote {
    fn note(&self, what: &str, path: &Path) {
        self.reads.lock().unwrap().push(format!("{what} {}", path.display()));
    }
}

impl Filesystem for Remote {
    async fn read(&self, _cx: &TaskContext, path: &Path) -> Result<Option<Vec<u8>>> {
        self.note("read", path);
        Ok(self.root.read_now(path)?)
    }

    async fn stat(&self, _cx: &TaskContext, path: &Path) -> Result<Option<FileStat>> {
        self.note("stat", path);
        Ok(self.root.stat_now(path)?)
    }

    async fn install(
        &self,
        _cx: &TaskContext,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> Result<bool> {
        self.note("install", path);
        Ok(self.root.install_now(path, content, attributes)?)
    }

    async fn symlink(&self, _cx: &TaskContext, path: &Path, target: &Path) -> Result<bool> {
        Ok(self.root.symlink_now(path, target)?)
    }

    async fn remove(&self, _cx: &TaskContext, path: &Path) -> Result<bool> {
        Ok(self.root.remove_now(path)?)
    }

    fn question(&self, _cx: &TaskContext, files: &[ExpectedFile]) -> Option<Question> {
        self.joins.then(|| Question::new(Arc::new(RemoteFiles(self.clone())), files.to_vec()))
    }
}

/// The observer of a machine that examines many files at once.
struct RemoteFiles(Remote);

impl Observer for RemoteFiles {
    fn key(&self) -> Cow<'_, str> {
        "remote".into()
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move {
            self.0.note("ask", Path::new(&questions.len().to_string()));
            let state = |file: &ExpectedFile| -> Result<FileState> {
                let Some(stat) = self.0.root.stat_now(&file.path)? else { return Ok(FileState::Missing) };
                let content = self.0.root.read_now(&file.path)?;
                let hash = content.as_ref().map(|content| *blake3::hash(content).as_bytes());
                let content = content.filter(|_| file.hash.is_some() && file.hash != hash);
                Ok(FileState::Present { stat, hash, content })
            };
            let states = |data: &QuestionData| -> Result<Answer> {
                let states: Result<Vec<_>> = data.get::<Vec<ExpectedFile>>()?.iter().map(state).collect();
                Ok(Answer::new(states?))
            };
            Ok(questions.iter().map(states).collect())
        })
    }
}

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "far/{name}", id = "{name}")]
struct Far {
    name: &'static str,
    password: Secret<String>,
    #[serde(skip)]
    remote: Remote,
}

#[setup_tasks]
impl Far {
    #[setup_task]
    const HEADER: TemplateTask = TemplateTask::new(template!("templates/partials/header.tera")).output("etc/header");

    #[setup_task]
    const SECRET: TemplateTask = TemplateTask::new(template!("templates/drift_secret.tera")).output("secret");

    #[setup_task]
    const INSTALL: InstallTemplates<Far, Far> = InstallTemplates::own();
}

impl FilesystemAccess for Far {
    type Filesystem = Remote;

    async fn filesystem(&self, _cx: &TaskContext) -> Result<Remote> {
        Ok(self.remote.clone())
    }
}

/// Returns an object that has installed its files on another machine, and the machine.
async fn far(place: &Scratch, joins: bool) -> (Object<Far>, Remote) {
    let root = RootedDirectory::new(place.path().join("far"));
    let remote = Remote { root, reads: Arc::default(), joins };
    let password = Secret::new("the password of a far machine".to_owned());
    let far = place.layout().add(Far { name: "far", password, remote: remote.clone() }).unwrap();
    far.run_setup_tasks().await.unwrap();
    remote.reads.lock().unwrap().clear();
    (far, remote)
}

#[tokio::test]
async fn files_on_a_slow_filesystem_are_examined_only_by_runs_that_verify() {
    for joins in [false, true] {
        let place = Scratch::new();
        let (far, remote) = far(&place, joins).await;
        let reads = || std::mem::take(&mut *remote.reads.lock().unwrap());
        assert!(far.run_setup_tasks().verify().await.unwrap().is_up_to_date());
        let examined = ["stat etc/header", "read etc/header", "stat secret", "read secret"];
        assert_eq!(reads(), if joins { &["ask 1"][..] } else { &examined });
        let (header, secret) = (place.path().join("far/etc/header"), place.path().join("far/secret"));
        std::fs::write(&header, "edited\n").unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(far.run_setup_tasks().await.unwrap().is_up_to_date() && reads().is_empty());
        let plan = far.run_setup_tasks().verify().diff().await.unwrap();
        let differences = "etc/header: content differs; secret: mode 0640 instead of 0600";
        assert_eq!(lines(&plan)[2], format!("install would run: {differences}"));
        let changes: Vec<_> = plan.tasks[2].changes.iter().map(FileChange::unified).collect();
        assert_eq!(changes, ["--- etc/header\n+++ etc/header\n@@ -1 +1 @@\n-edited\n+; for far\n"]);
        reads();
        let report = far.run_setup_tasks().verify().await.unwrap();
        assert_eq!(report.ran().map(|task| task.task).collect::<Vec<_>>(), ["install"]);
        assert!(far.run_setup_tasks().verify().await.unwrap().is_up_to_date());
        assert_eq!(std::fs::read_to_string(&header).unwrap(), "; for far\n");
        assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }
}

#[tokio::test]
async fn the_content_of_a_file_with_a_secret_is_in_no_plan() {
    let place = Scratch::new();
    let (far, _) = far(&place, false).await;
    std::fs::write(place.path().join("far/secret"), "another password of the machine").unwrap();
    let plan = far.run_setup_tasks().verify().diff().await.unwrap();
    assert_eq!(lines(&plan)[2], "install would run: secret: content differs");
    assert_eq!(plan.tasks[2].changes[0].unified(), "--- secret\n+++ secret\n(secrets differ)\n");
    assert!(!format!("{plan:?}").contains("password of"), "{plan:?}");
}

#[test]
fn a_file_has_the_owner_and_the_group_that_the_list_of_the_root_names() {
    let place = Scratch::new();
    let root = RootedDirectory::new(place.path().join("root"));
    let own = place.path().metadata().unwrap();
    let (etc, motd) = (place.path().join("root/etc"), Path::new("motd"));
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("passwd"), format!("root:x:99990:99990::/:\nme:x:{}:1::/:\n", own.uid())).unwrap();
    std::fs::write(etc.join("group"), format!("us:x:{}:\n", own.gid())).unwrap();
    let attributes = FileAttributes::new().mode(0o640).owner("me").group("us");
    assert!(root.install_now(motd, b"hello", &attributes).unwrap());
    assert!(!root.install_now(motd, b"hello", &attributes).unwrap(), "it is there already");
    let stat = root.stat_now(motd).unwrap().unwrap();
    assert_eq!((&stat.kind, stat.size, &stat.attributes), (&FileKind::File, 5, &attributes));
    let error = chain(root.install_now(motd, b"hello", &FileAttributes::new().owner("nobody")).unwrap_err());
    let list = etc.join("passwd");
    assert!(error.contains(&format!("there is no user `nobody` in `{}`", list.display())), "{error}");
    assert!(error.contains("help: create the user in an earlier task, or write its number"), "{error}");
    assert_eq!(root.stat_now(motd).unwrap().unwrap(), stat, "the file is as before");
}

#[test]
fn a_link_is_created_replaced_and_removed_and_never_followed() {
    let place = Scratch::new();
    let root = RootedDirectory::new(place.path().join("root"));
    let (link, outside) = (Path::new("etc/link"), place.path().join("outside"));
    std::fs::write(&outside, "theirs").unwrap();
    assert!(root.symlink_now(link, Path::new("first")).unwrap());
    assert!(!root.symlink_now(link, Path::new("first")).unwrap(), "it is there already");
    assert!(root.symlink_now(link, &outside).unwrap());
    assert_eq!(root.stat_now(link).unwrap().unwrap().kind, FileKind::Symlink(outside.clone()));
    assert!(root.remove_now(link).unwrap());
    assert!(!root.remove_now(link).unwrap());
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "theirs");
    root.install_now(link, b"mine", &FileAttributes::new()).unwrap();
    assert!(root.symlink_now(link, Path::new("first")).unwrap(), "a link replaces a file");
    for error in [root.symlink_now(Path::new("etc"), link).unwrap_err(), root.remove_now(Path::new("etc")).unwrap_err()]
    {
        let error = chain(error);
        assert!(error.contains("it is a directory") && error.contains("help: "), "{error}");
    }
    for path in ["../x", "/x", "etc/../x"] {
        assert!(
            root.symlink_now(Path::new(path), link).is_err() && root.remove_now(Path::new(path)).is_err(),
            "{path}"
        );
        assert!(root.stat_now(Path::new(path)).is_err(), "{path}");
    }
    let left: Vec<_> = std::fs::read_dir(place.path().join("root/etc")).unwrap().collect();
    assert_eq!(left.len(), 1, "no draft is left: {left:?}");
}
