//! Resources that run programs of this machine, in temporary directories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command as Program;
use std::time::Duration;

use crate::far::Far;
use crate::protocol::Hash;
use crate::resource::Resource;
use crate::resources::{Archive, Command, Content, File, Git};

fn observe(resource: &impl Resource) -> Vec<String> {
    let mut far = Far::machine().unwrap();
    resource.observe(&mut far).unwrap().iter().map(ToString::to_string).collect()
}

fn apply(resource: &impl Resource) -> Result<(), String> {
    let mut far = Far::machine().unwrap();
    let differences = resource.observe(&mut far).map_err(|failure| failure.to_string())?;
    resource.apply(&mut far, &differences).map_err(|failure| failure.to_string())
}

fn undo(resource: &impl Resource) {
    let mut far = Far::machine().unwrap();
    resource.undo(&mut far).unwrap();
    resource.undo(&mut far).unwrap();
}

/// Applies a resource that differs in this way, and checks that nothing differs afterwards.
fn brings(resource: &impl Resource, differences: &[&str]) {
    assert_eq!(observe(resource), differences);
    apply(resource).unwrap();
    assert_eq!(observe(resource), [""; 0]);
}

fn run(directory: &Path, program: &str, args: &[&str]) -> String {
    let output = Program::new(program).args(args).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_is_validated_before_it_takes_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = text(&directory.path().join("file with space"));
    let file = |content: &str| {
        File::at(&*path).content(content).validate("grep -q good {} || { echo 'line 1: bad'; exit 4; }")
    };
    brings(&file("good"), &[&format!("{path}: absent")]);
    let failure = apply(&file("bad")).unwrap_err();
    assert!(
        failure.starts_with("cannot validate the file: `grep -q good {} ||")
            && failure.ends_with("exited with code 4: line 1: bad"),
        "{failure}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "good");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_file_that_is_validated_in_its_place_comes_back_if_it_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = text(&directory.path().join("f"));
    let file = |content: &str| File::at(&*path).content(content).mode(0o640).validate(format!("grep -q good '{path}'"));
    assert!(apply(&file("bad")).is_err());
    assert!(!Path::new(&path).exists());
    apply(&file("good")).unwrap();
    assert!(apply(&file("bad")).is_err());
    assert_eq!(observe(&file("good")), [""; 0]);
}

#[test]
fn a_download_is_checked_by_its_hash() {
    let directory = tempfile::tempdir().unwrap();
    let (source, path) = (directory.path().join("source"), text(&directory.path().join("f")));
    fs::write(&source, "content").unwrap();
    let url = format!("file://{}", source.display());
    brings(&File::at(&*path).download(&url, Hash::of(b"content")), &[&format!("{path}: absent")]);
    let failure = apply(&File::at(&*path).download(&url, Hash::of(b"other"))).unwrap_err();
    assert!(failure.contains("the download has the hash"), "{failure}");
    let failure = apply(&File::at(format!("{path}2")).download(format!("{url}-missing"), Hash::of(b""))).unwrap_err();
    assert!(failure.contains("cannot download the content: `curl "), "{failure}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn a_command_runs_only_if_something_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let (log, path) = (text(&directory.path().join("log")), text(&directory.path().join("made")));
    let creates =
        Command::shell(format!("echo run >> {log}; touch {path}")).creates(&*path).undone_by(format!("rm -f {path}"));
    assert!(!creates.is_action() && Command::shell("true").is_action());
    brings(&creates, &[&format!("{path}: absent")]);
    undo(&creates);
    let unless = Command::program("touch", [&path]).unless(format!("test -e {path}"));
    brings(&unless, &[&format!("touch {path}: is not done")]);
    let failure = apply(&Command::shell("echo why >&2; exit 7")).unwrap_err();
    assert_eq!(failure, "cannot run the command: `/bin/sh -c 'echo why >&2; exit 7'` exited with code 7: why");
    let slow = Command::shell("sleep 600").timeout(Duration::from_millis(100));
    assert_eq!(apply(&slow).unwrap_err(), "cannot run the command: it took longer than 100ms");
    let here = Command::shell("test \"$(pwd -P)\" = \"$WANTED\"").directory(text(directory.path()));
    apply(&here.env("WANTED", text(&directory.path().canonicalize().unwrap()))).unwrap();
}

/// Returns an archive with a file in a directory.
fn archive(directory: &Path, content: &str) -> Content {
    fs::create_dir_all(directory.join("src/tool-1")).unwrap();
    fs::write(directory.join("src/tool-1/run"), content).unwrap();
    run(&directory.join("src"), "tar", &["--create", "--gzip", "--file", "../a.tar.gz", "tool-1"]);
    Content::new(fs::read(directory.join("a.tar.gz")).unwrap())
}

#[test]
fn an_archive_replaces_its_directory_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = text(&directory.path().join("opt/tool"));
    let first = Archive::to(&*path).content(archive(directory.path(), "1")).strip_components(1);
    brings(&first, &[&format!("{path}: absent")]);
    assert_eq!(fs::read_to_string(format!("{path}/run")).unwrap(), "1");
    fs::write(format!("{path}/left"), "x").unwrap();
    let second = Archive::to(&*path).content(archive(directory.path(), "2")).strip_components(1);
    brings(&second, &[&format!("{path}: another archive is unpacked")]);
    assert_eq!(fs::read_to_string(format!("{path}/run")).unwrap(), "2");
    assert!(!Path::new(&format!("{path}/left")).exists());

    let broken = Archive::to(&*path).content("no archive");
    let failure = apply(&broken).unwrap_err();
    assert!(failure.starts_with("cannot unpack the archive: `tar "), "{failure}");
    assert_eq!(observe(&second), [""; 0], "the former directory stays");
    assert_eq!(fs::read_dir(directory.path().join("opt")).unwrap().count(), 1, "nothing else is left");
    undo(&second);
    fs::create_dir(&path).unwrap();
    fs::write(format!("{path}/own"), "x").unwrap();
    assert!(apply(&first).unwrap_err().contains("the directory has other files"));
    undo(&first);
    assert!(Path::new(&format!("{path}/own")).exists());
}

#[test]
fn an_archive_writes_nothing_outside_of_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("in")).unwrap();
    fs::write(directory.path().join("evil"), "x").unwrap();
    run(&directory.path().join("in"), "tar", &["--create", "--absolute-names", "--file", "../a.tar", "../evil"]);
    fs::remove_file(directory.path().join("evil")).unwrap();
    let path = text(&directory.path().join("opt"));
    let done = apply(&Archive::to(&*path).content(fs::read(directory.path().join("a.tar")).unwrap()));
    assert!(!directory.path().join("evil").exists(), "{done:?}");
}

