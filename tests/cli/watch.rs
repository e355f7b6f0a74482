//! Tests of the watch mode, which runs again after a change.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use crate::logs::interrupt;
use test_kit::guard;

use crate::project::Project;

struct Watch(Child, Lines<BufReader<ChildStdout>>);

impl Watch {
    fn begin(place: &Project, options: &[&str]) -> Self {
        Self::begin_in(place, ".", options)
    }

    fn begin_in(place: &Project, directory: &str, options: &[&str]) -> Self {
        let mut command = place.command(&["watch", "--jobs", "1"]);
        command.current_dir(place.file(directory));
        let mut child = command.args(options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        guard(&child);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self(child, lines)
    }

    /// Returns all lines until the command waits for changes again.
    fn run(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        for line in self.1.by_ref().map(Result::unwrap) {
            if line.starts_with("watching ") {
                return said;
            }
            said.push(line);
        }
        panic!("it ended: {said:?}")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_changed_input_runs_its_dependents_and_a_changed_site_runs_new_objects() {
    let place = Project::new();
    place.write("site.txt", "ada\n");
    let mut watch = Watch::begin(&place, &[]);
    assert!(watch.run().last().unwrap().starts_with("done: 3 objects;"));

    place.write("wanted.txt", "bread\nbutter\n");
    let said = watch.run();
    assert!(said[0].ends_with("wanted.txt changed"), "{said:?}");
    assert!(said.iter().any(|line| line.contains("Update the files") && line.contains(" done in ")), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("ada ") && line.contains("Mount the share")), "{said:?}");
    assert!(!said.iter().any(|line| line.starts_with("moody")), "{said:?}");

    std::fs::create_dir(place.file("more")).unwrap();
    place.write("more/new.txt", "salt\n");
    let said = watch.run();
    assert!(said.iter().any(|line| line.contains("Update the files")), "a glob has a new file: {said:?}");

    // A new file replaces the old one, as editors do it.
    place.write("site.txt.new", "ada\nbob\n");
    std::fs::rename(place.file("site.txt.new"), place.file("site.txt")).unwrap();
    let said = watch.run();
    assert!(said.iter().any(|line| line.starts_with("bob ") && line.contains(" done in ")), "{said:?}");

    // The command reports a mistake and waits until it is corrected.
    place.write("site.txt", "a/b\n");
    let mut errors = BufReader::new(watch.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(errors.any(|line| line.contains("is no name of a client")));
    place.write("site.txt", "ada\n");
    assert!(watch.run().last().unwrap().starts_with("up to date: 3 objects"));

    interrupt(watch.0.id());
    assert!(watch.0.wait().unwrap().success(), "Ctrl-C is how it ends");
    assert_eq!(watch.1.by_ref().count(), 0, "it said nothing while nothing changed");
}

#[test]
fn with_json_the_standard_output_is_for_programs_alone() {
    let place = Project::new();
    let mut watch = Watch::begin(&place, &["--json"]);
    let mut events = watch.1.by_ref().map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    let mut run = || events.by_ref().find(|event| event["event"] == "run_ended").unwrap();
    assert_eq!(run()["report"]["objects"][0]["outcome"], "ran");
    place.write("wanted.txt", "bread\nbutter\n");
    assert_eq!(run()["report"]["objects"][0]["outcome"], "ran");

    let mut notes = BufReader::new(watch.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(notes.next().unwrap().starts_with("watching "));
    assert!(notes.next().unwrap().ends_with("wanted.txt changed"));
}

#[test]
fn the_name_of_the_directory_of_inputs_is_not_a_pattern() {
    let place = Project::new();
    for directory in ["site[1]", "site1"] {
        std::fs::create_dir_all(place.file(directory).join("more")).unwrap();
        place.write(format!("{directory}/wanted.txt"), "bread\n");
    }
    let mut watch = Watch::begin_in(&place, "site[1]", &[]);
    watch.run();
    place.write("site1/more/salt.txt", "salt\n");
    place.write("site[1]/more/pepper.txt", "pepper\n");
    let changed = watch.1.next().unwrap().unwrap();
    assert!(changed.ends_with("/site[1]/more/pepper.txt changed"), "{changed}");
}
