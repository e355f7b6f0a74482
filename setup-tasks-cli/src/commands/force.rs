//! The command `force`, which runs tasks even if they are up to date.

use setup_tasks::{Layout, Result};

use super::{target, up};
use crate::args::{FilterArgs, ForceArgs, RunArgs};
use crate::exit::Exit;

/// Runs the objects of the named tasks and forces these tasks.
pub(crate) async fn force(layout: &Layout, names: Vec<String>, how: ForceArgs) -> Result<Exit> {
    // A name that is not a pattern gets the error that suggests other names.
    for name in names.iter().filter(|name| !name.contains(['*', '?', '['])) {
        target::find(layout, name)?;
    }
    let ForceArgs { dry_run, exec } = how;
    let filter = FilterArgs { only_forced: true, ..FilterArgs::default() };
    up::up(layout, &RunArgs { dry_run, force: names, exec, filter, ..RunArgs::default() }).await
}
