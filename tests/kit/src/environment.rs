//! Settings of tests from the environment.

/// Returns a number that an environment variable may set, for longer runs.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Says that a test is left out. Fails in continuous integration, where everything that tests need must be present.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "a test is left out: {reason}");
    eprintln!("\n!!! SKIPPED: {reason}\n");
}
