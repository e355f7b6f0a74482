//! Settings of tests from the environment.

/// Returns the number in an environment variable, which longer runs set, or the default.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Prints a figure that a test has measured.
#[expect(clippy::print_stderr, reason = "figures are for the reader of a long run")]
pub fn figure(text: &str) {
    eprintln!("{text}");
}

/// Prints that a test is skipped. Fails in continuous integration, where everything that tests need
/// must be present.
#[expect(clippy::print_stderr, reason = "a skipped test prints the reason")]
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "a test is skipped: {reason}");
    eprintln!("\n!!! SKIPPED: {reason}\n");
}
