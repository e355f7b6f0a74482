//! The customizations of a walk. Their rows are spliced into the host's rows when the walk reaches
//! them, because the function that creates the model may read what earlier tasks have made.

use std::borrow::Cow;

use super::driver::Driver;
use super::last_change::newest_by;
use super::rows::{Frame, Rows};
use super::walk::Considered;
use crate::earlier::{EarlierTasks, LastChange};
use crate::object::RowId;
use crate::report::{RunError, TaskReport};
use crate::task::run_context::ContextExit;

impl Driver<'_> {
    /// Enters a customization, whose tasks are considered in place of its row.
    ///
    /// If the customization's own model is readonly, none of its tasks run unless one is called by
    /// its handle. The times of their last runs still count.
    pub(super) async fn enter_customization(&mut self, frame: &Frame, row: RowId) -> Result<Considered, RunError> {
        let (object, name) = (frame.object.clone(), frame.object.stamp_name(row));
        // If a task of the customization runs this one, the customization's context is entered
        // already.
        let is_within = self.scope.caller.as_ref().is_some_and(|caller| caller.is_within(name));
        let made = object.clone().customization(row).and_then(|inner| {
            let context = if is_within { None } else { object.customization_context(row)? };
            Ok((inner, context))
        });
        let (inner, context) = match made {
            Ok(made) => made,
            Err(error) => {
                let error = RunError::check(&self.scope.object.core().id, name, "customization", error);
                return self.fail_or_defer(frame, row, None, error);
            }
        };
        let is_called = frame.is_host() && self.scope.is_single_task();
        if !is_called && inner.core().model_readonly == Some(true) {
            let change = newest_by(&inner, &self.records, self.scope.cx.mode).await?.into();
            self.pass_on(frame, row, change, || Cow::Borrowed(name));
            return Ok(Considered::At(change));
        }
        self.position.contexts.push(context);
        self.results.enter();
        // A subscription of the row limits the changes that reach its tasks.
        let subscription = frame.object.subscription(row, &frame.object.features(row));
        let inherited = self.position.earlier.of(subscription).into_owned();
        let inside = EarlierTasks::of_frame(inherited, inner.subscribes());
        self.position.outer.push(std::mem::replace(&mut self.position.earlier, inside));
        Ok(Considered::Enter(self.scope.customization_frame(frame, row, inner)))
    }

    /// Leaves a customization, and reports its row in the frame around it. The last change of the row
    /// is that of its tasks.
    pub(super) async fn leave_customization(
        &mut self,
        outer: &Frame,
        row: RowId,
        exit: ContextExit,
    ) -> Result<LastChange, RunError> {
        let left = self.leave_context(exit).await;
        let subtasks = self.results.leave();
        self.report_nested(outer);
        let changes = subtasks.iter().map(|task| task.last_change);
        let (object, change) = (&outer.object, changes.fold(LastChange::default(), LastChange::or));
        let name = object.stamp_name(row);
        let inside = self.leave_earlier();
        self.position.earlier.merge(inside.all());
        self.pass_on(outer, row, change, || Cow::Borrowed(name));
        let report = TaskReport::of_subtasks(name, object.describe(row), subtasks, change);
        self.results.tasks.push(report);
        left.map(|()| change)
    }

    /// Returns to the earlier tasks of the frame around the innermost one, and returns those of the
    /// innermost frame.
    fn leave_earlier(&mut self) -> EarlierTasks {
        let outer = self.position.outer.pop().unwrap_or_default();
        std::mem::replace(&mut self.position.earlier, outer)
    }

    /// Drops the customizations that the walk is in, because it starts again.
    pub(super) fn drop_customizations(&mut self, rows: &mut Rows) {
        while rows.leave().is_some() {
            self.position.contexts.pop_unentered();
            drop((self.results.leave(), self.leave_earlier()));
        }
    }
}
