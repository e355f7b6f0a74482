//! The parser of the filters of a fleet. A user names objects and tasks by a pattern, or by an id,
//! which is read literally.

use std::sync::Arc;

use glob::Pattern;

use super::FleetError;
use crate::layout::Layout;
use crate::object::{AnyObject, DynObject};
use crate::task::category::TaskCategory;
use crate::work::{ObjectName, TaskName};

impl ObjectName {
    pub(super) fn new(text: &str, layout: &Layout) -> Result<Self, FleetError> {
        match layout.get(text) {
            Some(_) => Ok(Self::Id(text.into())),
            None => parse_pattern(text, text).map(Self::Pattern),
        }
    }
}

impl TaskName {
    pub(super) fn new(text: &str, layout: &Layout) -> Result<Self, FleetError> {
        if layout.get(text).is_some() {
            return ObjectName::new(text, layout).map(Self::Object);
        }
        // Ids and names of tasks may contain slashes, too.
        let splits = || {
            let at = |(at, _)| Some((layout.get(&text[..at])?, &text[at + 1..]));
            text.rmatch_indices('/').filter_map(at)
        };
        if let Some((object, task)) = splits().find(|(object, task)| has_task(object, task)) {
            return Ok(Self::Task { object: object.id().into(), task: task.into() });
        }
        match splits().next() {
            Some((object, rest)) => {
                Ok(Self::Below { prefix: format!("{}/", object.id()).into(), rest: parse_pattern(rest, text)? })
            }
            None => ObjectName::new(text, layout).map(Self::Object),
        }
    }

    /// Returns whether the filter selects a task of the object.
    pub(super) fn names_some_of(&self, object: &AnyObject) -> bool {
        let id = object.id();
        object.0.order().iter().any(|row| self.matches(id, object.0.stamp_name(row)))
            || inner_tasks(object).iter().any(|task| self.matches(id, task))
    }
}

/// Parses a pattern that is a part, or all, of the user's text. An error shows the whole text.
fn parse_pattern(part: &str, text: &str) -> Result<Pattern, FleetError> {
    Pattern::new(part).map_err(|error| FleetError::Pattern { pattern: text.to_owned(), problem: error.msg.to_owned() })
}

fn has_task(object: &AnyObject, task: &str) -> bool {
    object.0.order().iter().any(|row| object.0.stamp_name(row) == task)
        || inner_tasks(object).iter().any(|name| name == task)
}

/// Returns the stamp names of the tasks of an object's customizations, at any depth.
fn inner_tasks(object: &AnyObject) -> Vec<String> {
    fn add(object: &Arc<dyn DynObject>, names: &mut Vec<String>) {
        for row in object.order().iter().filter(|&row| object.category(row) == TaskCategory::Customization) {
            // The run reports a customization that cannot be created.
            let Ok(custom) = object.clone().customization(row) else { continue };
            names.extend(custom.order().iter().map(|row| custom.stamp_name(row).to_owned()));
            add(&custom, names);
        }
    }
    let mut names = Vec::new();
    add(&object.0, &mut names);
    names
}
