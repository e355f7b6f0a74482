//! Tests of the selection and the grouping of the command `graph`.

use crate::project::Project;

/// Returns the lines that name an object or a group.
fn heads(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with(['├', '└', ' '])).collect()
}

/// Returns a project with this number of clients.
fn with_clients(count: usize) -> Project {
    let place = Project::new();
    place.write("site.txt", (0..count).map(|i| format!("c{i}\n")).collect::<String>());
    place
}

#[test]
fn a_large_layout_is_grouped_by_type_with_counts_and_states() {
    let place = with_clients(40);
    place.good(&["up", "-q"]);
    place.good(&["clear", "c1", "moody", "--yes"]);
    place.write("site.txt", std::fs::read_to_string(place.file("site.txt")).unwrap() + "frozen\n");
    let shown = place.show(&["graph"]);
    let expected = "\
$ site graph
files/main (FileServer)
├─ ✓ words Render the words
└─ ✓ update_files Update the files
Client (41 objects, 1 readonly: 1 would run, 1 not known, 39 up to date)
├─ ⇠ files/main/update_files ×41
├─ ● mount Mount the share: 1 would run, 1 not known, 39 up to date: never ran
└─ · look Look around: 1 not known, 40 up to date
moody (Moody)
├─ ● wait Wait for a sign: never ran
├─ ● act Do what may fail: never ran
├─ ● block Block the thread: never ran
└─ ● rest Rest: never ran
2> 43 objects are drawn as 3, grouped by type; `--all` draws each
";
    assert_eq!(shown, expected);
    let dot = place.good(&["graph", "--format", "dot"]);
    assert!(dot.contains("41 objects, 1 readonly") && dot.contains("[label=\"×41\"]"), "{dot}");
    assert_eq!(place.good(&["graph", "--format", "svg"]).matches("rx=\"8\"").count(), 3 + 2, "a group is a stack");
    let mermaid = place.good(&["graph", "--format", "mermaid"]);
    assert!(mermaid.contains("[\"Client (41 objects, 1 readonly: 1 would run, "), "{mermaid}");
    assert_eq!(heads(&place.good(&["graph", "--all"])).len(), 43);
}

#[test]
fn a_layout_of_30_objects_is_drawn_as_it_is() {
    let place = with_clients(28);
    assert_eq!(heads(&place.good(&["graph"])).len(), 30);
    assert!(!place.show(&["graph"]).contains("grouped by type"));
}

#[test]
fn a_named_object_is_drawn_with_its_neighbours_in_both_directions() {
    let place = Project::new();
    let drawn = |args: &[&str]| place.good(&[&["graph"], args].concat());
    assert_eq!(heads(&drawn(&["files/main"])), ["files/main (FileServer)", "ada (Client)", "grace (Client)"]);
    assert_eq!(heads(&drawn(&["ada"])), ["files/main (FileServer)", "ada (Client)"]);
    assert_eq!(heads(&drawn(&["files/main", "--only", "dependencies"])), ["files/main (FileServer)"]);
    assert_eq!(heads(&drawn(&["moody", "--only", "dependents"])), ["moody (Moody)"]);
    assert_eq!(heads(&drawn(&["files/main", "--only", "dependents", "--depth", "1"])).len(), 3);
    let alone = drawn(&["ada", "--depth", "0"]);
    assert_eq!(heads(&alone), ["ada (Client)"]);
    assert!(alone.contains("├─ ⇠ 1 that the diagram leaves out\n"), "{alone}");
    let svg = drawn(&["ada", "--depth", "0", "--format", "svg"]);
    assert!(!svg.contains("files/main"), "{svg}");
}

#[test]
fn named_objects_stay_apart_from_the_groups() {
    let place = with_clients(40);
    let drawn = place.good(&["graph", "c7", "files/main", "--depth", "1"]);
    let heads = heads(&drawn);
    assert_eq!(heads[..2], ["files/main (FileServer)", "Client (39 objects: would run)"], "{drawn}");
    assert_eq!(heads[2..], ["c7 (Client)"], "{drawn}");
    let pattern = place.good(&["graph", "c*", "--depth", "0"]);
    assert_eq!(self::heads(&pattern), ["Client (40 objects: would run)"], "a pattern names no single object");
}

#[test]
fn a_depth_without_an_object_is_misuse() {
    let place = Project::new();
    let shown = place.show(&["graph", "--depth", "1"]);
    assert!(shown.contains("<OBJECT>...") && shown.ends_with("[ends with 2]\n"), "{shown}");
}
