//! Marks tasks as done without running them.

use std::sync::Arc;

use super::probe::TaskProbe;
use super::session::Session;
use super::{find_task, unknown_task};
use crate::object::Permit;
use crate::object::{AnyObject, DynObject, RowId};
use crate::report::RunError;
use crate::stamp::{AttemptEnd, Change, Entry, Fence, HistoryEntry, InputStamp, Stamp, StampError};
use crate::task::category::TaskCategory;
use crate::work::{Mode, RequestCx, WorkContext};

/// The contents of a stamp that is written by hand.
#[derive(Default)]
pub(crate) struct ManualStamp {
    pub(crate) hash: String,
    pub(crate) source: Option<u64>,
    pub(crate) inputs: Vec<InputStamp>,
}

/// Writes a stamp by hand, and returns it.
pub(crate) async fn write_manual_stamp(
    object: &dyn DynObject,
    permit: &Permit,
    fence: Option<Fence>,
    name: &str,
    manual: ManualStamp,
) -> Result<Stamp, StampError> {
    let core = object.core();
    core.layout.observe_store(Mode::Apply).await?;
    let ManualStamp { hash: contents, source, inputs } = manual;
    let (time, run) = (core.layout.clock().now(), core.layout.run_id());
    let stamp = Stamp { time, contents, source, run, inputs, ..Stamp::default() };
    let history = HistoryEntry {
        run: run.to_string(),
        object: core.subdir.to_string(),
        task: name.to_owned(),
        time,
        duration_us: 0,
        ended: AttemptEnd::Marked,
        reason: "marked by hand".to_owned(),
        error: None,
        why: None,
    };
    let (entry, history) = (Entry::completed(stamp.clone()), Box::new(history));
    core.change(permit, fence, Change::MarkDone { task: name.to_owned(), entry, history }).await?;
    Ok(stamp)
}

impl AnyObject {
    /// Marks a task as done without running it, with its current hash and inputs. The task then
    /// counts as up to date, and later tasks run again as they would after a run of it. The name of
    /// a customization's task begins with the customization's stem, as in `web.install`. If a run
    /// of the object is in progress, in this process or another one, the call waits for its end.
    ///
    /// # Errors
    ///
    /// Returns an error if the object does not have the task, if the task has no stamp (a task with
    /// a completion check, a relationship or a customization), if its hash or inputs cannot be
    /// computed, or if the lease or the store is not available.
    pub async fn mark_done(&self, task: &str) -> Result<Stamp, RunError> {
        let (frame, row) = find(&self.0, task)?;
        let no_stamp = |what| RunError::NoStamp { object: self.id().to_owned(), task: task.to_owned(), what };
        let has = frame.features(row);
        match has.category {
            TaskCategory::Relationship => return Err(no_stamp("relationship")),
            TaskCategory::Customization => return Err(no_stamp("customization")),
            TaskCategory::Task if has.completion => {
                return Err(no_stamp("task with a completion check"));
            }
            TaskCategory::Task => {}
        }
        let permit = Permit::to_change(self.0.core(), "the stamp")?;
        let root = self.0.root();
        let progress = root.core().progress(Mode::Apply);
        let work = WorkContext::get();
        let cx = RequestCx::of(&work, Mode::Apply);
        let _wait = progress.node.wait(&work).map_err(|circle| RunError::circle(self.id(), circle))?;
        let _lock = progress.run_lock().await;
        let (session, records) = Session::begin(&self.0, &permit, &cx).await?;
        let name = has.stamp_name;
        let (entry, resources) = (records.get(name), Vec::new());
        let probe = TaskProbe { object: &frame, row, entry, resources, observation: None, mode: cx.mode };
        let hash = probe.hash().await?.unwrap_or_default();
        let manual = ManualStamp { hash, source: has.source, inputs: probe.record_inputs()? };
        Ok(write_manual_stamp(&*self.0, &permit, session.fence(), name, manual).await?)
    }
}

/// Returns the row of a task and the object with this row, which is a customization's object if the
/// name begins with the customization's stem.
fn find(object: &Arc<dyn DynObject>, task: &str) -> Result<(Arc<dyn DynObject>, RowId), RunError> {
    if let Some(row) = object.row(task) {
        return Ok((object.clone(), row));
    }
    let Some((stem, rest)) = task.split_once('.') else { return Err(unknown_task(object, task)) };
    let row = find_task(object, stem).map_err(|_| unknown_task(object, task))?;
    let inner = object.clone().customization(row).map_err(|_| unknown_task(object, task))?;
    find(&inner, rest)
}
