//! Resources of machines as tasks: observed together, and applied where they differ.

mod apply;
mod ensure;
mod list;
mod observer;

pub use ensure::Ensure;
pub(crate) use list::ResourceList;
