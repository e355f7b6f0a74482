//! Tests of the output of foreign texts, which must contain no secrets and no control sequences for
//! a terminal.

use std::path::Path;

use crate::project::Project;

/// All commands that print something about objects and tasks.
const COMMANDS: [&[&str]; 31] = [
    &["list"],
    &["list", "--json"],
    &["plan", "--diff"],
    &["plan", "--json", "--diff"],
    &["check"],
    &["check", "--json"],
    &["up"],
    &["up", "--json"],
    &["plan", "-v"],
    &["plan", "--force", "-o", ".setup-tasks/saved.plan"],
    &["up", "--plan", ".setup-tasks/saved.plan"],
    &["status"],
    &["status", "*"],
    &["status", "--json"],
    &["history"],
    &["history", "--json"],
    &["graph"],
    &["graph", "--format", "dot"],
    &["graph", "--format", "mermaid"],
    &["graph", "--format", "svg"],
    &["types"],
    &["unlock", "*"],
    &["clear", "*", "--yes"],
    &["ps"],
    &["up", "--dry-run"],
    &["exec", "*", "--", "true"],
    &["down", "--plan"],
    &["down", "--yes"],
    &["up"],
    &["down", "--yes", "--json"],
    &["prune", "--yes"],
];

/// Runs commands, and returns each command with its output.
fn said(place: &Project, commands: &[&[&str]]) -> Vec<(String, String)> {
    let run = |args: &&[&str]| {
        let output = place.run(args);
        let said = [output.stdout, output.stderr].concat();
        (args.join(" "), String::from_utf8(said).expect("it is text"))
    };
    commands.iter().map(run).collect()
}

fn steers(c: char) -> bool {
    let is_plain = !c.is_control() || matches!(c, '\n' | '\t');
    !is_plain || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn no_command_prints_control_sequences() {
    let place = Project::new();
    let hostile = ["a\x1b]0;owned\x07b", "c\u{9b}31md", "e\u{202e}f", "g\u{200b}h\u{2028}i", "j\rk"];
    place.write("odd.txt", hostile.join("\n"));
    let id = hostile[0];
    let task = format!("{id}/b");
    let named: [&[&str]; 10] = [
        &["why", id],
        &["why", &task],
        &["logs", id],
        &["logs", "--all", hostile[1]],
        &["status", id],
        &["history", &task],
        &["mark-done", &task],
        &["up", "--force", &task],
        &["why", "no\x1b[2Jsuch\u{85}object"],
        &["up", "no\x1b[2Jsuch\u{85}object"],
    ];
    place.run(&["up"]);
    for (command, said) in said(&place, &COMMANDS).into_iter().chain(said(&place, &named)) {
        let found = said.find(steers).map(|at| said[..at].chars().rev().take(60).collect::<String>());
        assert!(found.is_none(), "{command}: {found:?} in {said:?}");
    }
    let ids = std::fs::read_to_string(place.file("odd.txt")).unwrap();
    place.write("odd.txt", "");
    for (command, said) in said(&place, &[&["plan"], &["status"], &["prune", "no\x1b[2J"], &["prune", "--yes"]]) {
        assert!(!said.contains(steers), "{command}: {said:?}");
        assert!(command != "prune --yes" || said.contains("pruned: c\\u{9b}31md Odd"), "{said}");
    }
    place.write("odd.txt", ids);
    assert!(place.good(&["list"]).contains("c\\u{9b}31md"), "it is spelled out");
    place.good(&["up"]);
    let log = std::fs::read_to_string(first_log(&place.file(".setup-tasks/log/odd/0"))).unwrap();
    assert!(!log.contains(steers) && log.starts_with("# a\\x1b]0;owned\\x07b/b, attempt 1"), "{log:?}");
}

fn first_log(directory: &Path) -> std::path::PathBuf {
    std::fs::read_dir(directory).unwrap().next().unwrap().unwrap().path()
}

/// Collects the content and the names of all files under a directory.
fn bytes(directory: &Path, all: &mut Vec<u8>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        all.extend_from_slice(path.as_os_str().as_encoded_bytes());
        if path.is_dir() { bytes(&path, all) } else { all.extend(std::fs::read(&path).unwrap_or_default()) }
    }
}

#[test]
fn no_command_and_no_file_shows_a_secret_in_any_spelling() {
    const CORES: [&str; 2] = ["Hq3Tz8Lw", "Bn5Vd1Xk"];
    let password = format!("{}'\"<&>\\%\u{fc}{}", CORES[0], CORES[1]);
    let url: String = password
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).into() } else { format!("%{b:02x}") })
        .collect();
    let spellings = [
        password.clone(),
        format!("'{}'", password.replace('\'', "'\\''")),
        format!("{password:?}"),
        serde_json::to_string(&password).unwrap(),
        password.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
        url,
        password.chars().map(|c| format!("\x1b[32m{c}\x1b[0m")).collect(),
        format!("{}\n{}", &password[..10], &password[10..]),
    ];
    let text = format!("say {} now", spellings.join(" and\n"));
    for way in ["", "panic", "thread", "fail"] {
        let place = Project::new();
        place.write("password", &password);
        place.write("leak", &text);
        place.write("leak.way", way);
        let named: [&[&str]; 5] = [
            &["why", "leaky"],
            &["logs", "--all", "leaky"],
            &["why", "leaky/after"],
            &["up", "-vv", "--force", "leaky"],
            &["plan", "-v", "--force", "leaky"],
        ];
        let mut said = self::said(&place, &COMMANDS[..22]);
        said.extend(self::said(&place, &named));
        place.write("leak.check", "");
        said.extend(self::said(&place, &[&["plan"], &["check"], &["up"], &["why", "leaky"], &["graph"]]));
        let all: String = said.iter().map(|(command, said)| format!("$ {command}\n{said}")).collect();
        assert!(all.contains("[secret]"), "{way}: {all}");
        let mut tree = Vec::new();
        bytes(&place.file(".setup-tasks"), &mut tree);
        for text in [&*all, &*String::from_utf8_lossy(&tree)] {
            let joined = text.replace("\\x1b[32m", "").replace("\\x1b[0m", "");
            let joined: String = joined.split_whitespace().collect();
            for core in CORES {
                if let Some(at) = joined.find(core) {
                    let before: Vec<_> = joined[..at].chars().rev().take(300).collect();
                    panic!("{way}: {core} behind {}", before.into_iter().rev().collect::<String>());
                }
            }
        }
    }
}
