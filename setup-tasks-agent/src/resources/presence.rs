//! Whether a machine has something, and names of accounts.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::protocol::{Cause, Failure};

/// Whether the machine has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Presence {
    Present,
    Absent,
}

/// Refuses names that the programs for accounts would take for something else.
pub(super) fn check_account_name(kind: &str, name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "_-.$@".contains(c);
    if !name.is_empty() && name.len() <= 256 && !name.starts_with('-') && name.chars().all(plain) {
        return Ok(());
    }
    Err(Failure::new(
        format!("use the name of the {kind}"),
        Cause::Refused(format!("`{name}` is not a name of a {kind}")),
    ))
}
