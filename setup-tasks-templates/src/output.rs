//! Files that templates are rendered into: written whole or not at all, and only if they differ.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path};

use crate::error::TemplateError;

/// Whether an output is a plain relative path, known at compile time.
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

/// Writes a text with a mode, unless the file has both already; parents are created. Whether it was written.
pub(crate) fn write(path: &Path, text: &str, mode: Option<u32>) -> Result<bool, TemplateError> {
    if has(path, text, mode)? {
        return Ok(false);
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let mut draft = tempfile::NamedTempFile::new_in(directory)?;
        draft.write_all(text.as_bytes())?;
        set_mode(draft.as_file(), mode)?;
        draft.persist(path)?;
        Ok(())
    };
    write().map_err(|source| TemplateError::Io { action: "write", path: path.to_owned(), source })?;
    Ok(true)
}

fn has(path: &Path, text: &str, mode: Option<u32>) -> Result<bool, TemplateError> {
    match fs::read(path) {
        Ok(found) => Ok(found == text.as_bytes() && has_mode(path, mode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TemplateError::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// What a new file has if nobody says otherwise; drafts are private.
#[cfg(unix)]
pub(crate) const USUAL: u32 = 0o644;

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: Option<u32>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode.unwrap_or(USUAL)))
}

#[cfg(unix)]
fn has_mode(path: &Path, mode: Option<u32>) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let wanted = mode.unwrap_or(USUAL);
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o7777 == wanted)
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: Option<u32>) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn has_mode(_: &Path, _: Option<u32>) -> bool {
    true
}

/// Whether a path, as it is at run time, stays where it begins.
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

    /// `FUZZ=1000` multiplies the cases.
    #[test]
    fn fuzz_what_is_inside_at_compile_time_is_inside_at_run_time() {
        use proptest::prelude::*;
        let factor = std::env::var("FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
        let cases = 4000_u32.saturating_mul(factor);
        #[expect(clippy::print_stdout, reason = "a long run is added up")]
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
