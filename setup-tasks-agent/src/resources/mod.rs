//! The resources that come with the agent.

mod absent;
mod block;
mod content;
mod directory;
mod edit;
mod file;
mod line;
mod ownership;
mod symlink;
mod tree;

#[cfg(test)]
mod tests;

pub use absent::Absent;
pub use block::Block;
pub use content::Content;
pub use directory::Directory;
pub use file::File;
pub use line::Line;
pub use symlink::Symlink;
pub use tree::Tree;

use crate::resource::ResourceType;

/// All kinds of this module.
pub(crate) const BUILT_IN: &[ResourceType] = &[
    ResourceType::of::<Absent>(),
    ResourceType::of::<Block>(),
    ResourceType::of::<Directory>(),
    ResourceType::of::<File>(),
    ResourceType::of::<Line>(),
    ResourceType::of::<Symlink>(),
    ResourceType::of::<Tree>(),
];
