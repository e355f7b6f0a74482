//! The resources that come with the agent.

mod absent;
mod apt_source;
mod archive;
mod authorized_keys;
mod block;
mod command;
mod content;
mod directory;
mod edit;
mod file;
mod git;
mod group;
mod hostname;
mod line;
mod mount;
mod ownership;
mod packages;
mod presence;
mod reboot;
mod service;
mod symlink;
mod sysctl;
mod systemd;
mod timer;
mod together;
mod tree;
mod unit;
mod user;

#[cfg(test)]
mod tests;

pub use absent::Absent;
pub use apt_source::AptSource;
pub use archive::Archive;
pub use authorized_keys::AuthorizedKeys;
pub use block::Block;
pub use command::Command;
pub use content::{Blob, BlobSource, Content};
pub use directory::Directory;
pub use file::File;
pub use git::Git;
pub use group::Group;
pub use hostname::Hostname;
pub use line::Line;
pub use mount::Mount;
pub use packages::Packages;
pub use reboot::Reboot;
pub use service::Service;
pub use symlink::Symlink;
pub use sysctl::Sysctl;
pub use timer::Timer;
pub use together::Together;
pub use tree::Tree;
pub use unit::Unit;
pub use user::User;

use crate::resource::ResourceType;

/// All kinds of this module.
pub(crate) const BUILT_IN: &[ResourceType] = &[
    ResourceType::of::<Absent>(),
    ResourceType::of::<AptSource>(),
    ResourceType::of::<Archive>(),
    ResourceType::of::<AuthorizedKeys>(),
    ResourceType::of::<Block>(),
    ResourceType::of::<Command>(),
    ResourceType::of::<Directory>(),
    ResourceType::of::<File>(),
    ResourceType::of::<Git>(),
    ResourceType::of::<Group>(),
    ResourceType::of::<Hostname>(),
    ResourceType::of::<Line>(),
    ResourceType::of::<Mount>(),
    ResourceType::of::<Packages>(),
    ResourceType::of::<Reboot>(),
    ResourceType::of::<Service>(),
    ResourceType::of::<Symlink>(),
    ResourceType::of::<Sysctl>(),
    ResourceType::of::<Timer>(),
    ResourceType::of::<Together>(),
    ResourceType::of::<Tree>(),
    ResourceType::of::<Unit>(),
    ResourceType::of::<User>(),
];
