//! Notifications at the end of runs.

use clap::{Args, ValueHint};
use futures_util::future::join_all;
use setup_tasks::fleet::{FleetError, FleetReport};
use setup_tasks::{Layout, Result};
use setup_tasks_telemetry::notify::{Notice, Receiver};

use crate::{output, telemetry};

/// The receivers of notifications.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NotifyArgs {
    /// Send the report as JSON to this command or web address if the run fails or changes something
    #[arg(long, value_name = "COMMAND|URL", value_hint = ValueHint::CommandString)]
    notify: Vec<String>,
}

/// Receivers that can be notified.
#[derive(Debug, Default)]
pub(crate) struct Notifier(Vec<Receiver>);

impl NotifyArgs {
    /// Returns the receivers of the command line and those of the configuration.
    ///
    /// # Errors
    ///
    /// If a receiver cannot be used.
    pub(crate) fn notifier(&self, layout: &Layout) -> Result<Notifier> {
        let mut receivers = Vec::new();
        for text in self.notify.iter().chain(&layout.config().notify) {
            let receiver: Receiver = text.parse()?;
            if !receivers.contains(&receiver) {
                receivers.push(receiver);
            }
        }
        Ok(Notifier(receivers))
    }
}

impl Notifier {
    /// Notifies all receivers at once. A failure is a warning.
    pub(crate) async fn tell(&self, layout: &Layout, report: &Result<FleetReport, FleetError>) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let program = telemetry::program();
        let notice = match report {
            Ok(report) => Notice::of(layout, report, &program)?,
            Err(error) => Some(Notice::of_error(layout, error, &program)?),
        };
        if let Some(notice) = notice {
            let sent = join_all(self.0.iter().map(|receiver| receiver.send(&notice))).await;
            sent.into_iter().filter_map(Result::err).for_each(|error| output::warning(&anyhow::Error::new(error)));
        }
        Ok(())
    }
}
