//! The files of a template, found beside the file that names them.

use std::path::{Path, PathBuf};

use syn::LitStr;

use crate::args::explain;

/// A file.
pub struct Source {
    /// What templates call it.
    pub name: String,
    /// For `include_str!`, which looks beside the file that the literal stands in.
    pub path: LitStr,
    /// `None` if it cannot be looked at.
    pub text: Option<String>,
}

impl Source {
    /// A file that cannot be looked at.
    pub fn unread(path: &LitStr) -> Self {
        Self { name: path.value(), path: LitStr::new(&path.value(), path.span()), text: None }
    }
}

/// Reads the files, and in the place of a directory all that are in it, at any depth.
pub fn read(file: &Path, named: &[LitStr]) -> syn::Result<Vec<Source>> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut sources = Vec::new();
    for (i, literal) in named.iter().enumerate() {
        let (name, path) = (literal.value(), directory.join(literal.value()));
        if i > 0 && path.is_dir() {
            for inner in files_in(&path).map_err(|error| unreadable(literal, &error))? {
                let inner = inner.strip_prefix(directory).unwrap_or(&inner).to_string_lossy().replace('\\', "/");
                sources.push(read_one(directory, &inner, literal)?);
            }
        } else {
            sources.push(read_one(directory, &name, literal)?);
        }
    }
    Ok(sources)
}

fn read_one(directory: &Path, name: &str, literal: &LitStr) -> syn::Result<Source> {
    let text = std::fs::read_to_string(directory.join(name)).map_err(|error| unreadable(literal, &error))?;
    let path = LitStr::new(name, literal.span());
    Ok(Source { name: name.to_owned(), path, text: Some(text) })
}

fn unreadable(literal: &LitStr, error: &std::io::Error) -> syn::Error {
    let name = literal.value();
    if error.kind() == std::io::ErrorKind::NotFound {
        let what = format!("there is no file `{name}`");
        return explain(literal.span(), &what, "write its path from the directory of this source file");
    }
    explain(literal.span(), &format!("`{name}` cannot be read: {error}"), "see whether it is a text file")
}

/// In the order of their names, so that every build is the same.
fn files_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        if entry.file_type()?.is_dir() {
            files.extend(files_in(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}
