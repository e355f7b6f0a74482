//! The arguments of our attributes. Invalid ones are reported, and the others are still read.

pub mod argument;
pub mod depends;
mod duration;
pub mod format;
pub mod key;
pub mod model;
pub mod target;
pub mod task;

pub use format::Format;
pub use target::Target;
