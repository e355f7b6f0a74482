//! The command `prune`, which removes stamps, cache, logs and state of objects that are no longer in the layout.

use setup_tasks::layout::Orphan;
use setup_tasks::{Layout, Result};

use crate::exit::Exit;
use crate::output::{FAINT, GOOD, NAME, WOULD, confirm, error, line, note, printable, report};

/// The command line.
#[derive(clap::Args, Debug)]
pub(crate) struct PruneArgs {
    /// Prune these objects (`*` and `?` stand for any text); all by default
    #[arg(value_name = "OBJECT")]
    objects: Vec<String>,
    /// Remove their state, too: keys, tokens and other files that cannot be made again
    #[arg(long)]
    state: bool,
    /// Remove without asking
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn prune(layout: &Layout, args: &PruneArgs) -> Result<Exit> {
    let orphans = layout.orphans_named(&args.objects).await?;
    let (orphans, only_state): (Vec<_>, Vec<_>) =
        orphans.into_iter().partition(|orphan| orphan.is_left() || args.state);
    for orphan in &only_state {
        report(format!("{FAINT}{}: only its state is left; `--state` removes it{FAINT:#}", printable(orphan.id())));
    }
    if orphans.is_empty() {
        report("there is nothing to prune");
        return Ok(Exit::Done);
    }
    if layout.is_dry_run() {
        for orphan in &orphans {
            report(format!("{WOULD}would prune{WOULD:#}: {}; this is a dry run", described(orphan, args.state)));
        }
        return Ok(Exit::Done);
    }
    if !args.yes && !is_confirmed(&orphans, args.state).await? {
        note("nothing was pruned");
        return Ok(Exit::Failed);
    }
    let mut exit = Exit::Done;
    for orphan in &orphans {
        let pruned = if args.state { orphan.prune_with_state().await } else { orphan.prune().await };
        match pruned {
            Ok(()) => report(format!("{GOOD}pruned{GOOD:#}: {}", described(orphan, args.state))),
            Err(failed) => {
                error(&failed.into());
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

/// Lists the objects, and asks whether to prune them.
async fn is_confirmed(orphans: &[Orphan], with_state: bool) -> Result<bool> {
    orphans.iter().for_each(|orphan| line(described(orphan, with_state)));
    let objects =
        if orphans.len() == 1 { "1 object that is".to_owned() } else { format!("{} objects that are", orphans.len()) };
    confirm(&format!("prune {objects} no longer in the layout")).await
}

/// Returns the object with the parts that are removed and kept.
fn described(orphan: &Orphan, with_state: bool) -> String {
    let type_name = orphan.type_name().map(|name| format!(" {FAINT}{}{FAINT:#}", printable(name))).unwrap_or_default();
    let parts = match (orphan.is_left(), orphan.has_state(), with_state) {
        (true, true, true) => "stamps, cache, logs and state",
        (true, true, false) => "stamps, cache and logs; its state is kept",
        (true, false, _) => "stamps, cache and logs",
        (false, ..) => "state",
    };
    format!("{NAME}{}{NAME:#}{type_name}: {parts}", printable(orphan.id()))
}
