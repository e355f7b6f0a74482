//! Files, directories, links and their absence.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use super::machine::Machine;
use crate::protocol::{Difference, Hash, Text};
use crate::resource::Resource;
use crate::resources::{Absent, Content, Directory, File, Symlink};

fn motd() -> File {
    File::at("/etc/motd").content("hello\n").mode(0o640).owner("ada").group("ops")
}

#[test]
fn a_file_is_brought_from_absent() {
    let mut machine = Machine::new();
    machine.brings(&motd(), &["/etc/motd: absent"]);
    assert_eq!(machine.text("/etc/motd"), "hello\n");
    let stat = machine.far.stat("/etc/motd").unwrap().unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o640, 1001, 27));
}

#[test]
fn a_file_is_brought_from_wrong_in_each_attribute() {
    let mut machine = Machine::new();
    machine.apply(&motd()).unwrap();
    machine.write("/etc/motd", "other\n");
    machine.brings(&motd(), &["/etc/motd: content differs"]);
    machine.chmod("/etc/motd", 0o4755);
    let inode = machine.files();
    machine.brings(&motd(), &["/etc/motd: mode 4755 instead of 0640"]);
    assert_eq!(inode.len(), machine.files().len());
    machine.apply(&motd().owner("root")).unwrap();
    machine.brings(&motd(), &["/etc/motd: owner root instead of ada"]);
    machine.apply(&motd().group("ada")).unwrap();
    machine.brings(&motd(), &["/etc/motd: group ada instead of ops"]);
}

#[test]
fn a_file_whose_content_is_right_keeps_its_inode() {
    let mut machine = Machine::new();
    machine.apply(&motd()).unwrap();
    let inode =
        |machine: &Machine| std::os::unix::fs::MetadataExt::ino(&fs::metadata(machine.path("/etc/motd")).unwrap());
    let before = inode(&machine);
    machine.brings(&motd().mode(0o600), &["/etc/motd: mode 0640 instead of 0600"]);
    assert_eq!(inode(&machine), before);
}

#[test]
fn a_file_shows_both_texts_unless_they_are_secret_or_not_text() {
    let mut machine = Machine::new();
    machine.write("/f", "old\n");
    let texts = |machine: &mut Machine, file: File| -> Difference { file.observe(&mut machine.far).unwrap().remove(0) };
    let shown = texts(&mut machine, File::at("/f").content("new\n")).texts.unwrap();
    assert_eq!((shown.old.as_deref(), shown.new.as_deref()), (Some("old\n"), Some("new\n")));
    let shown = texts(&mut machine, File::at("/g").content("new\n")).texts.unwrap();
    assert_eq!((shown.old, shown.new.as_deref()), (None, Some("new\n")));
    let hidden = texts(&mut machine, File::at("/f").content(Text::secret("hunter2")));
    assert!(hidden.secret && hidden.texts.is_none());
    let binary = texts(&mut machine, File::at("/f").content(Content::new(vec![0, 255])));
    assert!(!binary.secret && binary.texts.is_none());
}

#[test]
fn a_file_takes_the_place_of_a_link_and_not_of_a_directory() {
    let mut machine = Machine::new();
    machine.write("/target", "kept");
    symlink("/target", machine.path("/etc/motd")).unwrap();
    machine.brings(&motd(), &["/etc/motd: a symbolic link instead of a file"]);
    assert_eq!(machine.text("/target"), "kept");
    fs::create_dir(machine.path("/dir")).unwrap();
    assert_eq!(machine.refuses(&File::at("/dir").content("x")), "cannot write `/dir`: it is a directory");
}

#[test]
fn an_owner_that_does_not_exist_yet_differs_and_fails_when_applied() {
    let mut machine = Machine::new();
    let file = File::at("/f").content("x").owner("deploy");
    machine.write("/f", "x");
    let differences = machine.observe(&file);
    assert_eq!(differences, [format!("/f: owner {} instead of deploy", owner_of_new_files())]);
    let failure = machine.apply(&file).unwrap_err();
    assert_eq!(failure.to_string(), "cannot find the user `deploy`: the machine has no such user");
}

/// Files that a test creates belong to its user, who is root on a machine in a directory of an ordinary user.
fn owner_of_new_files() -> &'static str {
    "root"
}

#[test]
fn a_file_in_a_missing_directory_is_named_unless_the_directories_are_wanted() {
    let mut machine = Machine::new();
    let failure = machine.apply(&File::at("/no/such/f").content("x")).unwrap_err();
    assert_eq!(failure.to_string(), "cannot write `/no/such/f`: No such file or directory");
    let file = File::at("/no/such/f").content("x").parents();
    machine.brings(&file, &["/no/such/f: absent"]);
    assert_eq!(machine.far.stat("/no/such").unwrap().unwrap().mode, 0o755);
    machine.undo(&file);
    assert!(machine.path("/no/such").is_dir(), "other files may be there by now");
}

#[test]
fn a_file_without_content_is_created_empty_and_keeps_what_it_has() {
    let mut machine = Machine::new();
    let log = File::at("/log").mode(0o600);
    machine.brings(&log, &["/log: absent"]);
    machine.write("/log", "entry\n");
    assert_eq!(machine.observe(&log), [""; 0]);
    assert_eq!(machine.text("/log"), "entry\n");
}

#[test]
fn an_undone_file_is_gone() {
    let mut machine = Machine::new();
    machine.apply(&motd()).unwrap();
    machine.undo(&motd());
    assert!(!machine.path("/etc/motd").exists());
}

