//! The commands, one file per command.

pub(crate) mod agents;
pub(crate) mod check;
pub(crate) mod clear;
pub(crate) mod down;
pub(crate) mod exec;
pub(crate) mod graph;
pub(crate) mod history;
#[cfg(unix)]
mod hosts;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod mark_done;
mod orphans;
pub(crate) mod plan;
pub(crate) mod prune;
#[cfg(unix)]
pub(crate) mod ps;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod types;
pub(crate) mod unlock;
pub(crate) mod up;
pub(crate) mod watch;
pub(crate) mod why;
pub(crate) mod worker;
pub(crate) mod workers;
