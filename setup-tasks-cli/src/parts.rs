//! The parts of the command line that crates with linked commands use. They are not subject to semantic versioning.

pub use setup_tasks::__private::inventory;

pub use crate::causes::{Cause, Causes, Certainty, When, clause, is_several, words};
pub use crate::exit::UsageError;
pub use crate::graph::{MOST, arrange};
pub use crate::interrupt::{stop_run_on_interrupt, stop_wait_on_interrupt};
pub use crate::log_reader::LogReader;
pub use crate::output::{ago, clock, error as print_error, line, note, printable};
pub use crate::watched::Watched;
