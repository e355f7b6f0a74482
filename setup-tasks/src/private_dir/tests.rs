use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::{Access, Creation, FilesInPlace, PrivateDir, Roots, identity, is_in_place};
use crate::stamp::{Look, settled_by};

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Changes the owner of a path to another user, without following a link. Only root can do this.
fn give_away(path: &Path) -> bool {
    let given = std::os::unix::fs::lchown(path, Some(4711), None).is_ok();
    assert!(given || std::env::var_os("CI").is_none(), "continuous integration runs as root");
    given
}

fn text<T>(result: io::Result<T>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn created_and_written_files_are_private() {
    let place = tempfile::tempdir().unwrap();
    let own = place.path().join(".setup-tasks");
    fs::create_dir_all(own.join("cache/hosts")).unwrap();
    for path in [&own, &own.join("cache"), &own.join("cache/hosts")] {
        set_mode(path, 0o777);
    }
    fs::write(own.join("cache/hosts/old"), "x").unwrap();
    set_mode(&own.join("cache/hosts/old"), 0o666);
    set_mode(place.path(), 0o755);

    let cache = PrivateDir::create(&own.join("cache")).unwrap();
    let hosts = cache.make("hosts").unwrap();
    let inner = hosts.make("a/b").unwrap();
    inner.make_file("new", Creation::New).unwrap().write_all(b"x").unwrap();
    inner.replace("whole", b"x", None).unwrap();
    assert!(hosts.find_file("old", Access::Read).unwrap().is_some());
    assert_eq!(mode(&own.join("cache/hosts/old")), 0o666, "reading changes nothing");
    hosts.find_file("old", Access::ReadWrite).unwrap();
    for path in [".setup-tasks", "cache", "hosts", "a", "b"].iter().scan(place.path().to_owned(), |path, name| {
        path.push(name);
        Some(path.clone())
    }) {
        assert_eq!(mode(&path), 0o700, "{}", path.display());
    }
    for path in ["hosts/old", "hosts/a/b/new", "hosts/a/b/whole"] {
        assert_eq!(mode(&own.join("cache").join(path)), 0o600, "{path}");
    }
    assert_eq!(mode(place.path()), 0o755, "a directory of the user keeps its mode");
}

#[test]
fn a_missing_directory_or_file_is_none_and_is_not_made() {
    let place = tempfile::tempdir().unwrap();
    assert!(PrivateDir::open(&place.path().join("a/b")).unwrap().is_none());
    let directory = PrivateDir::create(&place.path().join("a")).unwrap();
    assert!(directory.find("b/c").unwrap().is_none());
    for access in [Access::Read, Access::ReadWrite] {
        assert!(directory.find_file("x", access).unwrap().is_none());
    }
    assert!(directory.read("x").unwrap().is_none() && !directory.has("x").unwrap());
    directory.remove("x").unwrap();
    assert!(directory.names().unwrap().is_empty());
}

#[test]
fn links_are_never_opened_written_through_or_cleared_through() {
    let place = tempfile::tempdir().unwrap();
    let directory = PrivateDir::create(&place.path().join("own")).unwrap();
    let precious = place.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "precious").unwrap();
    for (name, target) in [("f", precious.join("file")), ("d", precious.clone()), ("n", place.path().join("new"))] {
        symlink(target, directory.path().join(name)).unwrap();
    }
    symlink(".", directory.path().join("self")).unwrap();
    for name in ["f", "n"] {
        for access in [Access::Read, Access::ReadWrite] {
            assert!(text(directory.find_file(name, access)).contains("is a symbolic link"), "{name} {access:?}");
        }
        for creation in [Creation::Write, Creation::Append] {
            assert!(text(directory.make_file(name, creation)).contains("is a symbolic link"), "{name} {creation:?}");
        }
    }
    for name in ["d", "d/x", "self", "self/self"] {
        assert!(text(directory.find(name)).contains("is a symbolic link"), "{name}");
        assert!(text(directory.make(name)).contains("is a symbolic link"), "{name}");
    }
    assert!(text(directory.find("f/x")).contains("is a symbolic link"));
    directory.replace("f", b"own", None).unwrap();
    assert_eq!(directory.read("f").unwrap().unwrap(), b"own");
    // The draft is not written through a link.
    symlink(precious.join("file"), directory.path().join("g~")).unwrap();
    directory.replace("g", b"own", None).unwrap();
    directory.clear(&[]).unwrap();
    assert!(directory.names().unwrap().is_empty());
    assert_eq!(fs::read_to_string(precious.join("file")).unwrap(), "precious");
    assert!(!place.path().join("new").exists());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let directory = PrivateDir::create(&place.path().join("own")).unwrap();
    for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a/"] {
        directory.make_file(name, Creation::Write).unwrap_err();
        directory.replace(name, b"x", None).unwrap_err();
    }
    fs::write(place.path().join("x~"), "precious").unwrap();
    directory.replace("../x", b"x", None).unwrap_err();
    assert!(place.path().join("x~").exists(), "a draft elsewhere is not removed");
    for name in ["..", "/etc", "../own"] {
        directory.find(name).unwrap_err();
        directory.make(name).unwrap_err();
    }
}

