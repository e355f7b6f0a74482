//! The patterns by which a fleet names objects and tasks.

use glob::Pattern;

/// Objects, as a filter names them. The id of an object that exists is never taken for a pattern: `web[1]` is that object, and
/// not `web1`.
#[derive(Debug)]
pub(crate) enum ObjectName {
    Id(Box<str>),
    Pattern(Pattern),
}

/// Tasks, as a filter names them: those of an object, one task, or what matches a pattern over `object/task`.
#[derive(Debug)]
pub(crate) enum TaskName {
    Object(ObjectName),
    Task {
        object: Box<str>,
        task: Box<str>,
    },
    /// Tasks of an object whose id is taken as it is written, and objects whose ids begin with it.
    Below {
        prefix: Box<str>,
        rest: Pattern,
    },
}

impl ObjectName {
    /// Returns whether the name stands for the object.
    pub(crate) fn matches(&self, id: &str) -> bool {
        match self {
            Self::Id(wanted) => **wanted == *id,
            Self::Pattern(pattern) => pattern.matches(id),
        }
    }
}

impl TaskName {
    /// Returns whether the name stands for the task of the object.
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
