//! A restart of the machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::Far;
use crate::protocol::{Difference, Init};
use crate::resource::{Resource, no_undo};

/// The time within which a machine must answer again, in seconds.
const DEFAULT_WITHIN: u32 = 600;

/// A restart of the machine. It is an action: the agent starts it, and the controller waits until the machine has
/// [booted](crate::protocol::Facts::boot_id) again.
///
/// ```
/// use setup_tasks_agent::resources::Reboot;
///
/// Reboot::now();
/// Reboot::if_required();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    only_if_required: bool,
    /// The time within which the machine must answer again, in seconds.
    within: u32,
}

impl Reboot {
    /// The file by which Debian reports that a restart is required.
    pub const REQUIRED: &str = "/run/reboot-required";

    /// Creates a restart.
    pub fn now() -> Self {
        Self { only_if_required: false, within: DEFAULT_WITHIN }
    }

    /// Creates a restart that does nothing unless an installed package requires it.
    pub fn if_required() -> Self {
        Self { only_if_required: true, within: DEFAULT_WITHIN }
    }

    /// Sets the time within which the machine must have booted and answer again. The default is 10 minutes.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX);
        self
    }
}

impl Resource for Reboot {
    const KIND: &str = "reboot";
    const HAS_UNDO: bool = false;
    const ACTION: bool = true;

    fn name(&self) -> String {
        "restart of the machine".into()
    }

    fn is_due(&self, far: &mut Far) -> Result<bool> {
        Ok(!self.only_if_required || far.stat(Self::REQUIRED)?.is_some())
    }

    fn restart(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.within.into()))
    }

    fn observe(&self, _: &mut Far) -> Result<Vec<Difference>> {
        Ok(Vec::new())
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let tried = "restart the machine";
        match far.facts().init {
            // It returns at once, so that the answer still reaches the controller.
            Init::Systemd => far.command("systemctl").args(["--no-block", "reboot"]).output(tried).map(drop),
            Init::Other => far.command("reboot").output(tried).map(drop),
        }
    }

    fn undo(&self, _: &mut Far) -> Result<()> {
        Err(no_undo("a restart cannot be taken back"))
    }
}