#[test]
fn special_files_are_refused_without_waiting() {
    let place = tempfile::tempdir().unwrap();
    let directory = PrivateDir::create(&place.path().join("own")).unwrap();
    assert!(Command::new("mkfifo").arg(directory.path().join("fifo")).status().unwrap().success());
    fs::create_dir(directory.path().join("directory")).unwrap();
    fs::write(directory.path().join("file"), "x").unwrap();
    for access in [Access::Read, Access::ReadWrite] {
        assert!(text(directory.find_file("fifo", access)).contains("is not a regular file"));
    }
    assert!(text(directory.make_file("fifo", Creation::Write)).contains("is not a regular file"));
    assert!(text(directory.find_file("directory", Access::Read)).contains("is not a regular file"));
    assert!(text(directory.find("file")).contains("is not a directory"));
    assert!(text(PrivateDir::create(&directory.path().join("file/x"))).contains("is not a directory"));
}

#[test]
fn a_hard_link_to_a_file_elsewhere_is_not_written_to() {
    let place = tempfile::tempdir().unwrap();
    let directory = PrivateDir::create(&place.path().join("own")).unwrap();
    fs::write(place.path().join("precious"), "precious").unwrap();
    fs::hard_link(place.path().join("precious"), directory.path().join("lock")).unwrap();
    assert!(text(directory.find_file("lock", Access::ReadWrite)).contains("is a hard link"));
    for creation in [Creation::Write, Creation::Append] {
        assert!(text(directory.make_file("lock", creation)).contains("is a hard link"));
    }
}

#[test]
fn files_of_another_user_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("own");
    let directory = PrivateDir::create(&path).unwrap();
    fs::write(path.join("file"), "x").unwrap();
    fs::create_dir(path.join("inner")).unwrap();
    if !give_away(&path.join("file")) || !give_away(&path.join("inner")) {
        return;
    }
    assert!(
        text(directory.find_file("file", Access::Read)).contains("belongs to user 4711, not to the current user 0")
    );
    assert!(text(directory.find("inner")).contains("belongs to user 4711"));
    assert!(text(directory.make("inner/x")).contains("belongs to user 4711"));
    give_away(&path);
    assert!(text(PrivateDir::open(&path)).contains("belongs to user 4711"));
    assert!(text(PrivateDir::create(&path)).contains("belongs to user 4711"));
}

#[test]
fn links_on_the_way_are_followed_if_they_are_the_users_own() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("disk/deep")).unwrap();
    symlink("disk/deep", place.path().join("link")).unwrap();
    symlink(place.path().join("link"), place.path().join("second")).unwrap();
    for way in ["link/own", "second/own", "second/../deep/own", "./link/own/"] {
        let directory = PrivateDir::create(&place.path().join(way)).unwrap();
        assert!(directory.is_in_place(), "{way}");
    }
    assert_eq!(mode(&place.path().join("disk/deep/own")), 0o700);
    symlink("around", place.path().join("around")).unwrap();
    PrivateDir::create(&place.path().join("around")).unwrap_err();
    if give_away(&place.path().join("link")) {
        let refused = text(PrivateDir::create(&place.path().join("second/own")));
        assert!(refused.contains("link` is a symbolic link of user 4711, which is not followed"), "{refused}");
        assert!(text(PrivateDir::open(&place.path().join("link/own"))).contains("of user 4711"));
    }
}

#[test]
fn clearing_keeps_what_it_is_told_to_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let directory = PrivateDir::create(&place.path().join("own")).unwrap();
    for path in ["a/b/c", "a/x", "d/e", "f"] {
        fs::create_dir_all(directory.path().join(path)).unwrap();
        fs::write(directory.path().join(path).join("file"), "x").unwrap();
    }
    directory.clear(&[Path::new("a/b"), Path::new("f"), Path::new("missing")]).unwrap();
    let mut left = directory.names().unwrap();
    left.sort_unstable();
    assert_eq!(left, ["a", "f"].map(OsStr::new));
    assert!(directory.path().join("a/b/c/file").exists() && !directory.path().join("a/x").exists());
    assert!(directory.path().join("f/file").exists());
}

#[test]
fn a_directory_that_was_moved_or_replaced_is_not_in_place() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("own");
    let directory = PrivateDir::create(&path).unwrap();
    let file = directory.make_file("lock", Creation::Write).unwrap();
    let of_file = identity(&file.metadata().unwrap());
    assert!(directory.is_in_place() && is_in_place(&path.join("lock"), of_file));
    fs::rename(path.join("lock"), path.join("other")).unwrap();
    assert!(!is_in_place(&path.join("lock"), of_file));
    fs::write(path.join("lock"), "").unwrap();
    assert!(!is_in_place(&path.join("lock"), of_file));
    fs::rename(&path, place.path().join("moved")).unwrap();
    assert!(!directory.is_in_place());
    fs::create_dir(&path).unwrap();
    assert!(!directory.is_in_place());
}

