//! The arguments of our attributes. An argument that cannot be read is reported, and the others are still read.

pub mod depends;
mod duration;
pub mod format;
pub mod key;
pub mod list;
pub mod model;
pub mod target;
pub mod task;

pub use format::Format;
pub use target::Target;
