//! The changes that pages ask for: runs, and tasks that are marked as done.

use std::sync::Arc;
use std::time::SystemTime;

use setup_tasks::Layout;
use setup_tasks::error::explain;
use setup_tasks_cli::__parts::stop_run_on_interrupt;

use crate::site::{Notice, OwnRun, Site};

/// Runs an object with its dependencies, or all objects, and records how the run ended. One run at a time is under way.
pub(crate) fn run(
    site: Arc<Site>,
    layout: Layout,
    object: Option<String>,
) -> impl Future<Output = ()> + Send + 'static {
    let mut is_first = false;
    site.update(|now| {
        is_first = now.run.is_none();
        if is_first {
            now.run = Some(OwnRun { layout: layout.clone() });
        }
    });
    async move {
        if !is_first {
            return;
        }
        // Other processes see the run without this, too, but not what it does at present.
        #[cfg(unix)]
        let _published = layout.publish_activities().inspect_err(|error| tracing::debug!("{error}")).ok();
        let counting = site.results.count(&layout);
        let guard = stop_run_on_interrupt(layout.stop());
        let fleet = object.iter().fold(layout.run(), setup_tasks::fleet::FleetRun::include);
        let notice = match fleet.await {
            Ok(report) => notice(report.is_success(), report.summary()),
            Err(error) => notice(false, format!("the run did not begin: {}", explain(&error))),
        };
        drop(guard);
        counting.flush().await;
        site.update(|now| (now.run, now.notice) = (None, Some(notice)));
    }
}

/// Marks a task as done.
pub(crate) async fn mark_done(site: &Site, layout: &Layout, id: &str, task: &str) {
    let notice = match layout.get(id) {
        None => notice(false, format!("there is no object `{id}`")),
        Some(object) => match object.mark_done(task).await {
            Ok(_) => notice(true, format!("marked as done: {id}/{task}")),
            Err(error) => notice(false, explain(&error)),
        },
    };
    site.update(|now| now.notice = Some(notice));
    site.order(crate::site::Order::Plan);
}

fn notice(is_good: bool, text: String) -> Notice {
    Notice { at: SystemTime::now().into(), is_good, text }
}
