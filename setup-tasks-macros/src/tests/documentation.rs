//! The tables of keys in the documentation come from the tables that the macros read. `UPDATE_EXPECT=1 cargo test -p
//! setup-tasks-macros` writes them.

use std::fs;
use std::path::Path;

use crate::args::key::{Key, Place};
use crate::args::{depends, model, task};

/// Returns the table of the keys that an attribute takes at a place.
fn table<A>(keys: &[Key<A>], place: Place) -> String {
    let rows = keys.iter().filter(|key| key.places.contains(&place));
    let rows = rows.map(|key| format!("| `{}` | {} |\n", key.form.example(key.name), key.meaning));
    format!("| key | meaning |\n|---|---|\n{}\n", rows.collect::<String>())
}

/// Compares a table with the one between two comments of a page, or writes it there.
#[track_caller]
fn check<A>(page: &str, keys: &[Key<A>], place: Place) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup-tasks/src/docs").join(page);
    let text = fs::read_to_string(&path).expect("the page exists");
    let begin = format!("<!-- keys: {place:?} -->\n");
    let (before, rest) = text.split_once(&begin).expect("the page has the comment");
    let (old, after) = rest.split_once("<!-- end -->").expect("the table ends");
    let new = table(keys, place);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, format!("{before}{begin}{new}<!-- end -->{after}")).expect("the page can be written");
    } else {
        assert_eq!(old, new, "UPDATE_EXPECT=1 writes {page}");
    }
}

#[test]
fn the_documentation_lists_every_key() {
    check("setup_task.md", task::KEYS, Place::Task);
    check("derive.md", model::KEYS, Place::Struct);
    check("setup_tasks.md", model::KEYS, Place::Trait);
    check("derive.md", depends::KEYS, Place::Field);
}
