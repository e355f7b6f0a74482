//! Directories with their files.

use std::fs;

use super::machine::Machine;
use crate::protocol::ResourceData;
use crate::resource::Resource;
use crate::resources::{Content, File, Tree};

fn site() -> Tree {
    Tree::at("/srv/site")
        .file("index.html", "<h1>", 0o644)
        .file("a/b/run", "#!/bin/sh\n", 0o755)
        .directory("images", 0o700)
}

#[test]
fn a_tree_is_brought_from_absent_and_from_wrong_in_each_part() {
    let mut machine = Machine::new();
    let all = ["", "/a", "/a/b", "/images", "/a/b/run", "/index.html"].map(|path| format!("/srv/site{path}: absent"));
    machine.brings(&site(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    machine.write("/srv/site/index.html", "other");
    machine.chmod("/srv/site/a/b/run", 0o644);
    machine.chmod("/srv/site/images", 0o755);
    machine.brings(
        &site(),
        &[
            "/srv/site/images: mode 0755 instead of 0700",
            "/srv/site/a/b/run: mode 0644 instead of 0755",
            "/srv/site/index.html: content differs",
        ],
    );
}

#[test]
fn other_files_stay_unless_the_tree_is_purged() {
    let mut machine = Machine::new();
    machine.apply(&site()).unwrap();
    machine.write("/srv/site/a/old", "x");
    machine.write("/srv/site/cache/deep/f", "x");
    assert_eq!(machine.observe(&site()), [""; 0]);
    machine.brings(
        &site().purge(),
        &[
            "/srv/site/a/old: does not belong to the tree instead of nothing",
            "/srv/site/cache: does not belong to the tree instead of nothing",
        ],
    );
    assert_eq!(machine.text("/srv/site/index.html"), "<h1>");
}

#[test]
fn an_undo_removes_the_files_of_the_tree_and_keeps_others() {
    let mut machine = Machine::new();
    machine.apply(&site()).unwrap();
    machine.write("/srv/site/a/own", "x");
    machine.undo(&site());
    assert_eq!(machine.text("/srv/site/a/own"), "x");
    assert!(!machine.path("/srv/site/a/b").exists() && !machine.path("/srv/site/images").exists());
    fs::remove_file(machine.path("/srv/site/a/own")).unwrap();
    machine.undo(&site());
    assert!(!machine.path("/srv/site").exists());
}

#[test]
fn paths_out_of_the_tree_are_refused() {
    let mut machine = Machine::new();
    for path in ["../x", "/etc/x", "a/../x", "a//b", "", "."] {
        assert!(
            machine.refuses(&Tree::at("/t").file(path, "x", 0o644)).contains("is not a path below the directory"),
            "{path}"
        );
    }
}

#[test]
fn a_question_names_files_by_their_hash() {
    let text = "a line of text\n".repeat(100);
    let (file, tree) = (File::at("/f").content(&*text), Tree::at("/t").file("small", &*text, 0o644));
    for (all, question) in [(ResourceData::of(&file), file.question()), (ResourceData::of(&tree), tree.question())] {
        assert!(all.fields.len() > text.len() && question.fields.len() < 100, "{}", question.fields.len());
        assert_eq!(all.kind, question.kind);
    }
}

#[test]
fn a_tree_names_the_content_to_transfer() {
    let large = Content::new(vec![7; 1 << 20]);
    let tree = Tree::at("/t").file("small", "x", 0o644).file("large", large.clone(), 0o644);
    let blobs: Vec<_> =
        tree.contents().iter().filter_map(|(path, content)| Some((path.clone(), content.blob()?.hash))).collect();
    assert_eq!(blobs, [("/t/large".to_owned(), large.hash())]);
}
