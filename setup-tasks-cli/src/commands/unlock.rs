//! The command `unlock`, which breaks locks whose holder has ended.

use setup_tasks::run::LockBreak;
use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{FAINT, GOOD, WOULD, error, line, printable};

pub(crate) fn unlock(layout: &Layout, patterns: &[String], gone: Option<&str>) -> Result<Exit> {
    let mut exit = Exit::Done;
    for object in target::objects(layout, patterns)? {
        let id = printable(object.id());
        if layout.is_dry_run() {
            line(format!("{WOULD}would unlock{WOULD:#}: {id}, if its holder is gone; this is a dry run"));
            continue;
        }
        let broken = gone.map_or_else(|| object.break_lock(), |host| object.break_lock_of(host));
        match broken {
            Ok(LockBreak::Broken(holder)) => {
                line(format!("{GOOD}unlocked{GOOD:#}: {id}, which {} held", printable(&holder)));
            }
            Ok(_) => line(format!("{FAINT}{id} is not locked{FAINT:#}")),
            Err(failed) => {
                error(&failed.into());
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}
