//! Tests that follow pages of the book as a reader does. They write the files, run the commands,
//! and compare the output. The project is a crate in its own folder that depends on this one.

use std::fmt::Write;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use setup_tasks_test::TestNetwork;
use test_kit::redact;

/// A step of a page.
#[derive(Debug)]
enum Step {
    Write { file: String, text: String },
    Run { command: String, expected: String },
}

/// Returns the steps of a page. A block after a paragraph that ends with a file name in code is the
/// content of that file. In a block of `console`, a line with `$ ` is a command, and the following
/// lines are its output.
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
                    // rustdoc and mdBook hide these lines from the reader.
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

/// A directory with the equivalent of a fresh checkout, and projects beside it, as a reader has
/// them. All runs use the same directory, so that they can reuse what was built.
pub(crate) struct Shelf {
    pub(crate) path: PathBuf,
    /// The lock that allows one run at a time.
    _lock: File,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let name = format!("setup-tasks-book-{:x}", BuildHasherDefault::<DefaultHasher>::default().hash_one(root()));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join(".cargo")).unwrap();
        let lock = File::create(path.join("lock")).unwrap();
        lock.lock().unwrap();
        let config = format!(
            "[build]\ntarget-dir = '{}'\n[profile.dev]\ndebug = 0\nincremental = false\n",
            root().join("target/book-projects").display()
        );
        std::fs::write(path.join(".cargo/config.toml"), config).unwrap();
        let shelf = Self { path, _lock: lock };
        shelf.check_out();
        shelf
    }

    /// Creates an empty folder for a project with the dependency versions of this workspace.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        folder
    }

    /// Creates the checkout. It consists of links, except for the files that a reader changes.
    fn check_out(&self) {
        let checkout = self.folder("setup-tasks");
        for entry in std::fs::read_dir(root()).unwrap() {
            let name = entry.unwrap().file_name();
            if !["examples", "target", "lab-out", ".cargo", ".git", "Cargo.lock"].iter().any(|own| name == *own) {
                symlink(root().join(&name), checkout.join(&name)).unwrap();
            }
        }
        let (copied, said) = run(&format!("cp -a '{}' .", root().join("examples").display()), &checkout, &[]);
        assert!(copied, "{said}");
    }
}

