//! Tests of the public API of each published library. The API is a snapshot, so a change of it
//! shows in a diff.
//!
//! `UPDATE_EXPECT=1 cargo test -p setup-tasks-tests --test behaviour -- public_api` updates the
//! snapshots. They contain the signatures with a public path from the root. Implementations that a
//! `macro_rules!` generates are missing.

mod listing;
pub mod modules;

use std::path::Path;

use expect_test::{ExpectFile, expect_file};

fn check(name: &str, snapshot: ExpectFile) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name).join("src");
    let text = listing::list(&modules::Library::read(&name.replace('-', "_"), &source));
    assert!(text.lines().count() > 10, "{text}");
    snapshot.assert_eq(&text);
}

#[test]
fn the_public_api_of_the_runtime_is_that_of_its_snapshot() {
    check("setup-tasks", expect_file!["snapshots/setup-tasks.rs"]);
}

#[test]
fn the_public_api_of_templates_is_that_of_its_snapshot() {
    check("setup-tasks-templates", expect_file!["snapshots/setup-tasks-templates.rs"]);
}

#[test]
fn the_public_api_of_the_command_line_is_that_of_its_snapshot() {
    check("setup-tasks-cli", expect_file!["snapshots/setup-tasks-cli.rs"]);
}
