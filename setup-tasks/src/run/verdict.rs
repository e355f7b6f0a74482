//! Decisions about tasks whose files are on another host, in a plan.

use super::driver::Driver;
use super::execute::DueTask;
use super::rows::Frame;
use super::walk::Considered;
use crate::object::{Features, RowId};
use crate::report::{RunError, Undecided};
use crate::work::{ObjectVerdict, TaskVerdict};

impl Driver<'_> {
    /// Considers a task whose decision needs files of another host, as the worker there has decided. Returns `None` if this host
    /// decides. A decision that the stamps make is made here.
    pub(super) async fn decided_elsewhere(
        &mut self,
        frame: &Frame,
        row: RowId,
        has: &Features,
    ) -> Result<Option<Considered>, RunError> {
        let verdicts = self.scope.cx.fleet.and_then(|fleet| fleet.verdicts.as_ref()).filter(|_| self.scope.is_plan());
        let Some(verdict) = verdicts.and_then(|verdicts| verdicts.of(&self.scope.object.core().id)) else {
            return Ok(None);
        };
        let verdict = match verdict {
            ObjectVerdict::Tasks(tasks) => tasks.get(has.stamp_name).cloned(),
            ObjectVerdict::Unknown { host } => Some(TaskVerdict::Undecided {
                until: format!("a worker on {host}"),
                error: format!("its files are on {host}, where no worker answers"),
            }),
        };
        Ok(Some(match verdict {
            None => {
                let time = self.records.get(has.stamp_name).and_then(|entry| entry.last_change(has.completion));
                self.up_to_date(frame, row, has.stamp_name, time);
                Considered::At(time.into())
            }
            Some(TaskVerdict::Run(reason)) => {
                Box::pin(self.run_or_plan(DueTask { frame, row, reason, hash: None })).await?
            }
            Some(TaskVerdict::MayRun(reason)) => {
                let time = self.records.get(has.stamp_name).and_then(|entry| entry.last_change(has.completion));
                self.may_run(frame, row, reason, time)
            }
            Some(TaskVerdict::Undecided { until, error }) => self.undecided(frame, row, Undecided { until, error }),
        }))
    }
}