/// Runs a command as written. Returns whether it succeeded, and its output.
pub(crate) fn run(command: &str, folder: &Path, envs: &[(&str, &str)]) -> (bool, String) {
    let mut shell = Command::new("bash");
    let shell = shell.args(["-c", &format!("{command} 2>&1")]).current_dir(folder).envs(envs.iter().copied());
    let output = shell.env("NO_COLOR", "1").env("TZ", "UTC").env_remove("RUST_LOG").output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Follows a page, which is named from `docs/src`. With `UPDATE_EXPECT`, outputs that differ replace those of the page.
fn walk(folder: &Path, page: &str) {
    walk_with(folder, page, &[]);
}

/// Follows a page with environment variables.
fn walk_with(folder: &Path, page: &str, envs: &[(&str, &str)]) {
    let path = root().join("docs/src").join(page);
    let before = std::fs::read_to_string(&path).unwrap();
    let text = follow(folder, page, &before, envs);
    if text != before {
        std::fs::write(path, text).unwrap();
    }
}

/// Follows the text of a page with environment variables, and returns it with the present outputs.
pub(crate) fn follow(folder: &Path, page: &str, before: &str, envs: &[(&str, &str)]) -> String {
    let mut text = before.to_owned();
    for step in steps(before) {
        match step {
            Step::Write { file, text } => {
                let path = folder.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                // cargo builds a file again after each write.
                if std::fs::read_to_string(&path).is_ok_and(|before| before == text) {
                    continue;
                }
                std::fs::write(path, text).unwrap();
            }
            Step::Run { command, expected } => {
                let (succeeded, printed) = run(&command, folder, envs);
                let is_well = succeeded != expected.lines().any(|line| line.starts_with("error: "));
                assert!(is_well, "{page}: $ {command}\n{printed}");
                if expected.is_empty() || redact(&printed) == redact(&expected) {
                    continue;
                }
                if std::env::var_os("UPDATE_EXPECT").is_none() {
                    assert_eq!(redact(&printed), redact(&expected), "{page}: $ {command}");
                }
                let block = |output: &str| format!("$ {command}\n{output}");
                text = text.replacen(&block(&expected), &block(&printed), 1);
            }
        }
    }
    text
}

/// Returns the root directory of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

#[test]
fn the_projects_of_the_book_and_the_readme_work_as_written() {
    // The pages run one after another because they share build results.
    let shelf = Shelf::new();
    let hosts = shelf.folder("hosts");
    walk(&hosts, "smallest.md");
    walk(&hosts, "how-to/upgrading.md");
    let site = shelf.folder("site");
    walk(&site, "tutorial.md");
    walk(&site, "how-to/project.md");
    walk(&site, "how-to/explaining.md");
    walk_through_the_comparisons(&shelf.folder("comparison"));
    walk_through_the_readme(&shelf.path.join("setup-tasks"));
}

#[test]
fn the_pages_about_machines_work_as_written_on_real_ones() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    // The reader has a configuration of `ssh` for these names.
    let programs = tempfile::tempdir().unwrap();
    let (ssh, path) = (programs.path().join("ssh"), std::env::var("PATH").unwrap());
    let script = format!("#!/bin/sh\nPATH='{path}' exec '{}' \"$@\"\n", network.ssh_program().display());
    std::fs::write(&ssh, script).unwrap();
    std::fs::set_permissions(&ssh, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{path}", programs.path().display());
    let envs = [("PATH", path.as_str())];
    let machines = ["db1", "web1", "web2"].map(|name| network.machine(name).systemd().boot().unwrap());
    let shelf = Shelf::new();
    let servers = shelf.folder("servers");
    walk_with(&servers, "first-machines.md", &envs);
    std::fs::remove_dir_all(servers.join(".setup-tasks")).unwrap();
    walk_with(&servers, "comparison/server.md", &envs);
    drop(machines);
}

/// Follows the page of each other tool from a fresh site. The project stays where it is, so that few pages build it again.
fn walk_through_the_comparisons(folder: &Path) {
    for page in ["ansible.md", "pyinfra.md", "terraform.md", "make.md", "carthage.md"] {
        let own = folder.join(".setup-tasks");
        if own.exists() {
            std::fs::remove_dir_all(own).unwrap();
        }
        walk(folder, "comparison/site.md");
        walk(folder, &format!("comparison/{page}"));
    }
}

/// Runs every command of the section "Try it" in the checkout.
fn walk_through_the_readme(folder: &Path) {
    let editor = folder.join("editor");
    std::fs::write(&editor, "#!/bin/sh\nexec sed -i 's/\"10.20.0.1\"/\"10.20.0.9\"/' \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
    let site = || std::fs::read_to_string(folder.join("examples/lab/site.toml")).unwrap();
    let before = site();

    let readme = include_str!("../../README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("Try it\n")).unwrap();
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let lines: Vec<_> = blocks.flat_map(str::lines).collect();
    assert!(lines.len() > 8, "{lines:?}");
    for line in lines {
        let (command, comment) = line.split_once(" # ").unwrap_or((line, ""));
        if command.trim_end().ends_with(" -- serve") {
            assert_a_page_is_served(command, folder);
            continue;
        }
        let (succeeded, printed) = run(command, folder, &[("EDITOR", editor.to_str().unwrap())]);
        assert!(succeeded, "$ {command}\n{printed}");
        let shows = |what: &str| assert!(printed.contains(what), "$ {command}\n{printed}");
        // The comment behind a command states its result.
        match command.trim_end().rsplit(" -- ").next().unwrap() {
            "up" if comment.starts_with("up to date") => shows(comment),
            "up" if comment == "runs only the affected tasks" => shows("gateway "),
            "up" => shows("done: 6 objects; "),
            "plan" => shows("gateway "),
            "why gateway" => shows("would run because "),
            "renew" => shows("authority "),
            "ps" => shows("nothing is running"),
            "graph -o site.svg" => assert!(folder.join("site.svg").exists()),
            "clear ada" => shows("its state"),
            "--help" => comment.trim_end_matches(", …").split(", ").for_each(|name| shows(&format!("\n  {name} "))),
            edit => {
                assert_eq!((edit, comment), ("$EDITOR examples/lab/site.toml", "give the gateway another address"));
                assert_ne!(site(), before);
            }
        }
    }
}

/// Starts a command that serves a page, and ends it when it has printed the link.
fn assert_a_page_is_served(command: &str, folder: &Path) {
    let mut shell = Command::new("bash");
    let shell = shell.args(["-c", &format!("exec {command}")]).current_dir(folder).env("NO_COLOR", "1");
    let mut server = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    test_kit::guard(&server);
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    let printed: Vec<_> = lines.take_while(|line| !line.contains("http://127.0.0.1:")).collect();
    let is_running = server.try_wait().unwrap().is_none();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(is_running, "$ {command}\n{}", printed.join("\n"));
}

/// Returns all files under a directory whose names have this ending.
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

/// Returns the keys in the first columns of tables, without their values.
fn keys(page: &str) -> Vec<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let codes = cells.flat_map(|(first, _)| first.split('`').step_by(2));
    codes.filter_map(|code| code.split([' ', '(']).find(|name| !name.is_empty())).collect()
}

#[test]
fn every_key_of_the_macros_is_on_the_page_of_keys() {
    let page = include_str!("../../docs/src/keys.md");
    let of_macros = [
        include_str!("../../setup-tasks/src/docs/setup_task.md"),
        include_str!("../../setup-tasks/src/docs/derive.md"),
        include_str!("../../setup-tasks/src/docs/setup_tasks.md"),
    ];
    let mut of_macros: Vec<_> = of_macros.into_iter().flat_map(keys).collect();
    let mut of_page = keys(page);
    of_macros.sort_unstable();
    of_page.sort_unstable();
    assert!(of_macros.len() > 25, "{of_macros:?}");
    assert_eq!(of_page, of_macros);
}

#[test]
fn every_file_that_the_pages_for_contributors_name_exists() {
    let root = root();
    let folders = std::fs::read_dir(root).unwrap().map(Result::unwrap);
    let folders = folders.filter(|folder| folder.file_name() != "target" && folder.file_type().unwrap().is_dir());
    let all: Vec<_> = folders.flat_map(|folder| files(&folder.path(), "")).collect();
    let paths: Vec<_> = all.iter().filter_map(|path| path.strip_prefix(root).ok()?.to_str()).collect();
    let exists = |name: &str| match name.strip_suffix('/') {
        Some(folder) => paths.iter().any(|path| format!("/{path}").contains(&format!("/{folder}/"))),
        None => paths.iter().any(|path| *path == name || path.ends_with(&format!("/{name}"))),
    };
    let mut names = 0;
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let spans = text.split('`').skip(1).step_by(2);
        let is_name = |name: &&str| [".rs", ".md", ".txt", "/"].iter().any(|end| name.ends_with(end));
        for name in spans.filter(is_name).filter(|name| !name.contains([' ', '*'])) {
            assert!(exists(name) || root.join(name).exists(), "{page} names `{name}`");
            names += 1;
        }
    }
    assert!(names > 100, "{names}");
}
