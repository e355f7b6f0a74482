//! `force`: runs tasks whether or not they must.

use setup_tasks::{Layout, Result};

use super::{target, up};
use crate::args::{FilterArgs, ForceArgs, RunArgs};
use crate::exit::Exit;

/// Runs the objects of the named tasks, these in any case.
pub(crate) async fn force(layout: &Layout, names: Vec<String>, how: ForceArgs) -> Result<Exit> {
    // A name that cannot be a pattern gets the error that knows what there is instead.
    for name in names.iter().filter(|name| !name.contains(['*', '?', '['])) {
        target::find(layout, name)?;
    }
    let ForceArgs { dry_run, exec } = how;
    let filter = FilterArgs { only_forced: true, ..FilterArgs::default() };
    up::up(layout, &RunArgs { dry_run, force: names, exec, filter, ..RunArgs::default() }).await
}
