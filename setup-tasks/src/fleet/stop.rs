//! Asking a fleet to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// Asks a fleet to stop: tasks that run then are brought to their end, no other is begun. Clones are one and the same.
///
/// ```
/// use setup_tasks::{fleet::Stop, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door { stop: Stop }
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) { self.stop.ask(); }
///     #[setup_task("Hang it")]
///     fn hang(&self) {}
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let (layout, stop) = (setup_tasks::Layout::in_memory()?, Stop::new());
/// let door = layout.add(Door { stop: stop.clone() })?;
/// let report = layout.run().stop_when(stop).await?;
/// assert!(report.stopped);
/// assert!(door.check_stamp("paint")?.is_some() && door.check_stamp("hang")?.is_none());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// One that nobody asks for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for it.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn asked(&self) {
        // An error would say that the sender is gone; it is here.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}
