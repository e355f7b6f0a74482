//! Tests of the command line as a user sees it: its output, its exit codes, and its behaviour on a terminal.

mod book;
mod completion;
mod dry_runs;
mod global;
mod golden;
mod graphs;
mod json;
mod limits;
mod logs;
mod names;
mod packages;
mod peers;
mod private;
mod project;
mod retiring;
mod reviewing;
mod shown;
mod signals;
mod taking_down;
mod terminal;
mod unwritten;
mod watch;
