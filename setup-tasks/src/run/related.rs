//! Checks a relationship: is the other object's task up to date, and when did it run?

use std::borrow::Cow;
use std::sync::Arc;

use super::Options;
use super::driver::drive;
use super::error::RunError;
use super::report::ObjectReport;
use crate::BoxFuture;
use crate::decide::{Decision, Newest};
use crate::depends::RelatedTask;
use crate::object::{AnyObject, DynObject};
use crate::run::gather::Subject;
use crate::stamp::{Entry, Moment};

/// Brings the related tasks up to date as far as the relationship says, and returns the newest of them.
pub(crate) async fn check(
    object: &Arc<dyn DynObject>,
    related: &RelatedTask,
    plan: bool,
) -> Result<Option<Newest>, RunError> {
    let mut newest: Option<Newest> = None;
    for other in &related.objects {
        let time = time_of(other, related, plan).await.map_err(|source| RunError::Related {
            object: object.core().id.to_string(),
            other: other.id().to_owned(),
            task: related.task,
            source: Box::new(source),
        })?;
        Newest::keep_later(&mut newest, time, || Cow::Owned(format!("{}/{}", other.id(), related.task)));
    }
    Ok(newest)
}

/// A run within a run: boxed, since its future would hold itself.
fn drive_boxed(object: Arc<dyn DynObject>, options: Options) -> BoxFuture<'static, Result<ObjectReport, RunError>> {
    Box::pin(drive(object, options))
}

async fn time_of(other: &AnyObject, related: &RelatedTask, plan: bool) -> Result<Option<Moment>, RunError> {
    if related.ready && !plan {
        other.ready().await?;
    }
    if related.ready || related.run_if_needed {
        let stop_after = (!related.ready).then_some(Cow::Borrowed(related.task));
        let options = Options { stop_after, dry_run: plan, ..Options::default() };
        let report = drive_boxed(other.0.clone(), options).await?;
        if let Some(task) = report.task(related.task) {
            return Ok(task.time);
        }
    }
    last_run(&other.0, related.task).await
}

/// When a task last completed, without running anything: by its stamp, or by its completion check.
async fn last_run(object: &Arc<dyn DynObject>, task: &'static str) -> Result<Option<Moment>, RunError> {
    let i = super::find_task(object, task)?;
    let records = object.core().load()?;
    if !object.has_completion_check(i) {
        return Ok(records.get(task).and_then(Entry::valid).map(|stamp| stamp.time));
    }
    let subject = Subject { object, i, entry: None, resource: None };
    match subject.decide(false, None).await?.decision {
        Decision::UpToDate(time) => Ok(time),
        Decision::Run(_) | Decision::Ask(_) => Ok(None),
    }
}