/// Waits until every change of the directory gives it another time.
fn settle(directory: &Path) {
    while !Look::of(&directory.metadata().unwrap()).is_settled_by(settled_by()) {
        std::thread::yield_now();
    }
}

#[test]
fn a_lost_file_is_noticed_whether_or_not_its_directory_has_settled() {
    type Loss = fn(&Path);
    let losses: [Loss; 5] = [
        |own| fs::remove_file(own.join("b")).unwrap(),
        |own| fs::rename(own.join("b"), own.join("c")).unwrap(),
        |own| {
            fs::write(own.join("new"), "").unwrap();
            fs::rename(own.join("new"), own.join("b")).unwrap();
        },
        |own| fs::rename(own, own.with_extension("moved")).unwrap(),
        |own| fs::create_dir(own.join("extra")).unwrap(),
    ];
    for (way, lose) in losses.into_iter().enumerate() {
        for has_settled in [false, true] {
            let place = tempfile::tempdir().unwrap();
            let own = place.path().join("outer/own");
            fs::create_dir_all(&own).unwrap();
            let made = ["a", "b"].map(|name| {
                fs::write(own.join(name), "").unwrap();
                (own.join(name), identity(&own.join(name).metadata().unwrap()))
            });
            let files = FilesInPlace::new(&own, made.to_vec()).without("extra");
            if has_settled {
                settle(&own);
            }
            assert!(files.check() && files.check());
            fs::write(own.join("a"), "a change within a file").unwrap();
            fs::write(own.join("other"), "").unwrap();
            assert!(files.check(), "{way}");
            if has_settled {
                settle(&own);
                assert!(files.check());
            }
            lose(&own);
            assert!(!files.check() && !files.check(), "{way} {has_settled}");
        }
    }
}

#[test]
fn files_below_a_directory_that_is_moved_or_replaced_are_lost() {
    let place = tempfile::tempdir().unwrap();
    let own = place.path().join("outer/own");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("a"), "").unwrap();
    let files = FilesInPlace::new(&own, vec![(own.join("a"), identity(&own.join("a").metadata().unwrap()))]);
    settle(&own);
    assert!(files.check());
    fs::rename(place.path().join("outer"), place.path().join("moved")).unwrap();
    assert!(!files.check());
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("a"), "").unwrap();
    assert!(!files.check(), "another file is at the path");
}

#[test]
fn directories_of_objects_are_private_and_made_where_their_path_leads() {
    let place = tempfile::tempdir().unwrap();
    let (root, roots) = (place.path().join("root"), Roots::default());
    fs::create_dir_all(root.join("hosts/open")).unwrap();
    set_mode(&root.join("hosts/open"), 0o755);
    for subdir in ["hosts/web", "hosts/mail", "hosts/open", "alone", "hosts/web/inner", "hosts/web"] {
        roots.make_closed(&root, subdir).unwrap();
        assert_eq!(mode(&root.join(subdir)), 0o700, "{subdir}");
    }
    fs::rename(root.join("hosts"), place.path().join("aside")).unwrap();
    roots.make_closed(&root, "hosts/new").unwrap();
    assert!(root.join("hosts/new").is_dir() && !place.path().join("aside/new").exists());
    fs::rename(&root, place.path().join("moved")).unwrap();
    let replaced = roots.make_closed(&root, "hosts/last").unwrap();
    assert!(is_in_place(&root, replaced) && root.join("hosts/last").is_dir());
    assert!(!place.path().join("moved/hosts/last").exists());
}

#[test]
fn the_directory_of_an_object_is_refused_if_it_is_a_link_a_file_or_of_another_user() {
    let place = tempfile::tempdir().unwrap();
    let (root, roots) = (place.path().join("root"), Roots::default());
    roots.make_closed(&root, "hosts/first").unwrap();
    symlink(place.path(), root.join("hosts/link")).unwrap();
    fs::write(root.join("hosts/file"), "").unwrap();
    fs::create_dir(root.join("hosts/given")).unwrap();
    assert!(text(roots.make_closed(&root, "hosts/link")).contains("is a symbolic link"));
    assert!(text(roots.make_closed(&root, "hosts/file")).contains("is not a directory"));
    if give_away(&root.join("hosts/given")) {
        assert!(text(roots.make_closed(&root, "hosts/given")).contains("belongs to user 4711"));
    }
    fs::rename(root.join("hosts"), root.join("aside")).unwrap();
    symlink("aside", root.join("hosts")).unwrap();
    assert!(text(roots.make_closed(&root, "hosts/first")).contains("is a symbolic link"));
}
