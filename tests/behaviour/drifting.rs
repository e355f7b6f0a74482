//! Tests of drift: a run repairs rendered and installed files that were changed, and a plan reports
//! the differences.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::FutureExt;
use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::run::FileChange;
use setup_tasks::{Layout, Secret};
use setup_tasks_templates::{
    FilesystemAccess, InstallTemplates, RootedDirectory, TEMPLATE_DIRECTORY, TemplateTask, template,
};

use test_kit::{Scratch, chain, lines};

/// A model that renders files, installs them, and restarts the service that reads them.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "host", id = "host")]
struct Host {
    name: String,
    password: Secret<String>,
}

#[setup_tasks]
impl Host {
    #[setup_task]
    const PLAIN: TemplateTask = TemplateTask::new(template!("templates/drift_plain.tera")).output("etc/plain");

    #[setup_task]
    const SECRET: TemplateTask = TemplateTask::new(template!("templates/drift_secret.tera")).output("secret");

    #[setup_task]
    const HASH: TemplateTask = TemplateTask::new(template!("templates/drift_hash.tera")).output("hash");

    #[setup_task]
    const INSTALL: InstallTemplates<Host, Host> = InstallTemplates::own();

    #[setup_task("Restart")]
    fn restart(&self) {}
}

impl FilesystemAccess for Host {
    type Filesystem = RootedDirectory;

    async fn filesystem(&self, cx: &TaskContext) -> Result<RootedDirectory> {
        Ok(RootedDirectory::new(cx.layout().config().base_dir.join("root")))
    }
}

const PASSWORD: &str = "correct horse of the host";

/// Returns the host in a new layout, as the next process has it.
fn host(place: &Scratch) -> Object<Host> {
    place.layout().add(Host { name: "ada".into(), password: Secret::new(PASSWORD.to_owned()) }).unwrap()
}

async fn plan(object: &Object<Host>) -> Vec<String> {
    lines(&object.as_any().plan().await.unwrap())
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// Waits until the clock of the file system has passed the last change of a file.
fn wait_for_a_tick(file: &Path) {
    let probe = tempfile::NamedTempFile::new_in(file.parent().unwrap()).unwrap();
    let ctime = |path: &Path| path.metadata().map(|meta| (meta.ctime(), meta.ctime_nsec())).unwrap();
    while fs::write(probe.path(), "").map(|()| ctime(probe.path())).unwrap() <= ctime(file) {
        std::thread::yield_now();
    }
}

/// A function that changes a file.
type Spoil = fn(&Path);

const SPOILS: &[(&str, Spoil)] = &[
    ("content differs", |path| fs::write(path, "edited by hand").unwrap()),
    ("content differs", |path| {
        // The file gets another text of the same length, and keeps its time of modification.
        wait_for_a_tick(path);
        let meta = path.metadata().unwrap();
        fs::write(path, "x".repeat(usize::try_from(meta.len()).unwrap())).unwrap();
        fs::File::options().write(true).open(path).unwrap().set_modified(meta.modified().unwrap()).unwrap();
    }),
    ("is empty", |path| fs::write(path, "").unwrap()),
    ("is missing", |path| fs::remove_file(path).unwrap()),
    ("mode 0666 instead of 0644", |path| fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap()),
    ("is a symbolic link", |path| {
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        symlink(elsewhere.file_name().unwrap(), path).unwrap();
    }),
];

#[tokio::test]
async fn a_changed_rendered_file_is_rendered_again() {
    let place = Scratch::new();
    host(&place).run_setup_tasks().await.unwrap();
    let file = place.config().cache_dir().join("host/etc/plain");
    for (differs, spoil) in SPOILS {
        assert!(host(&place).as_any().plan().await.unwrap().is_up_to_date(), "before: {differs}");
        spoil(&file);
        let told = plan(&host(&place)).await;
        assert_eq!(told[0], format!("plain would run: etc/plain: {differs}"));
        assert_eq!(told[4], "restart would run: plain changed something later");
        let report = host(&place).run_setup_tasks().await.unwrap();
        let (ran, unchanged) = (report.ran().count(), report.unchanged().count());
        assert_eq!((ran, unchanged), (2, 3), "{differs}: what comes after it runs, and other files stay");
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("hello ada\n", 0o644), "{differs}");
        assert!(file.symlink_metadata().unwrap().is_file());
    }
}

#[tokio::test]
async fn a_changed_installed_file_is_installed_again() {
    let place = Scratch::new();
    host(&place).run_setup_tasks().await.unwrap();
    let file = place.path().join("root/etc/plain");
    for (differs, spoil) in SPOILS {
        assert!(host(&place).as_any().plan().await.unwrap().is_up_to_date(), "before: {differs}");
        spoil(&file);
        let told = plan(&host(&place)).await;
        assert_eq!(
            told[..4].iter().filter(|line| line.ends_with("up to date")).count(),
            3,
            "nothing is rendered again"
        );
        assert_eq!(told[3], format!("install would run: etc/plain: {differs}"));
        let report = host(&place).run_setup_tasks().await.unwrap();
        assert_eq!(report.ran().count(), 2, "{differs}");
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("hello ada\n", 0o644), "{differs}");
    }
    fs::remove_dir_all(place.path().join("root")).unwrap();
    let told = plan(&host(&place)).await;
    assert_eq!(told[3], "install would run: etc/plain: is missing; secret: is missing; hash: is missing");
}

