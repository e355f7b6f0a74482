//! `clear`: forgets stamps and cached files.

use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{GOOD, error, line, printable};

pub(crate) async fn clear(layout: &Layout, patterns: &[String]) -> Result<Exit> {
    let mut exit = Exit::Done;
    for object in target::objects(layout, patterns)? {
        match object.clear_stamps_and_cache().await {
            Ok(()) => line(format!(
                "{GOOD}cleared{GOOD:#}: the stamps and the cache of {}; its state and its logs stay",
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
