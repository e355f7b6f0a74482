//! The output of `cargo expand` equals the macros' snapshot of the fixture.

use std::process::Command;

use syn::{Expr, Item, Stmt, parse_quote};

const SNAPSHOT: &str = include_str!("../fixtures/upstream/expansion.rs");

/// Returns each item as text, and each statement of a generated block, without those that the compiler expands further.
fn parts(source: &str) -> Vec<String> {
    let source = source.replace("rt::module_path!()", "\"fixture_upstream\"");
    let source = source.replace("::setup_tasks::__private::module_path!()", "\"fixture_upstream\"");
    let items = syn::parse_file(&source).unwrap().items;
    items.into_iter().flat_map(parts_of).filter(is_final).map(text).collect()
}

fn parts_of(item: Item) -> Vec<Item> {
    match item {
        Item::Const(item) if item.ident == "_" => match *item.expr {
            Expr::Block(block) => block.block.stmts.into_iter().map(as_item).collect(),
            _ => Vec::new(),
        },
        item => vec![item],
    }
}

/// Returns the statement as an item: the contents of a function.
fn as_item(statement: Stmt) -> Item {
    match statement {
        Stmt::Item(item) => item,
        Stmt::Macro(statement) => parse_quote!(#statement),
        statement => parse_quote!(fn statement() { #statement }),
    }
}

fn is_final(item: &Item) -> bool {
    !matches!(item, Item::Macro(_) | Item::Struct(_))
}

fn text(item: Item) -> String {
    prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: vec![], items: vec![item] })
}

#[test]
fn cargo_expand_prints_the_snapshot() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["expand", "-p", "fixture-upstream", "--lib", "--color", "never", "--theme", "none"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("no such command") {
        return test_kit::skip("`cargo install cargo-expand` makes this test run");
    }
    assert!(output.status.success(), "{errors}");
    let expanded = parts(&String::from_utf8(output.stdout).unwrap());
    let snapshot = parts(SNAPSHOT);
    assert!(snapshot.len() > 5);
    for item in snapshot {
        assert!(expanded.contains(&item), "cargo expand does not print\n{item}\nbut\n{}", expanded.join("\n"));
    }
}
