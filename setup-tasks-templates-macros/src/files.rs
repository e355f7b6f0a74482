//! The files of a template, by paths from the directory of the source file.

use std::io;
use std::path::{Path, PathBuf};

use syn::LitStr;

use crate::args::explain;

/// One file of a template.
pub struct Source {
    /// The name by which templates refer to it.
    pub name: String,
    /// The path for `include_str!`, which resolves it from the file that contains the literal.
    pub path: LitStr,
    /// The contents, or `None` if the compiler runs where the macro cannot find the file.
    pub text: Option<String>,
}

impl Source {
    /// Returns a file without its contents.
    pub fn unread(path: &LitStr) -> Self {
        Self { name: path.value(), path: LitStr::new(&path.value(), path.span()), text: None }
    }
}

/// Reads the files. A directory stands for every file in it, at any depth.
pub fn read(file: &Path, named: &[LitStr]) -> syn::Result<Vec<Source>> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut sources = Vec::new();
    for (i, literal) in named.iter().enumerate() {
        let (name, path) = (literal.value(), directory.join(literal.value()));
        if i > 0 && path.is_dir() {
            for inner in files_in(&path, literal)? {
                let inner = inner.strip_prefix(directory).unwrap_or(&inner);
                let Some(inner) = inner.to_str() else {
                    let what = format!("the name of `{}` is not UTF-8", inner.display());
                    return Err(explain(literal.span(), &what, "rename the file"));
                };
                sources.push(read_one(directory, &inner.replace('\\', "/"), literal)?);
            }
        } else {
            sources.push(read_one(directory, &name, literal)?);
        }
    }
    Ok(sources)
}

fn read_one(directory: &Path, name: &str, literal: &LitStr) -> syn::Result<Source> {
    let (path, failed) = (directory.join(name), |error: &io::Error| unreadable(literal, name, error));
    let meta = std::fs::metadata(&path).map_err(|error| failed(&error))?;
    // Opening a FIFO would block the compiler.
    if !meta.is_file() {
        let what = if meta.is_dir() { "it is a directory" } else { "it is neither a file nor a directory" };
        return Err(failed(&io::Error::other(what)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let path = LitStr::new(name, literal.span());
    Ok(Source { name: name.to_owned(), path, text: Some(text) })
}

fn unreadable(literal: &LitStr, name: &str, error: &io::Error) -> syn::Error {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let what = format!("there is no file `{name}`");
            explain(literal.span(), &what, "write its path from the directory of this source file")
        }
        io::ErrorKind::InvalidData => {
            let what = format!("`{name}` is not UTF-8");
            explain(literal.span(), &what, "templates are text files; move other files elsewhere")
        }
        _ => {
            let what = format!("`{name}` cannot be read: {error}");
            explain(literal.span(), &what, "check its permissions, and that it is a text file")
        }
    }
}

/// Returns the files of a directory in the order of their names, so that builds are reproducible.
fn files_in(directory: &Path, literal: &LitStr) -> syn::Result<Vec<PathBuf>> {
    let failed = |error: io::Error| unreadable(literal, &directory.display().to_string(), &error);
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(failed)?;
    entries.retain(|entry| !is_of_an_editor(&entry.file_name().to_string_lossy()));
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        if entry.file_type().map_err(failed)?.is_dir() {
            files.extend(files_in(&entry.path(), literal)?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Returns whether an editor makes such a file while another one is edited: locks and automatic saves of Emacs (`.#x`, `#x#`),
/// backups (`x~`), swap files of Vim (`.x.swp`) and the file with which Vim tests whether it can write (`4913`).
fn is_of_an_editor(name: &str) -> bool {
    let is_swap = || {
        let ending = name.strip_prefix('.').and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        ending.is_some_and(|ending| ending.len() == 3 && ending.starts_with("sw"))
    };
    name.starts_with(".#")
        || name.ends_with('~')
        || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
        || name == "4913"
        || is_swap()
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use syn::LitStr;

    use super::{is_of_an_editor, read};

    /// Reads a directory of partials as the macro does, beside a source file.
    fn names(directory: &std::path::Path) -> Result<Vec<String>, String> {
        let named = ["main.tera", "partials"].map(|name| LitStr::new(name, Span::call_site()));
        let sources = read(&directory.join("source.rs"), &named).map_err(|error| error.to_string())?;
        Ok(sources.into_iter().map(|source| source.name).collect())
    }

    #[cfg(unix)]
    #[test]
    fn files_of_editors_are_left_out_and_files_that_cannot_be_read_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let partials = directory.path().join("partials/deep");
        std::fs::create_dir_all(&partials).unwrap();
        std::fs::write(directory.path().join("main.tera"), "").unwrap();
        for name in ["one.tera", "one.tera~", "#one.tera#", "4913"] {
            std::fs::write(partials.join(name), "text").unwrap();
        }
        std::fs::write(partials.join(".one.tera.swp"), b"\xff\0").unwrap();
        std::os::unix::fs::symlink("ada@host.7:1", partials.join(".#one.tera")).unwrap();
        assert_eq!(names(directory.path()).unwrap(), ["main.tera", "partials/deep/one.tera"]);

        std::fs::write(partials.join("image.png"), b"\x89PNG").unwrap();
        let error = names(directory.path()).unwrap_err();
        assert!(error.starts_with("`partials/deep/image.png` is not UTF-8\nhelp: "), "{error}");
        std::fs::remove_file(partials.join("image.png")).unwrap();

        std::os::unix::fs::symlink("nowhere", partials.join("two.tera")).unwrap();
        let error = names(directory.path()).unwrap_err();
        assert!(error.starts_with("there is no file `partials/deep/two.tera`\nhelp: "), "{error}");
        std::fs::remove_file(partials.join("two.tera")).unwrap();

        std::os::unix::fs::symlink("/dev/zero", partials.join("three.tera")).unwrap();
        let error = names(directory.path()).unwrap_err();
        let what = "`partials/deep/three.tera` cannot be read: it is neither a file nor a directory";
        assert!(error.starts_with(what), "{error}");
    }

    #[test]
    fn files_of_editors_are_known_by_their_names() {
        for name in [".#header.tera", "header.tera~", ".header.tera.swp", ".header.tera.swo", "#header.tera#", "4913"] {
            assert!(is_of_an_editor(name), "{name}");
        }
        for name in ["header.tera", ".hidden.tera", "swp", "a.swp", "#", "header#.tera", "49130", ".swpx.tera"] {
            assert!(!is_of_an_editor(name), "{name}");
        }
    }
}
