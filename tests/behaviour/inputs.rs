//! Tests of inputs and outputs: the files that they match, the changes that count, and the files
//! that are never opened.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use setup_tasks::prelude::*;

use test_kit::{Scratch, chain, lines};

/// A model with inputs and outputs whose names are values.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "reader", id = "reader")]
struct Reader {
    name: String,
    port: u16,
}

#[setup_tasks]
impl Reader {
    #[setup_task("Read", inputs = ["conf/{name}.toml", "ports/{port:05}-*"], outputs = ["out/{name}"])]
    fn read(&self, cx: &TaskContext) -> Result<()> {
        let out = cx.layout().config().base_dir.join("out");
        fs::create_dir_all(&out)?;
        Ok(fs::write(out.join(&self.name), "")?)
    }
}

/// A model with a directory and globs as inputs.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "tree", id = "tree")]
struct Tree;

#[setup_tasks]
impl Tree {
    #[setup_task("Copy", inputs = ["site", "deep/**/*.txt", "glob/*"])]
    fn copy(&self) {}
}

/// A model with the whole base directory as an input.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "all", id = "all")]
struct All;

#[setup_tasks]
impl All {
    #[setup_task("Copy", inputs = ["."])]
    fn copy(&self, cx: &TaskContext) -> Result<()> {
        cx.log("copied");
        Ok(fs::write(cx.stamp_path()?.join("copy"), "")?)
    }
}

async fn plan<T: SetupTasks>(object: &Object<T>) -> String {
    lines(&object.as_any().plan().await.unwrap()).remove(0)
}

fn write(place: &Scratch, path: impl AsRef<Path>, text: &str) {
    let path = place.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn the_value_of_a_field_is_never_a_glob() {
    for name in ["a[1]", "a*", "a?", "{a}", r"a\b", "a\nb", "[", "]", "**", "a[!b]", "[[]", "ä ö", "-", "#"] {
        let place = Scratch::new();
        let reader = place.layout().add(Reader { name: name.to_owned(), port: 7 }).unwrap();
        write(&place, format!("conf/{name}.toml"), "one");
        for decoy in ["a1", "ab", "axy", "a", "b"] {
            write(&place, format!("conf/{decoy}.toml"), "one");
            write(&place, format!("out/{decoy}"), "");
        }
        reader.run_setup_tasks().await.unwrap();
        assert_eq!(plan(&reader).await, "read up to date", "{name:?}");
        for decoy in ["a1", "ab", "axy", "a", "b"] {
            write(&place, format!("conf/{decoy}.toml"), "two");
        }
        assert_eq!(plan(&reader).await, "read up to date", "{name:?}: another file is none of its inputs");
        write(&place, format!("conf/{name}.toml"), "two");
        assert_eq!(plan(&reader).await, format!("read would run: input conf/{name}.toml changed"));
        reader.run_setup_tasks().await.unwrap();
        fs::remove_file(place.path().join("out").join(name)).unwrap();
        assert_eq!(plan(&reader).await, format!("read would run: output out/{name} is missing"));
    }
}

#[tokio::test]
async fn a_glob_around_a_value_is_one_and_formats_apply() {
    let place = Scratch::new();
    let reader = place.layout().add(Reader { name: "a".to_owned(), port: 7 }).unwrap();
    reader.run_setup_tasks().await.unwrap();
    write(&place, "ports/7-x", "");
    assert_eq!(plan(&reader).await, "read up to date");
    write(&place, "ports/00007-[x]", "");
    assert_eq!(plan(&reader).await, "read would run: input ports/00007-[x] changed");
}

#[tokio::test]
async fn a_directory_counts_as_every_file_in_it() {
    let place = Scratch::new();
    for file in ["site/index", "site/a/b/c", "deep/one.txt", "deep/x/y/two.txt", "deep/x/no.md", "glob/in/file"] {
        write(&place, file, "text");
    }
    fs::create_dir_all(place.path().join("site/empty")).unwrap();
    let tree = place.layout().add(Tree).unwrap();
    tree.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&tree).await, "copy up to date");
    for file in ["site/index", "site/a/b/c", "deep/one.txt", "deep/x/y/two.txt", "glob/in/file"] {
        write(&place, file, "other");
        assert_eq!(plan(&tree).await, format!("copy would run: input {file} changed"));
        write(&place, file, "text");
    }
    write(&place, "deep/x/no.md", "other");
    assert_eq!(plan(&tree).await, "copy up to date");
    for file in ["site/empty/new", "deep/z/new.txt", "glob/in/new"] {
        write(&place, file, "");
        assert_eq!(plan(&tree).await, format!("copy would run: input {file} changed"));
        fs::remove_file(place.path().join(file)).unwrap();
    }
    fs::remove_dir_all(place.path().join("site")).unwrap();
    assert_eq!(plan(&tree).await, "copy would run: input site changed");
    write(&place, "site", "a file in its place");
    assert_eq!(plan(&tree).await, "copy would run: input site changed");
}

