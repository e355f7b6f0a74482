//! Tests of the output for programs.

use serde_json::Value;

use crate::project::Project;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn up_prints_every_event_on_a_line_with_a_version_and_ends_with_the_report() {
    let place = Project::new();
    place.write("fail", "");
    let output = place.run(&["up", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let events = lines(std::str::from_utf8(&output.stdout).unwrap());
    assert!(events.iter().all(|event| event["version"] == 1 && event["at"].is_u64()));
    let (first, last) = (&events[0], events.last().unwrap());
    assert!(first["event"] == "run_began" && first["objects"] == 4);
    assert!(last["event"] == "run_ended" && last["missed"] == 0);
    assert_eq!(last["report"]["version"], 2);
    let of = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    assert_eq!(of("task_ran").count(), 7);
    assert!(of("task_ran").all(|event| event["duration_us"].is_u64() && event["description"].is_string()));
    let failed = of("task_fail").next().unwrap();
    assert!(failed["object"] == "moody" && failed["task"] == "act");
    assert!(std::path::Path::new(failed["log"].as_str().unwrap()).file_name().is_some());
    assert!(of("log_line").any(|event| event["line"] == "counting what is wanted"));
    assert_eq!(last["report"]["objects"][3]["outcome"], "failed");
}

#[test]
fn plans_lists_states_and_histories_are_json_with_a_version() {
    let place = Project::new();
    let plan = &lines(&place.good(&["plan", "--json"]))[0];
    assert!(plan["version"] == 2 && plan["dry_run"] == true);
    assert_eq!(plan["objects"][1]["tasks"][0]["reason"]["reason"], "never_ran");
    place.good(&["up"]);
    let status = &lines(&place.good(&["status", "--json"]))[0];
    assert_eq!((&status["version"], &status["objects"][1]["tasks"][0]["state"]), (&3.into(), &"ran".into()));
    let history = lines(&place.good(&["history", "--json", "ada/mount"]));
    assert!(history.len() == 1 && history[0]["version"] == 1 && history[0]["id"] == "ada");
    assert_eq!(history[0]["why"]["reason"], "never_ran");
    for command in ["list", "types", "check"] {
        assert_eq!(lines(&place.good(&[command, "--json"]))[0]["version"], 1, "{command}");
    }
    let nobody = "{\"version\":1,\"processes\":[],\"silent\":[],\"at_work\":[]}\n";
    assert_eq!(place.good(&["ps", "--json"]), nobody);
}

#[test]
fn differences_are_json_in_plans_events_and_history() {
    let place = Project::new();
    place.write("appliance", "");
    place.write("machine.txt", "");
    place.good(&["up", "appliance"]);
    place.write("machine.txt", "curl 8.0\nnginx 1.22\nnginx-module 1.24\n");
    let what = serde_json::json!([{ "what": "nginx", "is": "1.22", "should_be": "1.24" }]);
    let reason = serde_json::json!({ "reason": "drifted", "what": what });
    let plan = &lines(&place.good(&["plan", "appliance", "--verify", "--json"]))[0];
    assert_eq!(plan["objects"][0]["tasks"][0]["reason"], reason);
    place.write("appliance", "frozen");
    let events = lines(&place.good(&["up", "appliance", "--verify", "--json"]));
    let drifted = events.iter().find(|event| event["event"] == "task_drifted").unwrap();
    assert!(drifted["task"] == "nginx" && drifted["what"] == what, "{drifted}");
    let object = &events.last().unwrap()["report"]["objects"][0];
    assert_eq!((&object["outcome"], &object["tasks"][0]["status"]), (&"readonly".into(), &"drifted".into()));
    assert_eq!(object["tasks"][0]["reason"], reason);
    place.write("appliance", "");
    place.good(&["up", "appliance", "--verify"]);
    let history = lines(&place.good(&["history", "--json", "appliance/nginx"]));
    assert_eq!(history[0]["why"], reason);
}

#[test]
fn plan_and_why_show_how_a_file_drifted() {
    let place = Project::new();
    place.good(&["up"]);
    let find = || {
        let found =
            std::process::Command::new("find").arg(place.path()).args(["-name", "words", "-type", "f"]).output();
        std::path::PathBuf::from(String::from_utf8(found.unwrap().stdout).unwrap().trim())
    };
    std::fs::write(find(), "by hand\n").unwrap();
    for command in [&["plan"][..], &["plan", "--diff"], &["why", "files/main/words"]] {
        let told = place.good(command);
        assert!(told.contains("words: content differs"), "{command:?}: {told}");
    }
    let diff = place.good(&["plan", "--diff"]);
    assert!(diff.contains("-by hand\n") && diff.contains("+good\n"), "{diff}");
    let plan = &lines(&place.good(&["plan", "--json"]))[0];
    let reason = &plan["objects"][0]["tasks"][0]["reason"];
    assert_eq!((&reason["reason"], &reason["what"][0]["is"]), (&"drifted".into(), &"content differs".into()), "{plan}");
    place.good(&["up"]);
    assert_eq!(std::fs::read_to_string(find()).unwrap(), "good\nmorning\n");
}
