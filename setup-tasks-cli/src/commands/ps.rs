//! The command `ps`, which shows what other processes do now, on all hosts.

use serde::Serialize;
use setup_tasks::activity::{self, OtherProcesses};
use setup_tasks::lease::{ObjectAtWork, ProcessRecord};
use setup_tasks::secret::redact;
use setup_tasks::{Layout, Result};

use super::hosts;
use crate::exit::Exit;
use crate::output::{self, BAD, NAME, line, printable};

/// The activities of other processes of this machine, and the work of all hosts, as JSON.
#[derive(Serialize)]
struct PsValue<'p> {
    #[serde(flatten)]
    others: &'p OtherProcesses,
    #[serde(flatten)]
    hosts: Option<hosts::HostsValue>,
    at_work: &'p [ObjectAtWork],
}

pub(crate) async fn ps(layout: &Layout, as_json: bool) -> Result<Exit> {
    let others = activity::of_other_processes(layout.config())?;
    let (found, at_work) = (hosts::find(layout).await?, layout.at_work_elsewhere().await?);
    if as_json {
        output::json(&PsValue { others: &others, hosts: found.as_ref().map(hosts::as_value), at_work: &at_work })?;
        return Ok(Exit::Done);
    }
    let OtherProcesses { processes, silent, .. } = &others;
    let has_hosts = found.as_ref().is_some_and(hosts::show);
    // The processes of this machine describe themselves, and so do the workers.
    let host = ProcessRecord::here().host().unwrap_or_default().to_owned();
    let is_named = |pid: u32, work: &ObjectAtWork| work.process == format!("process {pid} on {host}");
    let is_worker = |work: &ObjectAtWork| {
        found.iter().flat_map(|(_, workers)| workers).any(|worker| worker.process == work.process)
    };
    let is_shown =
        |work: &ObjectAtWork| is_worker(work) || processes.iter().any(|snapshot| is_named(snapshot.pid, work));
    let elsewhere: Vec<_> = at_work.iter().filter(|work| !is_shown(work)).collect();
    if others.is_empty() && !has_hosts && elsewhere.is_empty() {
        line("nothing is running");
    }
    for snapshot in processes {
        line(format!("{NAME}process {}{NAME:#}", snapshot.pid));
        redact(&snapshot.to_string()).lines().for_each(|text| line(format!("  {}", printable(text))));
    }
    for process in silent {
        line(format!("{NAME}process {}{NAME:#}", process.pid));
        line(format!("  {BAD}no answer{BAD:#}: {}", printable(&process.problem)));
    }
    for of_process in elsewhere.chunk_by(|one, next| one.process == next.process) {
        line(format!("{NAME}{}{NAME:#}", printable(&redact(&of_process[0].process))));
        for ObjectAtWork { object, task, .. } in of_process {
            let task = task.as_ref().map_or_else(String::new, |task| format!(" runs `{task}`"));
            line(format!("  {}", printable(&redact(&format!("{object}{task}")))));
        }
    }
    Ok(Exit::Done)
}
