//! Names of tasks. Names that are created at run time are interned for the life of the process.
//! Their number is bounded by the number of tasks of the program.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Returns the interned name, which lives as long as the process.
pub(crate) fn intern(name: &str) -> &'static str {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

/// Returns the name of the stamp of a customization's task.
pub(crate) fn with_stem(stem: &str, task: &str) -> &'static str {
    intern(&format!("{stem}.{task}"))
}
