//! Names of tasks. Those that are made at run time are each kept once, for the life of the process: there are as many as a
//! program has tasks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The name, for as long as the process lives.
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

/// What the stamp of a customization's task is called.
pub(crate) fn with_stem(stem: &str, task: &str) -> &'static str {
    intern(&format!("{stem}.{task}"))
}
