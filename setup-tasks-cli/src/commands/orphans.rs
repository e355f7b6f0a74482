//! The objects that have left the layout, as `plan` and `status` name them.

use serde_json::{Value, json};
use setup_tasks::layout::Orphan;
use setup_tasks::{Layout, Result};

use crate::output::{WOULD, line, printable};

/// The number of objects that the line names.
const NAMED: usize = 5;

/// Returns the objects that have left the layout and whose stamps, cache or logs are left.
pub(super) async fn left(layout: &Layout) -> Result<Vec<Orphan>> {
    let mut orphans = layout.orphans().await?;
    orphans.retain(Orphan::is_left);
    Ok(orphans)
}

/// Prints one line that names these objects.
pub(super) fn tell(orphans: &[Orphan]) {
    if orphans.is_empty() {
        return;
    }
    let mut names: Vec<_> = orphans.iter().take(NAMED).map(|orphan| printable(orphan.id()).into_owned()).collect();
    if orphans.len() > NAMED {
        names.push(format!("{} more", orphans.len() - NAMED));
    }
    let (names, are) = (names.join(", "), if orphans.len() == 1 { "object is" } else { "objects are" });
    let count = orphans.len();
    line(format!("{WOULD}left behind{WOULD:#}: {count} {are} no longer in the layout ({names}); see `prune`"));
}

/// Returns the objects as JSON.
pub(super) fn as_value(orphans: &[Orphan]) -> Value {
    let value =
        |orphan: &Orphan| json!({ "object": orphan.id(), "subdir": orphan.stamp_subdir(), "type": orphan.type_name() });
    orphans.iter().map(value).collect()
}
