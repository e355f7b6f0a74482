//! The command `graph`, which draws objects, tasks and dependencies.

use std::path::Path;

use anyhow::Context;
use setup_tasks::fleet::{FleetReport, FleetRun};
use setup_tasks::fs::WholeFile;
use setup_tasks::{AnyObject, Layout, Result};

use super::target;
use crate::args::{GraphArgs, GraphFormat};
use crate::exit::{Exit, UsageError};
use crate::graph::{self, Diagram, Selection};
use crate::output::{GOOD, line, note, report, shown};

pub(crate) async fn graph(layout: &Layout, what: &GraphArgs) -> Result<Exit> {
    let named = target::objects(layout, &what.objects)?;
    let format = format(what)?;
    let selection = Selection { named, is_part: !what.objects.is_empty(), depth: what.depth, only: what.only };
    let plan = plan(layout, &selection).await?;
    let known = selection.of(selection.candidates(layout));
    let mut diagram = Diagram::of(layout, &known, &plan).await?;
    let is_grouped = !what.all && diagram.object_count() > graph::MOST;
    if is_grouped {
        diagram = diagram.grouped(|id| selection.names(id));
        let (objects, nodes) = (diagram.object_count(), diagram.nodes.len());
        note(format!("{objects} objects are drawn as {nodes}, grouped by type; `--all` draws each"));
    }
    let text = match format {
        GraphFormat::Text => {
            let lines = graph::text(&diagram);
            if what.output.is_none() {
                lines.into_iter().for_each(line);
                return Ok(Exit::Done);
            }
            lines.iter().map(|line| format!("{}\n", anstream::adapter::strip_str(line))).collect()
        }
        GraphFormat::Dot => graph::dot(&diagram),
        GraphFormat::Mermaid => graph::mermaid(&diagram),
        GraphFormat::Svg => graph::svg(&diagram),
    };
    match &what.output {
        None => line(text.trim_end()),
        Some(path) => {
            write_whole(path, &text).with_context(|| format!("cannot write `{}`", path.display()))?;
            report(format!("{GOOD}drawn{GOOD:#}: {}", shown(path)));
        }
    }
    Ok(Exit::Done)
}

/// Plans all objects that can be a part of the diagram. The dependencies of a relationship method are known only after a plan has
/// called it, so the plan is repeated until it finds no further objects.
async fn plan(layout: &Layout, selection: &Selection) -> Result<FleetReport> {
    let mut known = selection.candidates(layout).objects;
    loop {
        let fleet = known.iter().map(AnyObject::id).fold(layout.run(), FleetRun::include);
        // A fleet without a filter has all objects, even if there are none.
        let fleet = if known.len() == layout.len() { layout.run() } else { fleet };
        let report = fleet.dry_run().await?;
        let reached = selection.candidates(layout).objects;
        if reached.len() == known.len() {
            return Ok(report);
        }
        known = reached;
    }
}

/// Writes a file whole. If the path is not a regular file, such as `/dev/stdout`, writes to it directly.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return std::fs::write(path, text);
    }
    // A symbolic link stays, and its target is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    WholeFile::new(text).write(path)
}

/// Returns the format that was asked for, or the one that the file name implies.
fn format(what: &GraphArgs) -> Result<GraphFormat> {
    if let Some(format) = what.format {
        return Ok(format);
    }
    let Some(path) = &what.output else { return Ok(GraphFormat::Text) };
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => Ok(GraphFormat::Svg),
        Some("dot" | "gv") => Ok(GraphFormat::Dot),
        Some("mmd" | "mermaid") => Ok(GraphFormat::Mermaid),
        Some("txt") => Ok(GraphFormat::Text),
        _ => {
            let text = format!("`{}` does not imply a format", path.display());
            let help = "add `--format`, or use a name that ends in .svg, .dot, .mmd or .txt";
            Err(UsageError::new(text, help).into())
        }
    }
}
