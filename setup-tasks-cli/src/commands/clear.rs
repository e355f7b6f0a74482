//! The command `clear`, which removes stamps and cached files.

use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{GOOD, WOULD, error, line, printable};

pub(crate) async fn clear(layout: &Layout, patterns: &[String]) -> Result<Exit> {
    let mut exit = Exit::Done;
    for object in target::objects(layout, patterns)? {
        if layout.is_dry_run() {
            line(format!("{WOULD}would clear{WOULD:#}: {}; this is a dry run", printable(object.id())));
            continue;
        }
        match object.clear_stamps_and_cache().await {
            Ok(()) => line(format!(
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
