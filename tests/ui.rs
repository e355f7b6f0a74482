//! Mistakes and what the compiler says about them: each file of `ui` is named for its mistake, its `.stderr` is what a user
//! sees. `TRYBUILD=overwrite cargo test -p setup-tasks-tests --test ui` writes them anew.

use std::process::Command;

/// The compiler whose words are in the files; another's differ.
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