#[tokio::test]
async fn names_that_are_not_utf_8_count() {
    let place = Scratch::new();
    let name = OsStr::from_bytes(b"caf\xe9.txt");
    for directory in ["site", "deep/x", "glob"] {
        fs::create_dir_all(place.path().join(directory)).unwrap();
    }
    let tree = place.layout().add(Tree).unwrap();
    tree.run_setup_tasks().await.unwrap();
    for directory in ["site", "deep/x", "glob"] {
        let file = Path::new(directory).join(name);
        write(&place, &file, "one");
        assert_eq!(plan(&tree).await, format!("copy would run: input {} changed", file.display()), "it is new");
        tree.run_setup_tasks().await.unwrap();
        assert_eq!(plan(&tree).await, "copy up to date");
        let stamp = tree.check_stamp("copy").await.unwrap().unwrap();
        assert!(stamp.inputs.iter().any(|input| input.path() == file), "{:?}", stamp.inputs);
        write(&place, &file, "two");
        assert_eq!(plan(&tree).await, format!("copy would run: input {} changed", file.display()));
        tree.run_setup_tasks().await.unwrap();
        fs::remove_file(place.path().join(&file)).unwrap();
        assert_eq!(plan(&tree).await, format!("copy would run: input {} changed", file.display()));
        tree.run_setup_tasks().await.unwrap();
    }
}

#[tokio::test]
async fn a_change_that_keeps_size_and_time_of_modification_is_seen() {
    let place = Scratch::new();
    let reader = place.layout().add(Reader { name: "a".to_owned(), port: 7 }).unwrap();
    let file = place.path().join("conf/a.toml");
    write(&place, "conf/a.toml", "one");
    let old = std::time::SystemTime::now() - Duration::from_hours(1);
    let set_time = || fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    set_time();
    reader.run_setup_tasks().await.unwrap();
    let before = file.metadata().unwrap();
    fs::write(&file, "two").unwrap();
    set_time();
    let after = file.metadata().unwrap();
    assert_eq!((before.len(), before.mtime(), before.ino()), (after.len(), after.mtime(), after.ino()));
    assert_eq!(plan(&reader).await, "read would run: input conf/a.toml changed");
}

#[tokio::test]
async fn links_that_lead_in_circles_end() {
    let place = Scratch::new();
    for directory in ["site/a", "deep/b"] {
        write(&place, Path::new(directory).join("file.txt"), "one");
        symlink("..", place.path().join(directory).join("up")).unwrap();
        symlink(".", place.path().join(directory).join("self")).unwrap();
    }
    symlink("../deep", place.path().join("site/other")).unwrap();
    symlink("../site", place.path().join("deep/other")).unwrap();
    symlink("nowhere", place.path().join("site/dangling")).unwrap();
    let tree = place.layout().add(Tree).unwrap();
    tree.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&tree).await, "copy up to date");
    write(&place, "deep/b/file.txt", "two");
    assert!(plan(&tree).await.contains("file.txt changed"));
    tree.run_setup_tasks().await.unwrap();
    write(&place, "site/nowhere", "now it leads somewhere");
    assert_eq!(plan(&tree).await, "copy would run: input site/dangling changed");
}

