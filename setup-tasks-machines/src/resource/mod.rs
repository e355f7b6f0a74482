//! Resources of machines as tasks: observed together, and applied where they differ.

mod apply;
mod content;
mod ensure;
mod list;
mod observer;

pub use ensure::Ensure;
pub(crate) use list::ResourceList;
pub(crate) use observer::Asked;
