//! Tests of the execution alone: the record that each end leaves in the store.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use setup_tasks::prelude::*;
use setup_tasks::task::SkipSetupTask;

use super::*;
use crate::layout::Layout;
use crate::object::{Permit, ResumePoint};
use crate::run::Options;
use crate::run::access::Access;
use crate::run::contexts::ContextStack;
use crate::run::scope::RunScope;
use crate::stamp::{Attempt, Entry};
use crate::work::{RequestCx, WorkContext};

#[derive(Default)]
enum Acts {
    #[default]
    Completes,
    Skips,
    Fails,
    Waits,
}

#[derive(SetupTasks, Default)]
#[setup_tasks(subdir = "door")]
struct Door {
    acts: Mutex<Acts>,
    /// The number of coats, which is the hash of the task.
    coats: AtomicUsize,
}

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", hash = coats)]
    async fn paint(&self) -> Result<()> {
        self.coats.fetch_add(1, Ordering::Relaxed);
        let acts = std::mem::take(&mut *self.acts.lock().unwrap());
        match acts {
            Acts::Completes => Ok(()),
            Acts::Skips => Err(SkipSetupTask.into()),
            Acts::Fails => anyhow::bail!("the paint is dry"),
            Acts::Waits => std::future::pending().await,
        }
    }

    #[setup_task("Hang it")]
    fn hang(&self) {}

    fn coats(&self) -> u64 {
        self.coats.load(Ordering::Relaxed) as u64
    }
}

/// Executes the first task of a door, and returns the result and the entries of both tasks in the
/// store. `follower` is the task that is known to come next.
async fn execute(
    door: &Object<Door>,
    follower: Option<&str>,
) -> (Option<Result<Executed, RunError>>, Option<Entry>, Option<Entry>) {
    let (object, options, work) = (door.as_dyn(), Options::default(), WorkContext::default());
    let (resume, cx) = (ResumePoint::default(), RequestCx::of(&work, Mode::Apply));
    let permit = Permit::of(object.core(), cx.mode).unwrap();
    let (session, records) = Session::begin(object, &permit, &cx).await.unwrap();
    let session = Arc::new(session);
    let scope = RunScope { object, options: &options, progress: None, resume, cx, caller: None };
    let frame = scope.host_frame();
    let mut driver = Driver::new(scope, Access::within(&session), records, ContextStack::default());
    driver.position.follower = follower.and_then(|task| object.row(task));
    let due = DueTask { frame: &frame, row: object.row("paint").unwrap(), reason: Reason::NeverRan, hash: None };
    let executed = driver.execute(&session, &due).now_or_never();
    let stored = object.core().load().await.unwrap();
    (executed, stored.get("paint").cloned(), stored.get("hang").cloned())
}

fn door(acts: Acts) -> (Layout, Object<Door>) {
    let layout = Layout::in_memory().unwrap();
    let door = layout.add(Door { acts: Mutex::new(acts), ..Door::default() }).unwrap();
    (layout, door)
}

#[tokio::test]
async fn a_completed_task_leaves_a_stamp_with_the_hash_from_before_its_method() {
    let (_layout, door) = door(Acts::Completes);
    let (executed, paint, hang) = execute(&door, None).await;
    let stamp = paint.unwrap().stamp.unwrap();
    let end = executed.unwrap().unwrap().end;
    assert!(matches!(end, ExecutionEnd::Completed(time) if time == stamp.time), "{end:?}");
    assert_eq!(stamp.contents, "0");
    // The method changed its own hash, so the next run executes the task again.
    assert!(stamp.changed_while_running);
    assert_eq!(hang, None);
}

#[tokio::test]
async fn a_skipped_task_leaves_the_entry_from_before() {
    let (_layout, door) = door(Acts::Completes);
    let (_, before, _) = execute(&door, None).await;
    *door.acts.lock().unwrap() = Acts::Skips;
    let (executed, after, _) = execute(&door, None).await;
    assert!(matches!(executed.unwrap().unwrap().end, ExecutionEnd::Skipped));
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_failed_task_leaves_the_failure_in_place_of_its_stamp() {
    let (_layout, door) = door(Acts::Completes);
    execute(&door, None).await;
    *door.acts.lock().unwrap() = Acts::Fails;
    let (executed, paint, _) = execute(&door, None).await;
    let ExecutionEnd::Failed(failed) = executed.unwrap().unwrap().end else { panic!("the task fails") };
    assert_eq!(failed.error.to_string(), "the paint is dry");
    let entry = paint.unwrap();
    assert_eq!(entry.stamp, None);
    assert!(matches!(entry.attempt.as_deref(), Some(Attempt::Failed { error, .. }) if error == "the paint is dry"));
}

#[tokio::test]
async fn a_dropped_execution_leaves_the_mark_beside_the_old_stamp() {
    let (_layout, door) = door(Acts::Completes);
    let (_, before, _) = execute(&door, None).await;
    *door.acts.lock().unwrap() = Acts::Waits;
    let (executed, paint, _) = execute(&door, None).await;
    assert!(executed.is_none());
    let entry = paint.unwrap();
    assert!(matches!(entry.attempt.as_deref(), Some(Attempt::Running { .. })));
    assert_eq!(entry.stamp, before.unwrap().stamp);
    assert_eq!(entry.valid(), None);
}

#[tokio::test]
async fn the_mark_of_a_follower_that_must_run_is_written_with_the_stamp() {
    let (_layout, door) = door(Acts::Completes);
    let (_, paint, hang) = execute(&door, Some("hang")).await;
    assert!(paint.unwrap().valid().is_some());
    assert!(matches!(hang.unwrap().attempt.as_deref(), Some(Attempt::Running { .. })));
}
