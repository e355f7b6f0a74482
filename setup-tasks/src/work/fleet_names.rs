//! The names and patterns by which the filters of a fleet select objects and tasks.

use glob::Pattern;

/// A filter of objects. The id of an existing object is never read as a pattern: `web[1]` selects
/// the object of that id, and not `web1`.
#[derive(Debug)]
pub(crate) enum ObjectName {
    Id(Box<str>),
    Pattern(Pattern),
}

/// A filter of tasks: the tasks of an object, one task, or the tasks that match a pattern over `object/task`.
#[derive(Debug)]
pub(crate) enum TaskName {
    Object(ObjectName),
    Task {
        object: Box<str>,
        task: Box<str>,
    },
    /// The tasks of an object whose id is read literally, and of objects whose ids begin with it.
    Below {
        prefix: Box<str>,
        rest: Pattern,
    },
}

impl ObjectName {
    /// Returns whether the filter selects the object.
    pub(crate) fn matches(&self, id: &str) -> bool {
        match self {
            Self::Id(wanted) => **wanted == *id,
            Self::Pattern(pattern) => pattern.matches(id),
        }
    }
}

impl TaskName {
    /// Returns whether the filter selects the task of the object.
    pub(crate) fn matches(&self, id: &str, task: &str) -> bool {
        match self {
            Self::Object(ObjectName::Id(wanted)) => **wanted == *id,
            Self::Object(ObjectName::Pattern(pattern)) => {
                pattern.matches(id) || pattern.matches(&format!("{id}/{task}"))
            }
            Self::Task { object, task: wanted } => **object == *id && **wanted == *task,
            Self::Below { prefix, rest } => {
                let matches = |text: &str| text.strip_prefix(&**prefix).is_some_and(|text| rest.matches(text));
                matches(id) || matches(&format!("{id}/{task}"))
            }
        }
    }
}
