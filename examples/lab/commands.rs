//! What the lab can be told to do.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use setup_tasks::prelude::*;
use setup_tasks::{AnyObject, FleetRun, Layout, waiting};

use crate::authority::{self, Authority};
use crate::output;

/// Which hosts are run, and how.
#[derive(Args)]
pub struct Choice {
    /// Run every task, whether or not it must
    #[arg(long)]
    force: bool,
    /// How many hosts are run at once
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Begin no further host once one failed
    #[arg(long)]
    fail_fast: bool,
    /// Only these hosts (`*` and `?` stand for any text), and what they depend on as far as they need it
    #[arg(long, value_name = "HOST")]
    include: Vec<String>,
    /// Not these hosts
    #[arg(long, value_name = "HOST")]
    exclude: Vec<String>,
    /// In a plan or a dry run, show what would change in rendered files
    #[arg(long)]
    diff: bool,
}

impl Choice {
    fn fleet(&self, layout: &Layout) -> FleetRun {
        let mut fleet = layout.run();
        if self.force {
            fleet = fleet.force_all();
        }
        if let Some(jobs) = self.jobs {
            fleet = fleet.jobs(jobs);
        }
        if self.fail_fast {
            fleet = fleet.fail_fast();
        }
        fleet = self.include.iter().fold(fleet, FleetRun::include);
        self.exclude.iter().fold(fleet, FleetRun::exclude)
    }
}

/// Brings the site up, many hosts at once. Hosts go on after one that failed; the answer says whether all is well.
pub async fn up(layout: &Layout, choice: &Choice) -> Result<ExitCode> {
    let told = output::follow(layout);
    let _published = layout.publish_waiting()?;
    let report = choice.fleet(layout).await?;
    told.flush().await;
    output::report(&report);
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what a run would do.
pub async fn plan(layout: &Layout, choice: &Choice) -> Result<ExitCode> {
    let fleet = choice.fleet(layout).dry_run();
    let report = if choice.diff { fleet.diff() } else { fleet }.await?;
    output::plan(&report);
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Gives the authority a new key, and every host a certificate of it. The old key is kept beside the new one.
pub async fn renew(layout: &Layout, choice: &Choice) -> Result<ExitCode> {
    let key = find(layout, "authority")?;
    let key = key.downcast::<Authority>().context("the authority is something else")?;
    authority::retire_key(&key)?;
    up(layout, choice).await
}

/// Says who is at work in other processes, and who waits for whom.
pub fn waiting(layout: &Layout, json: bool) -> Result<ExitCode> {
    output::waiting(&waiting::of_other_processes(layout.config())?, json)?;
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
