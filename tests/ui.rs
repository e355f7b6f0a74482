//! Mistakes and the compiler's messages about them. Each file in `ui` is named after its mistake,
//! and its `.stderr` contains the output that a user sees. This command updates these files:
//! `TRYBUILD=overwrite cargo test -p setup-tasks-tests --test ui`

use std::process::Command;

/// The compiler version whose messages the files contain. Those of other versions differ.
const COMPILER: &str = "rustc 1.95.0 ";

#[test]
fn every_mistake_is_explained_at_its_token() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(COMPILER) {
        return test_kit::skip(&format!("the messages are those of {COMPILER}, and this is {version}"));
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*/*.rs");
    cases.pass("ui-pass/*.rs");
}
