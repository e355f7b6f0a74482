//! `force`: runs tasks whether or not they must.

use setup_tasks::{Layout, Result};

use super::{target, up};
use crate::args::{Choice, Filter, ForceChoice};
use crate::exit::Exit;

/// Runs the objects of the named tasks, these in any case.
pub(crate) async fn force(layout: &Layout, names: &[String], how: ForceChoice) -> Result<Exit> {
    let mut include = Vec::new();
    let mut force = Vec::new();
    for name in names {
        // A pattern is one of objects; what is none names one thing.
        if name.contains(['*', '?', '[']) && layout.get(name).is_none() {
            let ids = target::objects(layout, std::slice::from_ref(name))?;
            for object in ids {
                include.push(glob::Pattern::escape(object.id()));
                force.push(glob::Pattern::escape(object.id()));
            }
            continue;
        }
        let target = target::find(layout, name)?;
        let id = glob::Pattern::escape(target.object.id());
        force.push(target.task.map_or_else(|| id.clone(), |task| format!("{id}/{}", glob::Pattern::escape(&task))));
        include.push(id);
    }
    let ForceChoice { dry_run, how } = how;
    let choice = Choice { dry_run, force, how, filter: Filter { include, ..Filter::default() }, ..Choice::default() };
    up::up(layout, &choice).await
}
