//! The runs and the workers of a shared store, as `ps` shows them.

use serde::Serialize;
use setup_tasks::dispatch::{RunEntry, StopRequest, WorkerEntry};
use setup_tasks::fleet::describe_run;
use setup_tasks::stamp::Timestamp;
use setup_tasks::{Layout, Result};

use crate::output::{FAINT, NAME, WOULD, clock_time, line, printable};

/// The runs under way and the workers, as JSON.
#[derive(Serialize)]
pub(super) struct HostsValue {
    runs: Vec<RunValue>,
    workers: Vec<WorkerValue>,
}

#[derive(Serialize)]
struct RunValue {
    run: u64,
    began: Option<Timestamp>,
    starter: String,
    selection: String,
    objects: usize,
    finished: usize,
    failed: usize,
    running: usize,
    stopping: bool,
}

#[derive(Serialize)]
struct WorkerValue {
    host: String,
    process: String,
    version: String,
    jobs: usize,
    objects: Vec<ObjectValue>,
}

#[derive(Serialize)]
struct ObjectValue {
    run: u64,
    object: String,
    task: Option<String>,
    waits_for: Option<String>,
}

/// Returns the runs under way and the workers, or `None` if the store is not shared.
pub(super) async fn find(layout: &Layout) -> Result<Option<(Vec<RunEntry>, Vec<WorkerEntry>)>> {
    let Some(hosts) = layout.hosts() else { return Ok(None) };
    let mut runs = hosts.runs().await?;
    runs.retain(|run| run.ended.is_none());
    Ok(Some((runs, hosts.workers().await?)))
}

pub(super) fn as_value((runs, workers): &(Vec<RunEntry>, Vec<WorkerEntry>)) -> HostsValue {
    let run = |run: &RunEntry| RunValue {
        run: run.number,
        began: run.began.map(Timestamp::from),
        starter: run.starter.clone(),
        selection: describe_run(run),
        objects: run.objects,
        finished: run.finished,
        failed: run.failed,
        running: run.running,
        stopping: run.stop != StopRequest::None,
    };
    let worker = |worker: &WorkerEntry| WorkerValue {
        host: worker.host.clone(),
        process: worker.process.clone(),
        version: worker.version.to_string(),
        jobs: worker.jobs,
        objects: worker
            .runs
            .iter()
            .map(|object| ObjectValue {
                run: object.run,
                object: object.object.clone(),
                task: object.task.clone(),
                waits_for: object.waits_for.clone(),
            })
            .collect(),
    };
    HostsValue { runs: runs.iter().map(run).collect(), workers: workers.iter().map(worker).collect() }
}

/// Prints the runs and the workers. Returns whether there are any.
pub(super) fn show((runs, workers): &(Vec<RunEntry>, Vec<WorkerEntry>)) -> bool {
    for run in runs {
        let began = run.began.map(|began| format!(" since {}", clock_time(began))).unwrap_or_default();
        line(format!(
            "{NAME}run {}{NAME:#} of {}{began}: {}",
            run.number,
            printable(&run.starter),
            printable(&describe_run(run))
        ));
        let failed = if run.failed > 0 { format!(", {} failed", run.failed) } else { String::new() };
        let stopping =
            if run.stop == StopRequest::None { String::new() } else { format!(", {WOULD}stopping{WOULD:#}") };
        line(format!("  {} of {} objects ended{failed}, {} run{stopping}", run.finished, run.objects, run.running));
    }
    for worker in workers {
        let busy = worker.runs.iter().filter(|object| object.waits_for.is_none()).count();
        let (host, process) = (printable(&worker.host), printable(&worker.process));
        line(format!("{NAME}worker on {host}{NAME:#} {FAINT}({process}){FAINT:#}: {busy} of {} slots", worker.jobs));
        for object in &worker.runs {
            let doing = match (&object.waits_for, &object.task) {
                (Some(holder), _) => format!("waits for {}", printable(holder)),
                (None, Some(task)) => format!("runs `{}`", printable(task)),
                (None, None) => "begins".to_owned(),
            };
            line(format!("  {}: {doing} {FAINT}(run {}){FAINT:#}", printable(&object.object), object.run));
        }
    }
    !runs.is_empty() || !workers.is_empty()
}
