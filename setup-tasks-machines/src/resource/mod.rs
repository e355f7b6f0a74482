//! Resources of machines as tasks: observed together, and applied where they differ.

mod apply;
mod content;
mod ensure;
mod guard;
mod list;
mod observer;
mod restart;

pub use ensure::Ensure;
pub(crate) use list::ResourceList;
pub(crate) use observer::Asked;
