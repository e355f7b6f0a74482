//! The pass of a fleet over an object whose stamps alone prove that it is up to date.

use std::sync::Arc;

use super::access::Access;
use super::contexts::ContextStack;
use super::driver::Driver;
use super::rows::Rows;
use super::scope::RunScope;
use super::walk::Passed;
use super::{Options, RunRole};
use crate::event::EventKind;
use crate::object::{DynObject, Permit, RunGuard};
use crate::work::{Mode, RequestCx, WorkContext};

/// Brings an object of a fleet to ready if its stamps alone prove that all its tasks are up to date. Returns whether the
/// object is ready. If it is not, [`ready`](crate::ready::renew) continues after the tasks that this function has passed.
///
/// Most objects of most fleets end here. Nothing in this function waits, so the object needs no future of its own and no
/// edges in the wait graph. The figure is under "Measured changes" in `docs/src/internals/performance.md`.
pub(crate) fn pass(object: &Arc<dyn DynObject>, work: &WorkContext) -> bool {
    let core = object.core();
    if !object.is_by_stamps() || core.own_host().is_some() {
        return false;
    }
    let Some(permit) = Permit::of(core, Mode::Apply) else { return false };
    let progress = core.progress(Mode::Apply);
    let (Some(_lock), cx) = (progress.try_run_lock(), RequestCx::of(work, Mode::Apply)) else { return false };
    if !core.ready.is_free() {
        return false;
    }
    let Some(records) = core.prefetched_for(&cx) else { return false };
    let options = Options { role: RunRole::PartOfRequest, ..Options::default() };
    let _guard = RunGuard(progress);
    let Ok(resume) = progress.begin(cx.request, options.role.start(), object.order().len()) else { return false };
    let scope = RunScope { object, options: &options, progress: Some(progress), resume, cx, caller: None };
    let mut driver = Driver::new(scope, Access::of(Some(permit)), records, ContextStack::default());
    let mut rows = Rows::new(&driver.scope);
    let passed = driver.pass_by_stamps(&mut rows);
    progress.keep_for_fleet(cx.request, &driver.report());
    if !matches!(passed, Ok(Passed::All)) {
        return false;
    }
    core.prefetch(None);
    core.ready.keep((), cx.request);
    core.emit("", || EventKind::ObjectReady);
    true
}
