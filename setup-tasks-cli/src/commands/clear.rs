//! The command `clear`, which removes stamps and cached files.

use setup_tasks::{AnyObject, Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{GOOD, WOULD, confirm, error, note, printable, report};

pub(crate) async fn clear(layout: &Layout, patterns: &[String], yes: bool) -> Result<Exit> {
    let objects = target::objects(layout, patterns)?;
    // A user who writes an id has chosen the object. A pattern may match more than the user expects.
    let has_pattern = patterns.iter().any(|name| layout.get(name).is_none());
    if has_pattern && !yes && !layout.is_dry_run() && !confirm(&question(&objects)).await? {
        note("nothing was cleared");
        return Ok(Exit::Failed);
    }
    let mut exit = Exit::Done;
    for object in objects {
        if layout.is_dry_run() {
            report(format!("{WOULD}would clear{WOULD:#}: {}; this is a dry run", printable(object.id())));
            continue;
        }
        match object.clear_stamps_and_cache().await {
            Ok(()) => report(format!(
                "{GOOD}cleared{GOOD:#}: stamps and cache of {}; its state and logs are kept",
                printable(object.id())
            )),
            Err(failed) => {
                error(&failed.into());
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn question(objects: &[AnyObject]) -> String {
    let count = objects.len();
    let names = setup_tasks::text::list(objects.iter().map(AnyObject::id));
    let noun = if count == 1 { "object" } else { "objects" };
    format!("clear stamps and cache of {count} {noun}: {}", printable(&names))
}
