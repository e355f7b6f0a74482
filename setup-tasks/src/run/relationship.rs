//! The check of a relationship: brings the task of the other object up to date if requested, and
//! returns its time.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};

use super::driver::{Driver, drive_locked};
use super::helper_call::call_helper;
use super::last_change::last_change;
use super::plan::recording;
use super::rows::Frame;
use super::walk::Considered;
use super::{Options, RunRole};
use crate::BoxFuture;
use crate::depends::RelatedTask;
use crate::earlier::{Changes, LastChange};
use crate::object::Permit;
use crate::object::{AnyObject, DynObject, RowId};
use crate::object::{ProgressQuery, TaskRecorded};
use crate::report::ObjectReport;
use crate::report::RunError;
use crate::task::context::LazyContext;
use crate::wait::WaitCondition;
use crate::work::{Mode, RequestCx, WorkContext};

impl Driver<'_> {
    /// Considers a relationship, and returns its last change. Later tasks are compared with the tasks
    /// of the other objects.
    pub(super) async fn relation(&mut self, frame: &Frame, row: RowId) -> Result<Considered, RunError> {
        let object = &frame.object;
        let Some(to) = object.related(row) else { return Ok(Considered::At(LastChange::default())) };
        let requested = self.requested_work();
        let others = match recording(self.scope.cx.work, requested.as_ref(), self.relatives(frame, row, &to)).await {
            Ok(others) => others,
            Err(error) => return self.fail_or_defer(frame, row, requested.as_ref(), error),
        };
        let changes = check(self.scope.object, &others, &to, &self.scope.cx).await?;
        self.position.earlier.add_all(|| object.name(row), &changes);
        self.report_up_to_date(frame, row, changes.last());
        Ok(Considered::At(changes.last()))
    }

    /// Considers the tasks of other objects on which the kind of a task depends. Returns their
    /// changes, with which only this task compares.
    pub(super) async fn dependencies(&self, frame: &Frame, row: RowId) -> Result<Changes, RunError> {
        let mut changes = Changes::default();
        for dependency in frame.object.dependencies(row) {
            let (other, to) = dependency.parts();
            changes.merge(&check(self.scope.object, &[other], &to, &self.scope.cx).await?);
        }
        Ok(changes)
    }

    /// Returns the related objects. The method of a relationship is called once per request and
    /// awaited to its end.
    async fn relatives(&self, frame: &Frame, row: RowId, to: &RelatedTask) -> Result<Vec<AnyObject>, RunError> {
        let (known, RequestCx { mode, request, .. }) = (&frame.object.core().relatives, self.scope.cx);
        if to.by_method
            && let Some(others) = known.of(row, mode, request)
        {
            return Ok(others);
        }
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        let failed = |source| RunError::check(&self.scope.object.core().id, name, "relationship", source);
        let cx = LazyContext::new(object, name, None, self.position.contexts.resources());
        let relatives = call_helper(|| object.relatives(row, &cx)).await.map_err(failed)?.unwrap_or_default();
        let mut others = Vec::with_capacity(relatives.0.len());
        for relative in relatives.0 {
            let found = relative.find(object.core().injector()).await;
            others.push(
                found.map_err(|error| {
                    failed(error.asked_by(format!("{}/{name}", self.scope.object.core().id)).into())
                })?,
            );
        }
        if to.by_method {
            known.keep(row, mode, request, &others);
        }
        Ok(others)
    }
}

/// Brings the related tasks up to date as far as the relationship requires, and returns their
/// changes.
pub(super) async fn check(
    object: &Arc<dyn DynObject>,
    others: &[AnyObject],
    related: &RelatedTask,
    cx: &RequestCx<'_>,
) -> Result<Changes, RunError> {
    let mut changes = Changes::default();
    for other in others {
        if other.is_retired() {
            let (object, other) = (object.core().id.to_string(), other.id().to_owned());
            return Err(RunError::DependsOnRetired { object, other, task: related.task });
        }
        let change = change_of(other, related, cx).await.map_err(|source| RunError::Related {
            object: object.core().id.to_string(),
            other: other.id().to_owned(),
            task: related.task,
            source: source.into(),
        })?;
        changes.add(change, || Cow::Owned(format!("{}/{}", other.id(), related.task)));
    }
    Ok(changes)
}

async fn change_of(other: &AnyObject, related: &RelatedTask, cx: &RequestCx<'_>) -> Result<LastChange, RunError> {
    let row = super::find_task(&other.0, related.task)?;
    let is_plan = cx.mode.is_plan();
    if cx.excludes(other.id()) || other.readonly() {
        return Ok(last_change(&other.0, row, cx.mode).await?.into());
    }
    let permit = Permit::of(other.0.core(), cx.mode);
    // A real run does not change an object whose own configuration allows only plans.
    if !is_plan && permit.is_none() {
        return Ok(last_change(&other.0, row, cx.mode).await?.into());
    }
    if related.ready && !is_plan {
        crate::ready::ready(&other.0, cx.work).await?;
    }
    if related.run_if_needed || (related.ready && is_plan) {
        return considered(&other.0, row, permit, cx).await;
    }
    Ok(last_change(&other.0, row, cx.mode).await?.into())
}

/// Returns the last change of a task that was considered since the query began. The task may have been
/// considered already. Otherwise this waits until a run in progress has considered it, but not for
/// the end of that run, or considers it now.
async fn considered(
    other: &Arc<dyn DynObject>,
    row: RowId,
    permit: Option<Permit>,
    cx: &RequestCx<'_>,
) -> Result<LastChange, RunError> {
    let mode = cx.mode;
    let (core, query) = (other.core(), ProgressQuery::of(cx, &**other, row));
    let progress = core.progress(mode);
    let waiter = progress.waiter();
    loop {
        // The notification is enabled before the look at the result, so that none in between is
        // missed.
        let mut changed = pin!(waiter.changed());
        changed.as_mut().enable();
        if let Some(known) = progress.result(query, row) {
            return known;
        }
        let until: Arc<dyn WaitCondition> = Arc::new(TaskRecorded { object: Arc::downgrade(other), mode, query, row });
        let _wait = match progress.node.wait_until(cx.work, Some(Arc::downgrade(&until))) {
            Ok(wait) => wait,
            Err(source) => {
                let running = progress.result(query.or_running(), row);
                return running.unwrap_or(Err(RunError::circle(&core.id, source)));
            }
        };
        let Either::Left((lock, _)) = select(pin!(progress.run_lock()), changed).await else { continue };
        if let Some(known) = progress.result(query, row) {
            return known;
        }
        let stop_after = Some(Cow::Borrowed(other.name(row)));
        let options =
            Options { stop_after, role: RunRole::PartOfRequest, query: Some((query, row)), ..Options::default() };
        drive_boxed(other.clone(), options, permit, cx.work.clone()).await?;
        drop(lock);
        return match progress.result(query, row) {
            Some(known) => known,
            None => Ok(last_change(other, row, mode).await?.into()),
        };
    }
}

/// Drives a run within a run. The future is boxed because it would otherwise contain itself.
fn drive_boxed(
    object: Arc<dyn DynObject>,
    options: Options,
    permit: Option<Permit>,
    work: WorkContext,
) -> BoxFuture<'static, Result<ObjectReport, RunError>> {
    Box::pin(work.run_nested(|work| async move {
        let mode = if permit.is_some() { Mode::Apply } else { Mode::Plan };
        drive_locked(&object, &options, permit, RequestCx::of(&work, mode)).await
    }))
}
