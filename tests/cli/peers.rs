//! Tests of what the book reports about other programs, where they are installed.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use test_kit::{skip, until};

/// The small site of the book, as the Makefile of the page for users of make builds it.
struct Site(tempfile::TempDir);

impl Site {
    /// Writes the files and builds them, or returns `None` if make is not installed.
    fn build() -> Option<Self> {
        let page = include_str!("../../docs/src/comparison/make.md");
        let (_, rest) = page.split_once("```make\n").unwrap();
        let site = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(site.0.path().join("sites")).unwrap();
        site.write("Makefile", rest.split_once("```").unwrap().0);
        site.write("site.conf.in", "server_name @NAME@;\nlisten @PORT@;\n");
        for (name, text) in [("sites/blog", "8001\n"), ("sites/shop", "8002\n"), ("running", "")] {
            site.write(name, text);
        }
        let version = Command::new("make").arg("--version").output();
        if !version.is_ok_and(|version| version.stdout.starts_with(b"GNU Make")) {
            skip("GNU Make is not installed");
            return None;
        }
        assert!(site.make(&[]).0);
        Some(site)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.0.path().join(name)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replace(from, to));
    }

    fn index(&self) -> String {
        std::fs::read_to_string(self.0.path().join("srv/index")).unwrap()
    }

    /// Makes all files equally old, so that each later write is newer than all of them.
    fn age(&self) {
        age(self.0.path(), SystemTime::now() - Duration::from_hours(1));
    }

    /// Runs make. Returns whether it succeeded, and the rules that it ran.
    fn make(&self, args: &[&str]) -> (bool, String) {
        let output = self.command(args).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut make = Command::new("make");
        make.args(args).current_dir(self.0.path()).env("LC_ALL", "C").env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        make
    }
}

fn age(directory: &Path, time: SystemTime) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            age(&path, time);
        } else {
            File::open(path).unwrap().set_modified(time).unwrap();
        }
    }
}

#[test]
fn make_compares_times_and_neither_rules_nor_lists() {
    let Some(site) = Site::build() else { return };
    site.age();
    site.write("sites/shop", "8002\n");
    let (_, ran) = site.make(&[]);
    assert!(ran.contains("srv/shop/site.conf\n") && ran.contains("test -e running"), "the same content: {ran}");
    assert!(!ran.contains("sites/blog"), "{ran}");

    let up_to_date = |ran: &str| ran.contains("'srv/reloaded' is up to date");
    site.age();
    site.edit("Makefile", "cat $(CONF) > $@", "cat $(CONF) | sort > $@");
    assert!(up_to_date(&site.make(&[]).1), "an edit of a rule");
    site.edit("Makefile", "blog shop", "blog");
    assert!(up_to_date(&site.make(&[]).1) && site.index().contains("server_name shop;"), "the list of sites");
}

#[test]
fn make_takes_over_a_line_that_somebody_added_and_repeats_a_reload_that_failed() {
    let Some(site) = Site::build() else { return };
    site.age();
    site.edit("srv/blog/site.conf", "listen", "keepalive off;\nlisten");
    assert!(site.make(&[]).0 && site.index().contains("keepalive off;"));

    site.age();
    std::fs::remove_file(site.0.path().join("running")).unwrap();
    site.write("sites/shop", "8003\n");
    assert!(!site.make(&[]).0 && site.index().contains("8003"));
    site.write("running", "");
    let (succeeded, ran) = site.make(&[]);
    assert!(succeeded && ran.contains("test -e running") && !ran.contains("cat"), "{ran}");
}

#[test]
fn make_takes_a_half_written_file_for_finished_after_a_kill() {
    let Some(site) = Site::build() else { return };
    site.write("Makefile", "out: running\n\tprintf half > $@; sleep 100; printf whole > $@\n");
    site.age();
    let mut make = site.command(&["--silent"]).process_group(0).spawn().unwrap();
    let out = site.0.path().join("out");
    until("half of the file", || std::fs::read(&out).is_ok_and(|text| text == b"half"));
    let group = format!("-{}", make.id());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    make.wait().unwrap();
    assert!(site.make(&[]).1.contains("'out' is up to date"));
    assert_eq!(std::fs::read(out).unwrap(), b"half");
}
