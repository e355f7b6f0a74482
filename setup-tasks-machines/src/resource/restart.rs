//! The wait for a machine that restarts.

use std::sync::Arc;
use std::time::Duration;

use setup_tasks::TaskContext;
use setup_tasks_agent::protocol::Facts;
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::MachineError;
use crate::machine::Machine;
use crate::session::Session;
use crate::transport::Sharing;

/// The time between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// The time between two lines about the wait.
const LINES: Duration = Duration::from_secs(10);

impl Machine {
    /// Waits until the machine has another boot id than before, and uses the connection to it from now on.
    ///
    /// # Errors
    ///
    /// The machine did not answer with another boot id in time.
    pub(super) async fn wait_for_boot(
        &self,
        cx: &TaskContext,
        before: &str,
        limit: Duration,
    ) -> Result<(), MachineError> {
        let began = Instant::now();
        cx.log(format!("waits until {} has booted again", self.name()));
        self.connection().replace(None);
        self.settings().transport().forget().await;
        let (mut last, mut said) = (None, began);
        while began.elapsed() < limit {
            match timeout_at(began + limit, self.connect_anew()).await {
                Ok(Ok((session, facts))) if facts.boot_id != before => {
                    self.connection().replace(Some(session));
                    cx.log(format!("{} has booted again, after {} s", self.name(), began.elapsed().as_secs()));
                    return Ok(());
                }
                // It still goes down.
                Ok(Ok(_)) => last = None,
                Ok(Err(error)) => last = Some(Box::new(error)),
                Err(_) => {}
            }
            if said.elapsed() >= LINES {
                said = Instant::now();
                cx.log(format!("waits until {} has booted again, {} s so far", self.name(), began.elapsed().as_secs()));
            }
            sleep(PAUSE).await;
        }
        Err(MachineError::NotRestarted { machine: self.name().to_owned(), limit, source: last })
    }

    /// Opens a connection that shares nothing with others.
    async fn connect_anew(&self) -> Result<(Session, Arc<Facts>), MachineError> {
        let session = Session::open(self.settings(), Sharing::Own)?;
        let facts = session.facts().await?;
        Ok((session, facts))
    }
}