#[tokio::test]
async fn a_non_file_is_an_error_that_names_it_and_is_never_opened() {
    for (kind, path) in [("FIFO", "site/x"), ("FIFO", "glob/x"), ("FIFO", "site"), ("socket", "deep/a/x.txt")] {
        let place = Scratch::new();
        let tree = place.layout().add(Tree).unwrap();
        tree.run_setup_tasks().await.unwrap();
        let at = place.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        // The socket stays bound during the check.
        let _socket = (kind == "socket").then(|| UnixListener::bind(&at).unwrap());
        if kind == "FIFO" {
            assert!(Command::new("mkfifo").arg(&at).status().unwrap().success());
        }
        for error in [tree.run_setup_tasks().await.unwrap_err(), tree.as_any().plan().await.unwrap_err()] {
            let error = chain(error);
            assert!(error.contains(&format!("{path}` is a {kind}")) && error.contains("help: "), "{error}");
        }
    }
    let place = Scratch::new();
    fs::create_dir_all(place.path().join("site")).unwrap();
    symlink("/dev/zero", place.path().join("site/endless")).unwrap();
    let error = chain(place.layout().add(Tree).unwrap().run_setup_tasks().await.unwrap_err());
    assert!(error.contains("site/endless` is a device"), "{error}");
}

#[tokio::test]
async fn files_that_runs_write_are_not_inputs_of_a_directory_above_them() {
    let place = Scratch::new();
    write(&place, "source", "one");
    let all = place.layout().add(All).unwrap();
    all.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&all).await, "copy up to date");
    write(&place, "new", "");
    assert_eq!(plan(&all).await, "copy would run: input new changed");
}

#[tokio::test]
async fn a_change_is_seen_in_each_of_many_directories() {
    let place = Scratch::new();
    for directory in 0..20 {
        for file in 0..50 {
            write(&place, format!("site/{directory}/{file}"), "");
        }
    }
    let tree = place.layout().add(Tree).unwrap();
    tree.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&tree).await, "copy up to date");
    for directory in [0, 7, 19] {
        write(&place, format!("site/{directory}/49"), "changed");
        assert_eq!(plan(&tree).await, format!("copy would run: input site/{directory}/49 changed"));
        tree.run_setup_tasks().await.unwrap();
    }
}

/// A model that declares an output and does not create it.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "liar", id = "liar")]
struct Liar {
    makes: &'static str,
}

#[setup_tasks]
impl Liar {
    #[setup_task("Make", outputs = ["made/{makes}", "made/*.o"], check_source = false)]
    fn make(&self, cx: &TaskContext) -> Result<()> {
        let made = cx.layout().config().base_dir.join("made");
        fs::create_dir_all(&made)?;
        fs::write(made.join("x.o"), "")?;
        Ok(fs::write(made.join("one"), "")?)
    }

    #[setup_task("Go on")]
    fn go_on(&self) {}
}

#[tokio::test]
async fn a_declared_output_that_the_task_does_not_make_is_a_failure_of_the_task() {
    let place = Scratch::new();
    let liar = place.layout().add(Liar { makes: "other" }).unwrap();
    let error = chain(liar.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("its declared output `made/other` is missing after the task succeeded"), "{error}");
    assert!(error.contains("help: "), "{error}");
    assert!(liar.check_stamp("make").await.unwrap().is_none() && liar.check_stamp("go_on").await.unwrap().is_none());
    let told = plan(&liar).await;
    assert!(
        told.starts_with("make would run: failed last time: its declared output `made/other` is missing"),
        "{told}"
    );
    let honest = place.layout().add(Liar { makes: "one" }).unwrap();
    honest.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&honest).await, "make up to date");
}
