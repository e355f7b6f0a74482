//! Checks of all source files.

use std::fs;
use std::path::{Path, PathBuf};

/// The files that may contain `unsafe`. The list is empty.
const UNSAFE: &[&str] = &[];

/// Returns the workspace's own files under a directory whose names have this ending.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let ours = entries.filter(|entry| entry.file_name() != "target" && entry.file_name() != ".git");
    let all =
        ours.flat_map(|entry| if entry.path().is_dir() { files(&entry.path(), ending) } else { vec![entry.path()] });
    all.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

#[test]
fn no_source_is_unsafe_and_every_crate_forbids_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let mut crates = 0;
    for manifest in files(root, "Cargo.toml").iter().filter(|path| path.parent() != Some(root)) {
        let text = fs::read_to_string(manifest).unwrap();
        // The fixtures forbid it in their sources.
        let forbids = text.contains("[lints]\nworkspace = true") || manifest.to_string_lossy().contains("fixtures");
        assert!(forbids, "{} has not the workspace's lints", manifest.display());
        crates += 1;
    }
    assert!(crates > 8, "{crates}");
    for source in files(root, ".rs") {
        let text = fs::read_to_string(&source).unwrap();
        // One test checks that the macro rejects an unsafe method.
        let listed =
            UNSAFE.iter().any(|name| source.ends_with(name)) || source.ends_with("ui/signature/unsafe_task.rs");
        let block = concat!("unsafe", " {");
        let item = concat!("unsafe", " fn ");
        assert!(listed || !(text.contains(block) || text.contains(item)), "{} is unsafe", source.display());
    }
}
