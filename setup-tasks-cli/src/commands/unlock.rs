//! The command `unlock`, which breaks leases whose holder has ended.

use setup_tasks::lease::LeaseBreak;
use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{FAINT, GOOD, WOULD, error, printable, report};

pub(crate) async fn unlock(layout: &Layout, patterns: &[String], gone: Option<&str>) -> Result<Exit> {
    let mut exit = Exit::Done;
    for object in target::objects(layout, patterns)? {
        let id = printable(object.id());
        if layout.is_dry_run() {
            report(format!("{WOULD}would unlock{WOULD:#}: {id}, if its holder is gone; this is a dry run"));
            continue;
        }
        let broken = match gone {
            Some(host) => object.break_lease_of(host).await,
            None => object.break_lease().await,
        };
        match broken {
            Ok(LeaseBreak::Broken(holder)) => {
                report(format!("{GOOD}unlocked{GOOD:#}: {id}, which {} held", printable(&holder)));
            }
            Ok(_) => report(format!("{FAINT}{id} is not locked{FAINT:#}")),
            Err(failed) => {
                error(&failed.into());
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}
