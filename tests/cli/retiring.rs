//! Tests of objects that have left the layout, on the command line.

use std::process::Stdio;
use std::time::{Duration, Instant};

use expect_test::expect_file;
use test_kit::Numbers;

use crate::project::Project;
use crate::terminal::Terminal;

macro_rules! golden {
    ($file:literal, $text:expr) => {
        expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/expected/", $file)].assert_eq(&$text)
    };
}

/// Returns a project whose client `ada` has left the layout.
fn without_ada() -> Project {
    let place = Project::new();
    place.good(&["up"]);
    place.write("site.txt", "grace\n");
    place
}

#[test]
fn plan_and_status_name_what_was_left_behind_and_prune_removes_it() {
    let place = without_ada();
    let lines: &[&[&str]] = &[
        &["plan"],
        &["prune"],
        &["prune", "grace", "--yes"],
        &["prune", "adda", "--yes"],
        &["prune", "[", "--yes"],
        &["prune", "a*", "--yes"],
        &["plan"],
        &["prune", "--yes"],
        &["prune", "--yes", "--state"],
        &["prune", "--yes"],
    ];
    let shown: Vec<_> = lines.iter().map(|line| place.show(line)).collect();
    golden!("prune.txt", shown.join("\n"));
    let place = without_ada();
    let json = r#""orphans":[{"object":"ada","subdir":"clients/ada","type":"Client"}]"#;
    for command in ["plan", "status"] {
        let line = place.good(&[command, "--json"]);
        assert!(line.contains(json), "{line}");
    }
    let status = place.good(&["status"]);
    assert!(status.ends_with("left behind: 1 object is no longer in the layout (ada); see `prune`\n"), "{status}");
}

#[test]
fn prune_asks_on_a_terminal() {
    let place = without_ada();
    let cache = place.file(".setup-tasks/cache/clients/ada");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join("file"), "").unwrap();
    for (answer, is_kept) in [("\n", true), ("no\n", true), ("\x03", true), ("y\n", false)] {
        let mut terminal = Terminal::run(&place, &["prune"], true);
        terminal.until("prune 1 object that is no longer in the layout? [y/N]");
        terminal.press(answer);
        let (code, shown) = terminal.end();
        let expected = if is_kept { if answer == "\x03" { 130 } else { 1 } } else { 0 };
        assert_eq!(code, expected, "{answer:?} {shown}");
        assert_eq!(cache.exists(), is_kept, "{answer:?}");
        let is_known = place.good(&["plan"]).contains("left behind");
        assert_eq!(is_known, is_kept, "{answer:?}");
    }
}

#[test]
fn a_prune_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let place = without_ada();
    let many = place.file(".setup-tasks/cache/clients/ada/many");
    let present = place.file(".setup-tasks/cache/clients/grace");
    std::fs::create_dir_all(&present).unwrap();
    std::fs::write(present.join("file"), "").unwrap();
    let mut moments = Moments::new(5);
    while moments.goes_on(3) {
        let number = moments.number;
        std::fs::create_dir_all(&many).unwrap();
        (0..400).for_each(|file| std::fs::write(many.join(file.to_string()), "").unwrap());
        let mut prune = place.command(&["prune", "--yes"]);
        let mut prune = prune.stdout(Stdio::null()).spawn().unwrap();
        moments.wait();
        prune.kill().unwrap();
        let is_killed = !prune.wait().unwrap().success();
        let plan = place.good(&["plan"]);
        if is_killed && !plan.contains("left behind") {
            // All of it was removed just before the kill.
            assert!(!many.exists(), "{number}");
        }
        moments.count(is_killed && plan.contains("left behind"));
        moments.measure(|| drop(place.good(&["prune", "--yes"])));
        assert!(!many.parent().unwrap().exists() && present.join("file").exists(), "{number}");
        assert!(!place.good(&["plan"]).contains("left behind"), "{number}");
        place.write("site.txt", "ada\ngrace\n");
        place.good(&["up", "ada"]);
        place.write("site.txt", "grace\n");
    }
}

#[test]
fn a_move_that_is_killed_at_any_moment_is_finished_by_the_next_run() {
    const FILES: usize = 300;
    let place = Project::new();
    place.good(&["up"]);
    let cache = |name: &str| place.file(".setup-tasks/cache/clients").join(name);
    std::fs::create_dir_all(cache("ada")).unwrap();
    (0..FILES).for_each(|file| std::fs::write(cache("ada").join(file.to_string()), "").unwrap());
    let (mut old, mut new, mut moments) = ("ada", "bob", Moments::new(6));
    while moments.goes_on(1) {
        let number = moments.number;
        place.write("site.txt", format!("{new}\ngrace\n"));
        place.write("renamed.txt", format!("{new} {old}"));
        let plan = place.good(&["plan"]);
        assert!(plan.starts_with("up to date: 4 objects"), "{number}: {plan}");
        let mut up = place.command(&["up"]);
        let mut up = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        moments.wait();
        up.kill().unwrap();
        up.wait().unwrap();
        let moves = place.file(".setup-tasks/cache/.setup-tasks/moves");
        moments.count(moves.read_dir().is_ok_and(|mut moves| moves.next().is_some()));
        let plan = place.good(&["plan"]);
        assert!(plan.starts_with("up to date: 4 objects"), "{number}: {plan}");
        let up = moments.measure(|| place.good(&["up"]));
        assert!(up.starts_with("up to date: 4 objects"), "{number}: {up}");
        assert_eq!(cache(new).read_dir().unwrap().count(), FILES, "{number}");
        assert!(!cache(old).exists() && place.file(".setup-tasks/state/clients").join(new).join("looked").exists());
        (old, new) = (new, old);
    }
}

/// Random moments for kills, within the time that the killed command takes on this machine now.
struct Moments {
    numbers: Numbers,
    number: u64,
    /// The number of kills that came while the work was half done.
    interrupted: u64,
    usual: Duration,
}

impl Moments {
    fn new(seed: u64) -> Self {
        Self { numbers: Numbers::new(seed), number: 0, interrupted: 0, usual: Duration::from_millis(30) }
    }

    /// Returns whether another kill follows: 30 at least, and more until the given number came while the work was half done.
    fn goes_on(&mut self, interrupted: u64) -> bool {
        self.number += 1;
        assert!(self.number <= 600, "only {} of 600 kills came while the work was half done", self.interrupted);
        self.number <= 30 || self.interrupted < interrupted
    }

    fn wait(&mut self) {
        let limit = u64::try_from(self.usual.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(self.numbers.below(limit + 1)));
    }

    fn count(&mut self, is_interrupted: bool) {
        self.interrupted += u64::from(is_interrupted);
    }

    /// Runs the command to its end, and notes its time.
    fn measure<T>(&mut self, command: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = command();
        self.usual = began.elapsed();
        result
    }
}
