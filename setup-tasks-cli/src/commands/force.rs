//! `force`: runs tasks whether or not they must.

use setup_tasks::{Layout, Result};

use super::{target, up};
use crate::args::{Choice, Filter, ForceChoice};
use crate::exit::Exit;

/// Runs the objects of the named tasks, these in any case.
pub(crate) async fn force(layout: &Layout, names: Vec<String>, how: ForceChoice) -> Result<Exit> {
    // A name that cannot be a pattern gets the error that knows what there is instead.
    for name in names.iter().filter(|name| !name.contains(['*', '?', '['])) {
        target::find(layout, name)?;
    }
    let ForceChoice { dry_run, how } = how;
    let filter = Filter { only_forced: true, ..Filter::default() };
    up::up(layout, &Choice { dry_run, force: names, how, filter, ..Choice::default() }).await
}
