//! A program of another user on a machine, which works against the agent as fast as it can until it is killed.
//!
//! `watcher read WORD DIRECTORY…` opens all files in the directories, and prints the path of each whose content has the word, and of each
//! file or directory of ours (by its name) that others can read, write or enter. `watcher swap A B` exchanges two names without an end.
#![expect(clippy::print_stdout, reason = "it prints to its test")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    println!("ready");
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["read", word, directories @ ..] => read(word, directories),
        ["swap", a, b] => loop {
            let _ = renameat_with(CWD, *a, CWD, *b, RenameFlags::EXCHANGE);
        },
        _ => panic!("unknown arguments: {args:?}"),
    }
}

fn read(word: &str, directories: &[&str]) {
    let mut seen = BTreeSet::new();
    loop {
        for directory in directories {
            for path in entries(Path::new(directory)) {
                let has_word =
                    || fs::read(&path).is_ok_and(|content| content.windows(word.len()).any(|at| at == word.as_bytes()));
                let is_ours = path.to_string_lossy().contains("setup-tasks");
                let is_open =
                    || fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_symlink() && meta.mode() & 0o077 != 0);
                if (is_ours && is_open() || path.is_file() && has_word()) && seen.insert(path.clone()) {
                    println!("{}", path.display());
                }
            }
        }
    }
}

/// Returns what is in a directory, and in the directories in it that this user can enter.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let inner: Vec<_> =
        paths.iter().filter(|path| path.is_dir() && !path.is_symlink()).flat_map(|path| entries_of(path)).collect();
    [paths, inner].concat()
}

fn entries_of(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}
