//! Tests of the walk over paths, and of files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};

use super::*;

fn far_in(root: &Path) -> Far {
    Far::in_directory(root).unwrap()
}

#[test]
fn links_of_the_machine_lead_to_places_on_the_machine() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("run/lock")).unwrap();
    fs::create_dir(root.path().join("var")).unwrap();
    symlink("/run", root.path().join("var/run")).unwrap();
    symlink("../../../../run", root.path().join("var/up")).unwrap();
    let far = far_in(root.path());
    for path in ["/var/run/f", "/var/up/f", "/../var/./run/lock/../f"] {
        far.write(path, path.as_bytes(), Attributes::default()).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("run/f")).unwrap(), path);
        assert_eq!(far.resolve(path).unwrap(), Path::new("/run/f"));
    }
}

#[test]
fn a_circle_of_links_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    symlink("b", root.path().join("a")).unwrap();
    symlink("a", root.path().join("b")).unwrap();
    let failure = far_in(root.path()).write("/a/f", b"x", Attributes::default()).unwrap_err();
    assert!(failure.to_string().contains("Too many levels of symbolic links"), "{failure}");
}

#[test]
fn a_planted_link_of_another_user_is_not_followed() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    symlink("/etc", root.path().join("home")).unwrap();
    lchown(root.path().join("home"), Some(1234), Some(1234)).unwrap();
    let far = far_in(root.path());
    for failure in [
        far.write("/home/shadow", b"x", Attributes::default()).unwrap_err(),
        far.read("/home/shadow").unwrap_err(),
        far.remove("/home/shadow").unwrap_err(),
        far.make_directory("/home/d", Attributes::default()).unwrap_err(),
        far.link("/home/l", "x").unwrap_err(),
        far.set("/home/shadow", Attributes { mode: Some(0o777), ..Attributes::default() }).unwrap_err(),
    ] {
        assert!(failure.to_string().contains("is a symbolic link of the user 1234, and is not followed"), "{failure}");
    }
    assert_eq!(fs::read_dir(root.path().join("etc")).unwrap().count(), 0);
}

#[test]
fn a_planted_hard_link_gets_no_other_owner() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("home")).unwrap();
    lchown(root.path().join("home"), Some(1234), None).unwrap();
    fs::write(root.path().join("shadow"), "x").unwrap();
    fs::hard_link(root.path().join("shadow"), root.path().join("home/f")).unwrap();
    let far = far_in(root.path());
    let failure = far.set("/home/f", Attributes { uid: Some(1234), ..Attributes::default() }).unwrap_err();
    assert!(failure.to_string().ends_with("it has 2 names, and its directory belongs to the user 1234"), "{failure}");
    far.write("/home/f", b"new", Attributes { uid: Some(1234), ..Attributes::default() }).unwrap();
    assert_eq!(
        (
            fs::metadata(root.path().join("shadow")).unwrap().uid(),
            fs::read_to_string(root.path().join("shadow")).unwrap()
        ),
        (0, "x".into())
    );
}

#[test]
fn a_link_at_the_end_of_a_path_is_replaced_and_its_target_stays() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("target"), "old").unwrap();
    symlink("target", root.path().join("link")).unwrap();
    let far = far_in(root.path());
    assert!(far.read("/link").unwrap_err().to_string().ends_with("it is a symbolic link"));
    far.write("/link", b"new", Attributes::default()).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("target")).unwrap(), "old");
    assert!(fs::symlink_metadata(root.path().join("link")).unwrap().is_file());
}

#[test]
fn a_planted_draft_is_replaced_and_not_written_through() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("victim"), "old").unwrap();
    let name = format!(".setup-tasks-{}", &Hash::of(b"f").to_string()[..16]);
    symlink("victim", root.path().join(&name)).unwrap();
    far_in(root.path()).write("/f", b"secret", Attributes { mode: Some(0o600), ..Attributes::default() }).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("victim")).unwrap(), "old");
    assert_eq!(fs::metadata(root.path().join("f")).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(!root.path().join(name).exists());
}

