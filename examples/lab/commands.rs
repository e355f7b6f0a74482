//! What the lab can be told to do.

use std::process::ExitCode;
use std::time::Instant;

use setup_tasks::prelude::*;
use setup_tasks::{AnyObject, Layout, RunError};

use crate::output;

/// Brings the site up. Hosts go on after one that failed; the answer says whether all is well.
pub async fn up(layout: &Layout, force: bool) -> Result<ExitCode> {
    output::follow(layout);
    let began = Instant::now();
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    for object in layout.all() {
        let run = object.run_setup_tasks();
        match if force { run.force_all() } else { run }.await {
            Ok(report) => reports.push(report),
            // The stamps are everybody's: the next object would say the same.
            Err(error @ RunError::Stamp(_)) => return Err(error.into()),
            Err(error) => failed.push(anyhow::Error::new(error)),
        }
    }
    failed.iter().for_each(output::error);
    output::summary(&reports, failed.len(), began.elapsed());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what a run would do.
pub async fn plan(layout: &Layout, force: bool) -> Result<ExitCode> {
    let mut reports = Vec::new();
    for object in layout.all() {
        let run = object.run_setup_tasks().dry_run();
        reports.push(if force { run.force_all() } else { run }.await?);
    }
    output::plan(&reports);
    Ok(ExitCode::SUCCESS)
}

/// Says why the tasks of one object would run, or that they would not.
pub async fn why(layout: &Layout, id: &str) -> Result<ExitCode> {
    let object = find(layout, id)?;
    output::why(&object, &object.plan().await?);
    Ok(ExitCode::SUCCESS)
}

/// Forgets the stamps and the cache of one object.
pub async fn clear(layout: &Layout, id: &str) -> Result<ExitCode> {
    let object = find(layout, id)?;
    object.clear_stamps_and_cache().await?;
    output::done(&format!("cleared the stamps and the cache of {id}; its state stays"));
    Ok(ExitCode::SUCCESS)
}

fn find(layout: &Layout, id: &str) -> Result<AnyObject> {
    layout.get(id).ok_or_else(|| {
        let all = layout.all();
        let known: Vec<_> = all.iter().map(AnyObject::id).collect();
        anyhow::anyhow!("the site has no `{id}`; it has {}", known.join(", "))
    })
}
