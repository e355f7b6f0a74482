//! The command line as a user sees it: what it prints, how it ends, and how it behaves on a terminal.

mod book;
mod dry_runs;
mod golden;
mod json;
mod limits;
mod logs;
mod names;
mod private;
mod project;
mod shown;
mod signals;
mod terminal;
mod unwritten;
mod watch;
