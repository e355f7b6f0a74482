//! What `cargo expand` prints is what the macros' snapshot of the fixture says.

use std::process::Command;

use syn::Item;

const SNAPSHOT: &str = include_str!("../fixtures/upstream/expansion.rs");

/// Items as text, save what the compiler expands further.
fn items(source: &str) -> Vec<String> {
    let source = source.replace("::core::module_path!()", "\"fixture_upstream\"");
    let file = syn::parse_file(&source).unwrap();
    let wanted = |item: &Item| !matches!(item, Item::Macro(_) | Item::Use(_) | Item::Struct(_));
    let text =
        |item| prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: vec![], items: vec![item] });
    file.items.into_iter().filter(wanted).map(text).collect()
}

#[test]
fn cargo_expand_prints_what_the_snapshot_says() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["expand", "-p", "fixture-upstream", "--lib", "--color", "never", "--theme", "none"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("no such command") && std::env::var_os("CI").is_none() {
        skip();
        return;
    }
    assert!(output.status.success(), "{errors}");
    let expanded = items(&String::from_utf8(output.stdout).unwrap());
    let snapshot = items(SNAPSHOT);
    assert!(snapshot.len() > 5);
    for item in snapshot {
        assert!(expanded.contains(&item), "cargo expand does not print\n{item}\nbut\n{}", expanded.join("\n"));
    }
}

#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn skip() {
    eprintln!("\n!!! SKIPPED: `cargo install cargo-expand` makes this test run\n");
}
