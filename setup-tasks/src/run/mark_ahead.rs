//! The mark of the next task, written ahead together with the stamp of the task before it. This
//! saves one write per task, since two writes cost twice as much as one. The figure is under
//! "Measured changes" in `docs/src/internals/performance.md`.

use std::borrow::Cow;

use super::classify::{Class, KnownFacts, classify};
use super::driver::Driver;
use super::guard::unmark;
use super::rows::Frame;
use crate::object::RowId;
use crate::report::RunError;
use crate::stamp::Timestamp;

impl Driver<'_> {
    /// Returns the task after row `current`, which last changed something at `time`, if that task is
    /// certain to run next and needs neither a probe nor a system dependency first.
    pub(super) fn certain_follower(&self, frame: &Frame, current: RowId, time: Timestamp) -> Option<&'static str> {
        let (object, task) = (&frame.object, frame.object.stamp_name(current));
        let row = self.position.follower.filter(|_| self.records.marked_ahead.is_none())?;
        let has = object.features(row);
        // The stamp contains the hash and the inputs from before the task begins, so these must be
        // read first.
        let is_recorded = has.completion || has.hash || has.inputs;
        let is_done = self.nested_task(has.stamp_name).is_some();
        if is_recorded || is_done || !self.scope.is_selected(frame, row) || !object.system_dependencies(row).is_empty()
        {
            return None;
        }
        let mut earlier = self.position.earlier.clone();
        earlier.add(|| object.name(current), Some(time).into(), || Cow::Borrowed(task));
        let changes = earlier.of(object.subscription(row, &has));
        let entry = self.records.get(has.stamp_name);
        let forced = self.scope.is_forced(frame, has.stamp_name, entry);
        let known = KnownFacts { forced, entry, ..KnownFacts::default() }.after(&changes);
        (matches!(classify(&has, &known), Class::Run(_)) && !self.scope.is_stop_requested()).then_some(has.stamp_name)
    }

    /// Withdraws the mark of a task that did not begin after all. The run was asked to stop, or
    /// another task was added before it and failed.
    pub(super) async fn unmark(&mut self) -> Result<(), RunError> {
        match (self.records.marked_ahead.take(), self.access.session()) {
            (Some(task), Some(session)) => Ok(unmark(session, &self.records, task).await?),
            _ => Ok(()),
        }
    }
}