#[test]
fn only_the_owner_can_read_a_secret_unless_a_mode_is_given() {
    let mut machine = Machine::new();
    let token = || File::at("/token").content(Text::secret("hunter2"));
    machine.brings(&token(), &["/token: absent"]);
    assert_eq!(machine.far.stat("/token").unwrap().unwrap().mode, 0o600);
    machine.chmod("/token", 0o644);
    machine.brings(&token(), &["/token: mode 0644 instead of 0600"]);
    machine.brings(&token().mode(0o640), &["/token: mode 0600 instead of 0640"]);
}

#[test]
fn a_mode_that_is_none_is_refused() {
    let mut machine = Machine::new();
    let failure = machine.apply(&File::at("/f").content("x").mode(0o100_644)).unwrap_err();
    assert_eq!(failure.to_string(), "cannot set the permissions: 100644 is not a mode such as 0644");
    assert!(!machine.path("/f").exists());
}

#[test]
fn a_download_needs_a_url() {
    let mut machine = Machine::new();
    let failure = machine.apply(&File::at("/f").download("-o/etc/passwd", Hash([0; 32]))).unwrap_err();
    assert_eq!(failure.to_string(), "cannot download the content: it is not an http or https URL");
    assert!(!machine.path("/f").exists());
}

#[test]
fn a_directory_is_brought_from_absent_and_from_wrong_in_each_attribute() {
    let mut machine = Machine::new();
    let www = Directory::at("/srv/www").mode(0o750).owner("ada").group("ops");
    machine.brings(&www, &["/srv/www: absent"]);
    machine.chmod("/srv/www", 0o777);
    machine.brings(&www, &["/srv/www: mode 0777 instead of 0750"]);
    machine.apply(&Directory::at("/srv/www").owner("root").group("root")).unwrap();
    machine.brings(&www, &["/srv/www: owner root instead of ada", "/srv/www: group root instead of ops"]);
    machine.write("/srv/www/f", "x");
    assert_eq!(
        www.undo(&mut machine.far).unwrap_err().to_string(),
        "cannot remove the directory `/srv/www`: it is not empty"
    );
    fs::remove_file(machine.path("/srv/www/f")).unwrap();
    machine.undo(&www);
    machine.write("/file", "x");
    assert_eq!(machine.refuses(&Directory::at("/file")), "cannot create the directory `/file`: it is a file");
}

#[test]
fn a_link_to_a_directory_counts_as_one_unless_somebody_else_planted_it() {
    let mut machine = Machine::new();
    fs::create_dir_all(machine.path("/data/www")).unwrap();
    machine.chmod("/data/www", 0o755);
    fs::create_dir(machine.path("/srv")).unwrap();
    symlink("/data/www", machine.path("/srv/www")).unwrap();
    machine.brings(&Directory::at("/srv/www").mode(0o700), &["/srv/www: mode 0755 instead of 0700"]);
    if rustix::process::geteuid().is_root() {
        lchown(machine.path("/srv/www"), Some(1001), None).unwrap();
        assert!(machine.refuses(&Directory::at("/srv/www")).contains("is a symbolic link of the user 1001"));
    }
}

#[test]
fn a_link_is_brought_from_absent_and_from_another_target_but_replaces_no_file() {
    let mut machine = Machine::new();
    let link = Symlink::at("/current").to("/releases/5");
    machine.brings(&link, &["/current: absent"]);
    machine.brings(
        &Symlink::at("/current").to("/releases/6"),
        &["/current: a link to /releases/5 instead of /releases/6"],
    );
    machine.undo(&link);
    assert!(fs::symlink_metadata(machine.path("/current")).is_err());
    machine.write("/current", "x");
    assert_eq!(
        machine.refuses(&link),
        "cannot create the link `/current`: it is a file, which a link does not replace"
    );
    machine.undo(&link);
    assert_eq!(machine.text("/current"), "x", "an undo leaves a file alone");
}

#[test]
fn absence_removes_files_links_and_directories() {
    let mut machine = Machine::new();
    machine.write("/a/b/c", "x");
    machine.write("/target/f", "kept");
    symlink("/target", machine.path("/a/link")).unwrap();
    machine.brings(&Absent::at("/a/b/c"), &["/a/b/c: a file instead of nothing"]);
    machine.brings(&Absent::at("/a/link"), &["/a/link: a symbolic link instead of nothing"]);
    machine.brings(&Absent::at("/a"), &["/a: a directory instead of nothing"]);
    assert_eq!(machine.text("/target/f"), "kept");
    assert!(Absent::at("/a").undo(&mut machine.far).unwrap_err().to_string().contains("is gone"));
}

#[test]
fn absence_refuses_the_directories_of_the_system() {
    let mut machine = Machine::new();
    for (path, reason) in [
        ("/", "the root directory"),
        ("/etc/", "a directory of the system"),
        ("//usr", "a directory of the system"),
        ("/./home/.", "a directory of the system"),
        ("/srv/../etc", "contains `..`"),
    ] {
        assert!(machine.refuses(&Absent::at(path)).contains(reason), "{path}");
    }
    assert!(machine.path("/etc").exists());
}

#[test]
fn content_of_a_large_file_is_read_when_it_is_transferred() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    fs::write(&path, vec![1; 1 << 20]).unwrap();
    let content = Content::of_file(&path).unwrap();
    assert_eq!(content, Content::new(vec![1; 1 << 20]));
    assert!(matches!(content.blob().unwrap().source, crate::resources::BlobSource::File(file) if file == path));
    fs::write(&path, "small").unwrap();
    assert!(Content::of_file(&path).unwrap().blob().is_none());
    assert!(Content::of_file(directory.path().join("missing")).is_err());
}
