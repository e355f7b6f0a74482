//! The commands `agents build` and `agents list`: the programs that work on machines.

use serde_json::json;
use setup_tasks::__private::{AgentFile, AgentTool};
use setup_tasks::Result;

use crate::exit::{Exit, UsageError};
use crate::output::{self, Cell, FAINT, GOOD, NAME, report, table};

/// Returns the tool that knows machines.
fn tool() -> Result<AgentTool> {
    AgentTool::of_program().ok_or_else(|| {
        let help = "add the crate `setup-tasks-machines` to the program, and give a model a machine";
        UsageError::new("this program has no machines, so it needs no agents".to_owned(), help).into()
    })
}

pub(crate) fn build(architectures: &[String]) -> Result<Exit> {
    let tool = tool()?;
    let named: Vec<_> = architectures.iter().map(|name| Some(name.as_str())).collect();
    for architecture in if named.is_empty() { vec![None] } else { named } {
        let built = (tool.build)(architecture, &mut |text| report(format!("{FAINT}{text}{FAINT:#}")))?;
        let AgentFile { architecture, path, .. } = &built;
        let size = size(built.size);
        report(format!("{GOOD}built{GOOD:#}: the agent for {NAME}{architecture}{NAME:#}, {size}, {}", path.display()));
    }
    Ok(Exit::Done)
}

pub(crate) fn list(as_json: bool) -> Result<Exit> {
    let agents = (tool()?.list)()?;
    if as_json {
        let agent = |agent: &AgentFile| {
            json!({
                "architecture": agent.architecture, "path": agent.path, "bytes": agent.size, "static": agent.is_static,
                "configured": agent.is_configured, "unused": agent.unused,
            })
        };
        output::json(&json!({ "version": 1, "agents": agents.iter().map(agent).collect::<Vec<_>>() }))?;
        return Ok(Exit::Done);
    }
    if agents.is_empty() {
        report(format!(
            "{FAINT}no agent was built, so this program itself goes to machines; `agents build` builds one{FAINT:#}"
        ));
    }
    let row = |agent: &AgentFile| {
        let kind = if agent.is_static { "static" } else { "needs the C library" };
        let origin = if agent.is_configured { "configured" } else { "built" };
        let state = agent.unused.as_ref().map_or_else(|| origin.to_owned(), |why| format!("not used: {why}"));
        let path = agent.path.display().to_string();
        [agent.architecture.clone(), size(agent.size), kind.to_owned(), state, path].map(Cell::new)
    };
    table(&agents.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

/// Returns a length for people.
fn size(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
