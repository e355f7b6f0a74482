//! The task that is next for sure: the mark that it is in progress is written with the stamp of the one before it, since two writes
//! cost twice as much as one.

use std::borrow::Cow;

use super::driver::{Driver, Mode};
use super::frame::Frame;
use super::guard::unmark;
use super::probe::unasked_facts;
use crate::decide::{Decision, Newest, decide};
use crate::report::RunError;
use crate::stamp::Timestamp;
use crate::task::category::TaskCategory;
use crate::work::Stops;

impl Driver<'_> {
    /// The task after `task`, which ended at `time`, if it runs then whatever else is asked, and nothing is to be asked or brought
    /// up first.
    pub(super) fn next_for_sure(&self, frame: &Frame, task: &'static str, time: Timestamp) -> Option<&'static str> {
        let object = &frame.object;
        let row = self.follower.filter(|_| self.marked.is_none())?;
        let has = object.features(row);
        let waits = has.category != TaskCategory::Task || has.dependencies || has.dependencies_always;
        let asks = has.completion || has.hash || has.inputs;
        let is_done = self.done.iter().any(|done| done.name == has.stamp_name);
        if waits || asks || is_done || !self.is_selected(frame, row) || !object.system_dependencies(row).is_empty() {
            return None;
        }
        let mut newest = self.newest.clone();
        Newest::keep_later(&mut newest, Some(time), || Cow::Borrowed(task));
        let (forced, entry) = (self.is_forced(frame, has.stamp_name), self.records.get(has.stamp_name));
        let decision = decide(&unasked_facts(object, &has, entry, forced, newest.as_ref()));
        (matches!(decision, Decision::Run(_)) && !Stops::are_asked_now(object.core().layout.stop()))
            .then_some(has.stamp_name)
    }

    /// Takes back the mark of a task that did not begin after all: the run was asked to stop just then, or another task was added
    /// before it and failed.
    pub(super) async fn unmark(&mut self) -> Result<(), RunError> {
        match (self.marked.take(), &self.mode) {
            (Some(task), Mode::Apply(_, Some(session))) => Ok(unmark(session, &self.records, task).await?),
            _ => Ok(()),
        }
    }
}
