//! The names of objects, tasks, types and tags as candidates.

use std::cell::RefCell;
use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;
use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::{AnyObject, Layout};

use crate::output::printable;

/// The layout is built only if a name is completed.
type Build = Box<dyn Fn() -> Option<Layout>>;

thread_local! {
    /// `clap` calls completers without a context, on the thread that asks for candidates.
    static BUILD: RefCell<Option<Build>> = const { RefCell::new(None) };
}

/// Calls a function within which completers on this thread know the layout.
pub(crate) fn with_layout<R>(build: impl Fn() -> Option<Layout> + 'static, work: impl FnOnce() -> R) -> R {
    BUILD.set(Some(Box::new(build)));
    let result = work();
    BUILD.set(None);
    result
}

/// Completes the id of an object.
pub(crate) fn objects(word: &OsStr) -> Vec<CompletionCandidate> {
    let all = all();
    begins_with(all.iter().map(|object| (object.id().to_owned(), object.type_name())), word)
}

/// Completes an object, and a task of an object only after its slash.
pub(crate) fn objects_before_tasks(word: &OsStr) -> Vec<CompletionCandidate> {
    let mut names = objects(word);
    if word.as_encoded_bytes().contains(&b'/') {
        names.extend(tasks(word).into_iter().filter(|task| !task.get_value().as_encoded_bytes().ends_with(b"/")));
    }
    names
}

/// Completes an object, or a task of an object.
pub(crate) fn objects_and_tasks(word: &OsStr) -> Vec<CompletionCandidate> {
    let all = all();
    let mut names: Vec<_> = all.iter().map(|object| (object.id().to_owned(), object.type_name().to_owned())).collect();
    names.extend(all.iter().filter(|object| is_named(object, &all, word)).flat_map(tasks_of));
    begins_with(names, word)
}

/// Completes a task of an object. Before the object is known, the candidates are objects that end in a slash.
pub(crate) fn tasks(word: &OsStr) -> Vec<CompletionCandidate> {
    let all = all();
    let (named, others): (Vec<_>, Vec<_>) = all.iter().partition(|object| is_named(object, &all, word));
    let others = others.iter().map(|object| (format!("{}/", object.id()), object.type_name().to_owned()));
    begins_with(named.into_iter().flat_map(tasks_of).chain(others), word)
}

/// Completes the name of a type.
pub(crate) fn types(word: &OsStr) -> Vec<CompletionCandidate> {
    let mut names: Vec<_> = all().iter().map(|object| object.type_name().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    begins_with(names.into_iter().map(|name| (name, "")), word)
}

/// Completes a group.
pub(crate) fn groups(word: &OsStr) -> Vec<CompletionCandidate> {
    let all = all();
    let mut names: Vec<_> = all.iter().flat_map(AnyObject::groups).map(ToOwned::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    begins_with(names.into_iter().map(|name| (name, "")), word)
}

/// Completes a tag.
pub(crate) fn tags(word: &OsStr) -> Vec<CompletionCandidate> {
    let leaves = all().into_iter().flat_map(|object| object.inspect()).flat_map(ObjectTaskInspector::into_leaves);
    let mut names: Vec<_> = leaves.flat_map(|task| task.tags().to_vec()).collect();
    names.sort_unstable();
    names.dedup();
    begins_with(names.into_iter().map(|name| (name.to_owned(), "")), word)
}

/// Returns all objects. A layout that cannot be built has none, because an error would disturb the user's line.
fn all() -> Vec<AnyObject> {
    let layout = BUILD.with_borrow(|build| build.as_ref().and_then(|build| build()));
    layout.as_ref().map(Layout::all).unwrap_or_default()
}

/// Returns whether a word names an object: by its id and a slash, or as the only object that begins so.
fn is_named(object: &AnyObject, all: &[AnyObject], word: &OsStr) -> bool {
    let Some(word) = word.to_str() else { return false };
    let is_alone = || all.iter().filter(|other| other.id().starts_with(word)).count() == 1;
    word.strip_prefix(object.id()).is_some_and(|rest| rest.starts_with('/'))
        || !word.is_empty() && object.id().starts_with(word) && is_alone()
}

/// Returns the tasks of an object, with their descriptions. The tasks of a customization follow it.
fn tasks_of(object: &AnyObject) -> Vec<(String, String)> {
    fn add(object: &AnyObject, tasks: &[ObjectTaskInspector], names: &mut Vec<(String, String)>) {
        for task in tasks {
            names.push((format!("{}/{}", object.id(), task.stamp_name()), task.description().to_owned()));
            add(object, task.subtasks(), names);
        }
    }
    let mut names = Vec::new();
    add(object, &object.inspect(), &mut names);
    names
}

/// Returns the names that begin with a word, with their help. A name that would steer the terminal is left out.
fn begins_with<H: AsRef<str>>(names: impl IntoIterator<Item = (String, H)>, word: &OsStr) -> Vec<CompletionCandidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    let fitting = names.into_iter().filter(|(name, _)| name.starts_with(word) && printable(name) == *name);
    let candidate = |(name, help): (String, H)| {
        let help = Some(printable(help.as_ref()).into_owned()).filter(|help| !help.is_empty());
        CompletionCandidate::new(name).help(help.map(Into::into))
    };
    fitting.map(candidate).collect()
}
