//! The mark of the next task, written ahead together with the stamp of the task before it. This
//! saves one write per task, since two writes cost twice as much as one. The figure is under
//! "Measured changes" in `docs/src/internals/performance.md`.

use std::borrow::Cow;

use super::classify::{Class, Known, classify};
use super::driver::{Access, Driver};
use super::frame::Frame;
use super::guard::unmark;
use crate::decide::Newest;
use crate::report::RunError;
use crate::stamp::Timestamp;

impl Driver<'_> {
    /// Returns the task after `task`, which ended at `time`, if that task is certain to run next
    /// and needs neither a probe nor a system dependency first.
    pub(super) fn next_for_sure(&self, frame: &Frame, task: &'static str, time: Timestamp) -> Option<&'static str> {
        let object = &frame.object;
        let row = self.follower.filter(|_| self.marked.is_none())?;
        let has = object.features(row);
        // The stamp contains the hash and the inputs from before the task begins, so these must be
        // read first.
        let is_recorded = has.completion || has.hash || has.inputs;
        let is_done = self.done(has.stamp_name).is_some();
        if is_recorded || is_done || !self.is_selected(frame, row) || !object.system_dependencies(row).is_empty() {
            return None;
        }
        let mut newest = self.newest.clone();
        Newest::keep_later(&mut newest, Some(time), || Cow::Borrowed(task));
        let (forced, entry) = (self.is_forced(frame, has.stamp_name), self.records.get(has.stamp_name));
        let known = Known { forced, entry, newest: newest.as_ref(), slow_invalidators: false };
        (matches!(classify(&has, &known), Class::Run(_)) && !self.cx.is_stop_asked(object.core().layout.stop()))
            .then_some(has.stamp_name)
    }

    /// Withdraws the mark of a task that did not begin after all. The run was asked to stop, or
    /// another task was added before it and failed.
    pub(super) async fn unmark(&mut self) -> Result<(), RunError> {
        match (self.marked.take(), &self.access) {
            (Some(task), Access::Apply(_, Some(session))) => Ok(unmark(session, &self.records, task).await?),
            _ => Ok(()),
        }
    }
}
