//! Paths of rendered files, which are relative and stay within the object's directory.

use std::path::{Component, Path};

/// Returns whether an output is a relative path without `.` and `..`. Constants evaluate it at compile time.
pub(crate) const fn is_inside(output: &str) -> bool {
    let bytes = output.as_bytes();
    let (mut start, mut i) = (0, 0);
    if bytes.is_empty() || bytes[0] == b'/' {
        return false;
    }
    while i <= bytes.len() {
        if i == bytes.len() || bytes[i] == b'/' {
            let is_dot = i - start == 1 && bytes[start] == b'.';
            if i == start || is_dot || (i - start == 2 && bytes[start] == b'.' && bytes[start + 1] == b'.') {
                return false;
            }
            start = i + 1;
        } else if bytes[i] == 0 || bytes[i] == b'\\' || bytes[i] == b':' {
            return false;
        }
        i += 1;
    }
    true
}

/// Returns whether a path stays within the directory from which it starts.
pub(crate) fn is_plain(output: &Path) -> bool {
    let mut components = output.components().peekable();
    components.peek().is_some() && components.all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_lead_elsewhere_are_seen_at_compile_time() {
        for inside in ["motd", "etc/dnsmasq.d/lan.conf", "..a/b..", "a..b", ".hidden"] {
            assert!(is_inside(inside) && is_plain(Path::new(inside)), "{inside}");
        }
        for outside in ["", ".", "./a", "a/./b", "/etc/motd", "..", "../x", "a/../../b", "a//b", "a/", "C:\\x", "a\0b"]
        {
            assert!(!is_inside(outside), "{outside:?}");
        }
    }

    /// `FUZZ=1000` multiplies the number of cases.
    #[test]
    fn fuzz_what_is_inside_at_compile_time_is_inside_at_run_time() {
        use proptest::prelude::*;
        let factor = std::env::var("FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
        let cases = 4000_u32.saturating_mul(factor);
        #[expect(clippy::print_stdout, reason = "the cases of a long run are added up")]
        {
            println!("fuzz outputs of templates: {cases} cases");
        }
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let part =
            prop::sample::select(&["a", "etc", "/", "//", ".", "..", "../", "./", "\0", "\\", "C:", "~", " "][..]);
        proptest!(config, |(parts in proptest::collection::vec(part, 0..8))| {
            let output = parts.concat();
            if is_inside(&output) {
                prop_assert!(is_plain(Path::new(&output)), "{output:?}");
                let joined = Path::new("/root").join(&output);
                prop_assert!(joined.starts_with("/root") && joined.components().all(|part| part != Component::ParentDir), "{output:?}");
            }
        });
    }
}
