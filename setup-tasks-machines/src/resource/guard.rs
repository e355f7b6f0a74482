//! Guarded changes: a new connection confirms them, or the machine takes them back.

use std::time::Duration;

use setup_tasks::TaskContext;
use setup_tasks_agent::protocol::{Call, Cause, Failure, Guard};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::MachineError;
use crate::machine::Machine;
use crate::session::Session;
use crate::transport::Sharing;

/// The time between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// The time in which a machine must accept connections again after it took a change back.
const RECOVERY: Duration = Duration::from_secs(30);

/// Returns a new guard, by which a change is taken back unless it is confirmed within this time.
pub(super) fn new(within: Duration) -> Guard {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    let seconds = u32::try_from(within.as_secs()).unwrap_or(u32::MAX).max(1);
    Guard { id: bytes.iter().map(|byte| format!("{byte:02x}")).collect(), seconds }
}

impl Machine {
    /// Confirms a guarded change over a connection that shares nothing with the one that made it.
    ///
    /// # Errors
    ///
    /// No new connection succeeded in time, so the machine has taken the change back.
    pub(super) async fn confirm(&self, cx: &TaskContext, guard: &Guard) -> Result<(), MachineError> {
        let limit = Duration::from_secs(guard.seconds.into());
        let deadline = Instant::now() + limit;
        let mut refused = None;
        let first = self.confirm_until(guard, deadline, &mut refused).await;
        if first.is_err() && refused.is_some() {
            cx.log("no new connection succeeded, so the machine takes the change back");
        }
        let ended = match first {
            Err(MachineError::Failed { .. }) | Ok(()) => first,
            Err(_) => {
                sleep_until(deadline).await;
                // The machine accepts connections again, and its answer is how the change ended.
                self.confirm_until(guard, Instant::now() + RECOVERY, &mut None).await
            }
        };
        let machine = self.name().to_owned();
        match (ended, refused.map(Box::new)) {
            (Ok(()), _) => {
                cx.log("confirmed the change over a new connection");
                Ok(())
            }
            (Err(MachineError::Failed { failure, .. }), Some(source)) if is_restored(&failure) => {
                Err(MachineError::LockedOut { machine, limit, source })
            }
            (Err(error @ MachineError::Failed { .. }), _) => Err(error),
            (Err(error), source) => {
                let source = source.unwrap_or_else(|| Box::new(error));
                Err(MachineError::Unconfirmed { machine, source })
            }
        }
    }

    /// Tries to confirm a change until the machine answers, or the time is over. `refused` is the last error of an attempt to connect.
    async fn confirm_until(
        &self,
        guard: &Guard,
        deadline: Instant,
        refused: &mut Option<MachineError>,
    ) -> Result<(), MachineError> {
        loop {
            match timeout_at(deadline, self.confirm_once(guard)).await {
                Ok(Err(error)) if !matches!(error, MachineError::Failed { .. }) => *refused = Some(error),
                Ok(answer) => return answer,
                Err(_) => {}
            }
            let next = Instant::now() + PAUSE;
            if next >= deadline {
                let (machine, limit) = (self.name().to_owned(), self.settings().connect_timeout());
                let error = refused.clone().unwrap_or(MachineError::NoAnswer { machine, limit, output: None });
                *refused = Some(error.clone());
                return Err(error);
            }
            sleep_until(next).await;
        }
    }

    async fn confirm_once(&self, guard: &Guard) -> Result<(), MachineError> {
        let session = Session::open(self.settings(), Sharing::Own)?;
        session.call(Call::Confirm { guard: guard.id.clone() }).await?.answer().await.map(drop)
    }
}

/// Returns whether a change was taken back as a whole. Otherwise, the failure has the rest of the story.
fn is_restored(failure: &Failure) -> bool {
    matches!(&failure.cause, Cause::TakenBack(text) if !text.contains("former state"))
}