#[tokio::test]
async fn writing_the_same_content_again_is_not_drift() {
    let place = Scratch::new();
    host(&place).run_setup_tasks().await.unwrap();
    for file in [place.config().cache_dir().join("host/etc/plain"), place.path().join("root/etc/plain")] {
        fs::remove_file(&file).unwrap();
        fs::write(&file, "hello ada\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    }
    assert!(host(&place).as_any().plan().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_non_file_in_the_place_of_a_file_is_reported_and_left_alone() {
    let make_directory: Spoil = |path| fs::create_dir(path).unwrap();
    let make_fifo: Spoil = |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    for (kind, make) in [("a directory", make_directory), ("a FIFO", make_fifo)] {
        let rendered: fn(&Scratch) -> PathBuf = |place| place.config().cache_dir().join("host/etc/plain");
        let installed: fn(&Scratch) -> PathBuf = |place| place.path().join("root/etc/plain");
        for (file, at) in [(rendered, 0), (installed, 3)] {
            let place = Scratch::new();
            host(&place).run_setup_tasks().await.unwrap();
            let file = file(&place);
            fs::remove_file(&file).unwrap();
            make(&file);
            assert!(plan(&host(&place)).await[at].ends_with(&format!("would run: etc/plain: is {kind}")));
            let named = format!("`{}`: it is {kind}", file.display());
            let error = chain(host(&place).run_setup_tasks().await.unwrap_err());
            assert!(error.contains(&format!("cannot write {named}")) && error.contains("help: "), "{error}");
            let error = chain(host(&place).run_setup_tasks().diff().await.unwrap_err());
            assert!(error.contains(&format!("cannot read {named}")) && error.contains("help: "), "{error}");
            assert!(!file.is_file());
        }
    }
}

#[tokio::test]
async fn a_plan_with_diffs_shows_other_texts_and_other_modes() {
    let place = Scratch::new();
    host(&place).run_setup_tasks().await.unwrap();
    let file = place.path().join("root/etc/plain");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let diff = async || {
        let layout = place.layout();
        let password = Secret::new(PASSWORD.to_owned());
        let host = layout.add(Host { name: "ada".into(), password }).unwrap();
        let report = layout.run().diff().await.unwrap();
        let changes = report.object(host.as_any().id()).unwrap().tasks.iter().flat_map(|task| &task.changes);
        let json = serde_json::to_value(&report).unwrap()["objects"][0]["tasks"][0]["changes"].clone();
        (changes.map(FileChange::unified).collect::<Vec<_>>(), json)
    };
    let (changes, json) = diff().await;
    assert_eq!(changes, ["--- etc/plain\n+++ etc/plain\nold mode 0600\nnew mode 0644\n"]);
    assert_eq!(json[0]["modes"], serde_json::json!([0o600, 0o644]));
    fs::write(&file, "by hand\n").unwrap();
    let (changes, _) = diff().await;
    let text = "--- etc/plain\n+++ etc/plain\n@@ -1 +1 @@\n-by hand\n+hello ada\n";
    assert_eq!(changes, [format!("old mode 0600\nnew mode 0644\n{text}")]);
}

#[tokio::test]
async fn an_unchanged_file_is_examined_but_not_read() {
    #[derive(SetupTasks, Serialize)]
    #[setup_tasks(subdir = "large")]
    struct Large {
        large: String,
    }
    #[setup_tasks]
    impl Large {
        #[setup_task]
        const LARGE: TemplateTask = TemplateTask::new(template!("templates/drift_large.tera"));
    }
    let place = Scratch::new();
    let large = place.layout().add(Large { large: "x".repeat(8 << 20) }).unwrap();
    large.run_setup_tasks().await.unwrap();
    let file = large.stamp_path().unwrap().join("drift_large");
    let read = || {
        let io = fs::read_to_string("/proc/thread-self/io").unwrap();
        io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse::<u64>().unwrap()
    };
    let before = read();
    assert!(large.as_any().plan().await.unwrap().is_up_to_date());
    assert!(read() - before < 1 << 20, "{} bytes were read", read() - before);
    fs::write(&file, "y".repeat(8 << 20)).unwrap();
    assert!(!large.as_any().plan().await.unwrap().is_up_to_date());
    assert!(read() - before > 8 << 20, "the content is read where the look shows a change");
}

/// Returns whether the files of the stores hold these bytes.
fn is_kept(place: &Scratch, bytes: &[u8]) -> bool {
    let store = place.path().join(".setup-tasks/cache/.setup-tasks");
    let mut files = fs::read_dir(store).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    files.any(|path| fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test]
async fn only_a_keyed_hash_is_kept_of_a_file_that_depends_on_a_secret() {
    let place = Scratch::new();
    host(&place).run_setup_tasks().await.unwrap();
    let content = |file: &str| fs::read(place.path().join("root").join(file)).unwrap();
    let hash = |file| *blake3::hash(&content(file)).as_bytes();
    assert!(is_kept(&place, &hash("etc/plain")), "the hash of a plain file is kept");
    assert!(!is_kept(&place, &hash("secret")), "likely secrets could be tested against it");
    let hex = blake3::hash(&content("secret")).to_hex();
    assert!(!is_kept(&place, hex.as_bytes()));
    // The keyed hash still shows that the content of a touched file is the same, and that of an
    // edited file is not.
    let file = place.path().join("root/secret");
    let text = content("secret");
    fs::write(&file, &text).unwrap();
    assert!(host(&place).as_any().plan().await.unwrap().is_up_to_date());
    fs::write(&file, text.to_ascii_uppercase()).unwrap();
    assert!(!host(&place).as_any().plan().await.unwrap().is_up_to_date());
}

/// Returns all output of a plan and a run in every form, and all stored data.
async fn said(place: &Scratch, password: &str) -> String {
    let layout = place.layout();
    let host = Host { name: "ada".into(), password: Secret::new(password.to_owned()) };
    let host = layout.add(host).unwrap();
    let plan = layout.run().diff().await.unwrap();
    let mut said = format!("{plan:?}\n{}\n", serde_json::to_string(&plan).unwrap());
    for task in &plan.object("host").unwrap().tasks {
        said += &task.reason.as_ref().unwrap().to_string();
        said.push('\n');
        said.extend(task.changes.iter().map(FileChange::unified));
    }
    let report = layout.run().await.unwrap();
    let stamps: Vec<_> = ["plain", "secret", "hash", "install"]
        .map(|task| host.check_stamp(task).now_or_never().unwrap().unwrap())
        .into();
    let history = layout.store().history(&setup_tasks::stamp::HistoryFilter::default()).await.unwrap();
    format!("{said}{report:?}{stamps:?}{history:?}")
}

#[tokio::test]
async fn a_diff_after_a_rotation_shows_neither_text_even_after_filters() {
    let place = Scratch::new();
    let (old, new) = ("barrier of roses", "mirrored terrace");
    let spellings = |password: &str| {
        let replaced = password.replace('r', "<>").to_uppercase();
        let reversed: String = password.chars().rev().collect();
        [password.to_owned(), replaced, reversed]
    };
    let mut all = said(&place, old).await;
    let rendered = fs::read_to_string(place.path().join("root/secret")).unwrap();
    assert!(rendered.contains(&spellings(old)[1]), "{rendered}");
    assert_eq!(mode(&place.path().join("root/secret")), 0o600);
    let rotated = said(&place, new).await;
    assert!(rotated.contains("--- secret\n+++ secret\n(secrets differ)\n"), "{rotated}");
    all += &rotated;
    // The file is edited by hand, and no stamp records the secret from which it was created.
    fs::write(place.path().join("root/secret"), spellings(old)[1].as_bytes()).unwrap();
    all += &said(&place, new).await;
    fs::write(place.path().join("root/secret"), spellings(old)[1].as_bytes()).unwrap();
    fs::remove_dir_all(place.config().cache_dir()).unwrap();
    all += &said(&place, new).await;
    for spelling in spellings(old).into_iter().chain(spellings(new)) {
        let at = all.find(&spelling);
        assert!(at.is_none(), "{spelling}: {}", &all[at.unwrap_or_default().saturating_sub(300)..][..600]);
    }
}

#[tokio::test]
async fn a_newer_text_that_cannot_be_read_is_an_error_that_names_it() {
    let newer = tempfile::tempdir().unwrap();
    fs::create_dir_all(newer.path().join("templates")).unwrap();
    let file = newer.path().join("templates/drift_plain.tera");
    let run = async || {
        let layout = Layout::in_memory().unwrap();
        layout.injector().provide(TEMPLATE_DIRECTORY, newer.path().to_owned()).unwrap();
        let host = layout.add(Host { name: "ada".into(), password: Secret::new(PASSWORD.to_owned()) }).unwrap();
        chain(host.run_setup_tasks().await.unwrap_err())
    };
    fs::write(&file, b"caf\xe9").unwrap();
    let error = run().await;
    assert!(error.contains(&format!("cannot read `{}`", file.display())) && error.contains("UTF-8"), "{error}");
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let error = run().await;
    assert!(error.contains(&format!("cannot read `{}`: it is a FIFO", file.display())), "{error}");
}
