//! The categories of tasks.

use serde::Serialize;

/// The category of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskCategory {
    /// A task that is a method, a value or a closure.
    Task,
    /// A dependency on a task of other objects.
    Relationship,
    /// The tasks of another model.
    Customization,
}
