//! The command `ps`, which shows what other processes do now.

use serde::Serialize;
use setup_tasks::activity::{self, OtherProcesses};
use setup_tasks::secret::redact;
use setup_tasks::{Layout, Result};

use super::hosts;
use crate::exit::Exit;
use crate::output::{self, BAD, NAME, line, printable};

/// The activities of other processes of this machine, and the hosts of a shared store, as JSON.
#[derive(Serialize)]
struct PsValue<'p> {
    #[serde(flatten)]
    others: &'p OtherProcesses,
    #[serde(flatten)]
    hosts: Option<hosts::HostsValue>,
}

pub(crate) async fn ps(layout: &Layout, as_json: bool) -> Result<Exit> {
    let others = activity::of_other_processes(layout.config())?;
    let found = hosts::find(layout).await?;
    if as_json {
        output::json(&PsValue { others: &others, hosts: found.as_ref().map(hosts::as_value) })?;
        return Ok(Exit::Done);
    }
    let has_hosts = found.as_ref().is_some_and(hosts::show);
    if others.is_empty() && !has_hosts {
        line("nothing is running");
    }
    let OtherProcesses { processes, silent, .. } = others;
    for snapshot in processes {
        line(format!("{NAME}process {}{NAME:#}", snapshot.pid));
        redact(&snapshot.to_string()).lines().for_each(|text| line(format!("  {}", printable(text))));
    }
    for process in silent {
        line(format!("{NAME}process {}{NAME:#}", process.pid));
        line(format!("  {BAD}no answer{BAD:#}: {}", printable(&process.problem)));
    }
    Ok(Exit::Done)
}
