//! Pages of the book, walked through as a reader does: the files are written, the commands are run, what they print is compared.
//! In a folder of its own, as a crate that depends on this one.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::redact;

/// A step of a page.
#[derive(Debug)]
enum Step {
    Write { file: String, text: String },
    Run { command: String, expected: String },
}

/// The steps of a page: a block after a paragraph that ends with a file's name in code is that file; in a block of `console`
/// a line with `$ ` is a command, and what follows is what it prints.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    let mut before = String::new();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() {
                line.clone_into(&mut before);
            }
            continue;
        };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let named = before.strip_suffix("`:").and_then(|text| text.rsplit_once('`'));
        match (language, named) {
            ("console", _) => block.iter().for_each(|line| match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step::Run { command: command.to_owned(), expected: String::new() }),
                (None, Some(Step::Run { expected, .. })) => writeln!(expected, "{line}").unwrap(),
                (None, _) => panic!("no command before {line:?}"),
            }),
            (language, Some((_, file))) => {
                let is_rust = language.starts_with("rust");
                let shown = |line: &&str| match line.strip_prefix('#').filter(|_| is_rust) {
                    // As rustdoc and mdBook have it, these are hidden from the reader.
                    Some(hidden) if hidden.is_empty() || hidden.starts_with(' ') => {
                        format!("{}\n", hidden.trim_start_matches(' '))
                    }
                    _ => format!("{line}\n"),
                };
                steps.push(Step::Write { file: file.to_owned(), text: block.iter().map(shown).collect() });
            }
            (_, None) => {}
        }
        before.clear();
    }
    steps
}

fn walk(page: &str) {
    let folder = tempfile::tempdir().unwrap();
    let root = root();
    link_to(root, folder.path());
    for step in steps(page) {
        match step {
            Step::Write { file, text } => {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Step::Run { command, expected } => {
                let mut shell = Command::new("bash");
                let shell = shell.args(["-c", &format!("{command} 2>&1")]).current_dir(folder.path());
                let output = shell.env("NO_COLOR", "1").env_remove("RUST_LOG").output().unwrap();
                let printed = String::from_utf8(output.stdout).unwrap();
                let is_well = output.status.success() != expected.contains("\nerror: ");
                assert!(is_well, "$ {command}\n{printed}");
                if !expected.is_empty() {
                    let (printed, expected) = (redact(&printed), redact(&expected));
                    assert_eq!(printed, expected, "$ {command}");
                }
            }
        }
    }
}

/// Of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The crates that are depended on are those of this workspace, and all others those of its lock file. What they are built to is
/// kept from run to run.
fn link_to(root: &Path, folder: &Path) {
    let crates = [
        "setup-tasks",
        "setup-tasks-cli",
        "setup-tasks-macros",
        "setup-tasks-templates",
        "setup-tasks-templates-macros",
    ];
    let patches: String =
        crates.iter().map(|name| format!("{name} = {{ path = '{}' }}\n", root.join(name).display())).collect();
    let target: PathBuf = root.join("target/book-projects");
    let config = format!(
        "[patch.crates-io]\n{patches}[build]\ntarget-dir = '{}'\n[profile.dev]\ndebug = 0\nincremental = false\n",
        target.display()
    );
    std::fs::create_dir_all(folder.join(".cargo")).unwrap();
    std::fs::write(folder.join(".cargo/config.toml"), config).unwrap();
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

#[test]
fn the_smallest_project_and_the_tutorial_work_as_they_are_written() {
    // One after the other: they share what is built.
    walk(include_str!("../../docs/src/smallest.md"));
    walk(include_str!("../../docs/src/tutorial.md"));
}

/// Every file under a directory whose name ends so.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_link_and_picture_leads_somewhere_and_every_page_is_in_the_summary() {
    let root = root();
    let pages = files(&root.join("docs/src"), ".md");
    let own = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|page| root.join(page));
    let mut links = 0;
    for page in pages.iter().chain(&own) {
        let text = std::fs::read_to_string(page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") {
                assert!(page.parent().unwrap().join(path).exists(), "{}: {link}", page.display());
                links += 1;
            }
        }
    }
    assert!(links > 40, "{links}");
    let summary = std::fs::read_to_string(root.join("docs/src/SUMMARY.md")).unwrap();
    let code = std::fs::read_to_string(root.join("docs/lib.rs")).unwrap();
    for page in pages.iter().filter_map(|page| page.strip_prefix(root.join("docs/src")).ok()?.to_str()) {
        assert!(page == "SUMMARY.md" || summary.contains(&format!("]({page})")), "{page} is not in the summary");
        let has_code = page != "SUMMARY.md" && !page.starts_with("internals/");
        assert!(!has_code || code.contains(&format!("{page:?}")), "the code of {page} is not tested");
    }
}