#[test]
fn writing_keeps_attributes_that_are_not_given() {
    let root = tempfile::tempdir().unwrap();
    let far = far_in(root.path());
    far.write("/f", b"1", Attributes { mode: Some(0o4750), uid: Some(12), gid: Some(34) }).unwrap();
    far.write("/f", b"2", Attributes::default()).unwrap();
    let stat = far.stat("/f").unwrap().unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o4750, 12, 34));
    if rustix::process::geteuid().is_root() {
        let found = fs::metadata(root.path().join("f")).unwrap();
        assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (0o4750, 12, 34));
    }
}

#[test]
fn the_root_directory_is_never_removed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    let far = far_in(root.path());
    for path in ["/", "/a/..", "/../..", "/."] {
        assert!(far.remove(path).unwrap_err().to_string().ends_with("it is the root directory"), "{path}");
    }
    assert!(root.path().join("a").exists());
}

#[test]
fn a_relative_path_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let failure = far_in(root.path()).write("etc/motd", b"x", Attributes::default()).unwrap_err();
    assert_eq!(failure.to_string(), "cannot write `etc/motd`: the path `etc/motd` is not absolute");
}

#[test]
fn a_removal_follows_no_link_in_a_directory() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("a/b/c")).unwrap();
    fs::create_dir(root.path().join("kept")).unwrap();
    fs::write(root.path().join("kept/f"), "x").unwrap();
    symlink("/kept", root.path().join("a/b/link")).unwrap();
    assert!(far_in(root.path()).remove("/a").unwrap());
    assert!(!root.path().join("a").exists() && root.path().join("kept/f").exists());
}

#[test]
fn missing_directories_are_created_on_the_way_and_existing_ones_stay() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    fs::set_permissions(root.path().join("a"), fs::Permissions::from_mode(0o700)).unwrap();
    let far = far_in(root.path());
    far.make_parents("/a/b/c/file").unwrap();
    assert_eq!(fs::metadata(root.path().join("a")).unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(fs::metadata(root.path().join("a/b/c")).unwrap().permissions().mode() & 0o7777, 0o755);
    assert!(!root.path().join("a/b/c/file").exists());
}

#[test]
fn a_file_below_a_file_does_not_exist() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("f"), "x").unwrap();
    let far = far_in(root.path());
    assert_eq!(far.read("/f/g").unwrap(), None);
    assert!(far.stat("/f/g").unwrap().is_none());
}

#[test]
fn accounts_and_groups_are_those_of_the_machine() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(
        root.path().join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nbad line\nada:x:1001:1002:Ada,,,:/home/ada:/bin/bash\n",
    )
    .unwrap();
    fs::write(root.path().join("etc/group"), "root:x:0:\nops:x:27:ada,bob\nada:x:1002:\n").unwrap();
    fs::write(root.path().join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\nID_LIKE='a b'\n").unwrap();
    let mut far = far_in(root.path());
    assert_eq!(far.account("ada").unwrap().unwrap().home, "/home/ada");
    assert_eq!(far.groups_of("ada").unwrap(), ["ops"]);
    assert_eq!((far.uid("ada").unwrap(), far.uid("77").unwrap(), far.gid("ops").unwrap()), (1001, 77, 27));
    assert_eq!(
        (far.user_name(1001).unwrap(), far.user_name(9).unwrap(), far.group_name(27).unwrap()),
        ("ada".into(), "9".into(), "ops".into())
    );
    assert_eq!(far.uid("eve").unwrap_err().to_string(), "cannot find the user `eve`: the machine has no such user");
    assert_eq!((&*far.facts().os, &*far.facts().os_version), ("debian", "12"));
    assert!(far.facts().is_like("b") && far.facts().is_like("debian") && !far.facts().is_like("arch"));
}