/// Returns a repository with a tag and a branch.
fn repository(directory: &Path) -> String {
    let path = directory.join("origin");
    fs::create_dir(&path).unwrap();
    let git =
        |args: &[&str]| run(&path, "git", &[&["-c", "user.name=t", "-c", "user.email=t@example.org"], args].concat());
    git(&["init", "--quiet", "--initial-branch=main"]);
    for name in ["one", "two"] {
        fs::write(path.join("f"), name).unwrap();
        git(&["add", "f"]);
        git(&["commit", "--quiet", "--message", name]);
        git(&["tag", "--annotate", "--message", name, &format!("v-{name}")]);
    }
    text(&path)
}

#[test]
fn a_working_copy_is_brought_to_a_tag_a_branch_and_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let (url, path) = (repository(directory.path()), text(&directory.path().join("copy")));
    let id = |revision: &str| run(Path::new(&url), "git", &["rev-parse", &format!("{revision}^{{commit}}")]);
    let (one, two) = (id("v-one"), id("main"));
    let at = |revision: &str| Git::clone_of(&*url).to(&*path).revision(revision);
    brings(&at("v-one"), &[&format!("{path}: absent instead of v-one")]);
    assert_eq!(fs::read_to_string(format!("{path}/f")).unwrap(), "one");
    brings(&at("main"), &[&format!("{path}: commit {} instead of {} (main)", &one[..12], &two[..12])]);
    assert_eq!(observe(&Git::clone_of(&*url).to(&*path)), [""; 0], "the main branch is the default");
    brings(&at(&one), &[&format!("{path}: commit {} instead of {} ({one})", &two[..12], &one[..12])]);
    fs::write(format!("{path}/f"), "edited").unwrap();
    fs::write(format!("{path}/untracked"), "x").unwrap();
    brings(&at("v-one"), &[&format!("{path}: files were changed instead of v-one")]);
    assert_eq!(fs::read_to_string(format!("{path}/untracked")).unwrap(), "x");
    assert_eq!(apply(&at("no-such")).unwrap_err(), "cannot use the repository: it has no branch or tag `no-such`");
    undo(&at("main"));
    assert!(!Path::new(&path).exists());
}

#[test]
fn git_runs_as_a_user_and_refuses_the_working_copy_of_another() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (url, path) = (repository(directory.path()), text(&directory.path().join("copy")));
    run(directory.path(), "chown", &["-R", "nobody", &url]);
    let copy = Git::clone_of(&*url).to(&*path).revision("main");
    brings(&copy.clone().user("nobody"), &[&format!("{path}: absent instead of main")]);
    assert_eq!(run(directory.path(), "stat", &["-c", "%U", &path, &format!("{path}/f")]), "nobody\nnobody");
    fs::write(format!("{path}/.git/config"), format!("[core]\n\tfsmonitor = touch {path}/trap\n")).unwrap();
    let failure = copy.observe(&mut Far::machine().unwrap()).unwrap_err().to_string();
    assert!(failure.contains("dubious ownership"), "{failure}");
    assert!(!Path::new(&format!("{path}/trap")).exists());
}

#[test]
fn addresses_and_revisions_that_git_takes_for_options_are_refused() {
    let mut far = Far::machine().unwrap();
    for (url, revision) in
        [("ext::sh -c id", "main"), ("--upload-pack=id", "main"), ("/r", "--help"), ("/r", "a b"), ("/r", "")]
    {
        let git = Git::clone_of(url).to("/nonexistent/copy").revision(revision);
        assert!(git.observe(&mut far).unwrap_err().to_string().contains("is not "), "{url} {revision}");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("own"), "x").unwrap();
    let failure = apply(&Git::clone_of("/r").to(text(directory.path()))).unwrap_err();
    assert!(failure.ends_with("has other files, and no working copy"), "{failure}");
}
