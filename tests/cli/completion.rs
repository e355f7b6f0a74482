//! Tests of completion in real shells. Each test types a part of a command line, lets the shell complete it, and runs it.

use std::process::Command;

use test_kit::{skip, until};

use crate::project::Project;
use crate::terminal::Terminal;

/// A shell with the completions of the binary.
struct Shell(Terminal);

impl Shell {
    /// Starts a shell, or returns `None` if it is not installed.
    fn start(place: &Project, name: &str) -> Option<Self> {
        if Command::new(name).arg("--version").output().is_err() {
            skip(&format!("{name} is not installed"));
            return None;
        }
        let (args, setup): (&[&str], _) = match name {
            "bash" => (&["--norc", "--noprofile", "-i"], "source <(site completions bash)"),
            "zsh" => (&["-f", "-i"], "autoload -U compinit; compinit -u -D; source <(site completions zsh)"),
            _ => (&["--no-config", "-i"], "function fish_prompt; echo 'go>'; end; site completions fish | source"),
        };
        let mut shell = Self(Terminal::run_shell(place, name, args));
        shell.0.press(&format!("{setup}; echo re''ady\n"));
        shell.shows("\nready");
        Some(shell)
    }

    /// Waits until the shell has printed a text and shows its prompt again.
    fn shows(&self, text: &str) {
        until(&format!("{text:?} and a prompt"), || {
            let shown = self.0.shows();
            shown.contains(text) && shown.trim_end().ends_with("go>")
        });
    }

    /// Types a line with tabs, and waits for the output of the completed command.
    fn types(&mut self, line: &str, output: &str) {
        self.0.press(&format!("clear\n{line}\n"));
        self.shows(output);
    }
}

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

fn in_each_shell(test: impl Fn(&Project, &mut Shell)) {
    for name in SHELLS {
        let place = Project::new();
        place.write("odd.txt", "host:80\nx*y z\nit's");
        if let Some(mut shell) = Shell::start(&place, name) {
            test(&place, &mut shell);
            shell.0.press("exit\n");
            shell.0.end();
        }
    }
}

#[test]
fn shells_complete_commands_options_objects_and_tasks() {
    in_each_shell(|_, shell| {
        shell.types("site unl\tgr\t", "grace is not locked");
        shell.types("site mark-done ada/mo\t", "marked as done: ada/mount");
        shell.types("site unlock fi\t", "files/main is not locked");
        shell.types("site plan --exit-c\tmo\t", "would run: 4 tasks on 1 object");
        shell.types("site plan --type FileS\t", "would run: 2 tasks on 1 object");
        shell.types("site plan --tag fil\t", "would run: 1 task on 1 object");
        shell.types("site --color=al\t list", "files/main");
    });
}

#[test]
fn shells_quote_names_with_special_characters() {
    in_each_shell(|place, shell| {
        place.write("xylophone", "a file that the pattern would match");
        shell.types("site unlock ho\t", "host:80 is not locked");
        shell.types("site unlock host:8\t", "host:80 is not locked");
        shell.types("site unlock x\t", "x*y z is not locked");
        shell.types("site unlock it\t", "it's is not locked");
    });
}

#[test]
fn shells_complete_names_of_the_directory_of_the_option() {
    in_each_shell(|place, shell| {
        std::fs::create_dir(place.file("other")).unwrap();
        place.write("other/site.txt", "edsger");
        shell.types("site -C oth\t unlock ed\t", "edsger is not locked");
    });
}

#[test]
fn a_layout_that_cannot_be_built_disturbs_no_line() {
    in_each_shell(|place, shell| {
        place.write("site.txt", "a/b");
        shell.0.press("clear\nsite unlock gr\tace; echo af''ter\n");
        shell.shows("\nafter");
        let shown = shell.0.shows();
        assert_eq!(shown.matches("is no name of a client").count(), 1, "only the command reports it: {shown}");
    });
}

/// Returns the candidates for the last word, as a completion script receives them.
fn candidates(place: &Project, words: &[&str]) -> Vec<String> {
    let mut command = place.command(&[&["--", "site"], words].concat());
    let output = command.env("SETUP_TASKS_COMPLETE", "bash").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn candidates_are_what_the_argument_takes() {
    let place = Project::new();
    let all = ["files/main", "ada", "grace", "moody"];
    assert_eq!(candidates(&place, &["up", ""]), all, "options are offered only after a dash");
    assert_eq!(candidates(&place, &["up", "ad"]), ["ada"]);
    assert_eq!(candidates(&place, &["why", "ad"]), ["ada", "ada/server_update_files", "ada/mount", "ada/look"]);
    assert_eq!(candidates(&place, &["up", "--force", "moody/"]).len(), 4);
    assert_eq!(candidates(&place, &["mark-done", ""]), all.map(|id| format!("{id}/")));
    assert_eq!(candidates(&place, &["up", "ada", "-x", "g"]), ["grace"]);
    assert!(candidates(&place, &["up", "--"]).contains(&"--fail-fast".to_owned()));
    assert!(!candidates(&place, &["up", "--"]).contains(&"--keep-going".to_owned()));
    assert!(!candidates(&place, &[""]).contains(&"force".to_owned()));
    assert!(!place.file(".setup-tasks").exists(), "nothing is written");
}

#[test]
fn a_name_that_would_steer_the_terminal_is_no_candidate() {
    let place = Project::new();
    place.write("odd.txt", "odd\nodd\u{1b}]0;owned\u{7}\nodd\u{202e}");
    assert_eq!(candidates(&place, &["unlock", "o"]), ["odd"]);
}
