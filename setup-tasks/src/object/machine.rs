//! The machine of a model.

/// A model with a machine, on which its tasks work. The attribute `#[machine]` on a field implements it.
///
/// The runtime knows nothing of machines. Crates with kinds of tasks for machines, such as `setup-tasks-machines`, require this trait
/// with their type of machine.
///
/// ```
/// use setup_tasks::{HasMachine, prelude::*};
///
/// struct Machine(&'static str);
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "web/{name}")]
/// struct Web {
///     name: String,
///     #[machine]
///     host: Machine,
/// }
///
/// # #[setup_tasks] impl Web {}
/// let web = Web { name: "shop".into(), host: Machine("web1") };
/// assert_eq!(web.machine().0, "web1");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no machine",
    label = "mark the field with the machine by `#[machine]`, or implement `HasMachine`"
)]
pub trait HasMachine {
    /// The type of the machine.
    type Machine;

    /// Returns the machine.
    fn machine(&self) -> &Self::Machine;
}
