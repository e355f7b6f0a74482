//! Resources without their types.

use std::ops::Range;
use std::time::Duration;

use setup_tasks_agent::protocol::ResourceData;
use setup_tasks_agent::resource::Resource;
use setup_tasks_agent::resources::{Blob, Content};

/// Resources of a task, as data that travels.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResourceList(Vec<Listed>);

/// A resource of a task.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) data: ResourceData,
    /// The data by which the differences are asked for.
    question: ResourceData,
    pub(crate) is_action: bool,
    /// The time within which the machine must answer again, if this restarts it.
    pub(crate) restart: Option<Duration>,
    /// The content of files, with their paths.
    contents: Vec<(String, Content)>,
}

impl Listed {
    /// Returns the content that is transferred before the resource is applied.
    pub(crate) fn blobs(&self) -> Vec<Blob> {
        self.contents.iter().filter_map(|(_, content)| content.blob()).collect()
    }
}

impl ResourceList {
    /// Returns the list of these resources.
    pub(crate) fn of<R: Resource>(resources: impl IntoIterator<Item = R>) -> Self {
        let listed = |resource: R| Listed {
            name: resource.name(),
            data: ResourceData::of(&resource),
            is_action: resource.is_action(),
            restart: resource.restart(),
            question: resource.question(),
            contents: resource.contents(),
        };
        Self(resources.into_iter().map(listed).collect())
    }

    pub(crate) fn all(&self) -> &[Listed] {
        &self.0
    }

    /// Returns the list from its end to its beginning.
    pub(crate) fn reversed(self) -> Self {
        Self(self.0.into_iter().rev().collect())
    }

    /// Divides the list into parts, of which each is applied by one request. A resource that restarts the machine ends its part.
    pub(crate) fn parts(&self, longest: usize) -> Vec<Range<usize>> {
        let mut parts: Vec<Range<usize>> = Vec::new();
        for at in 0..self.0.len() {
            let continues = |part: &&mut Range<usize>| part.len() < longest && self.0[part.end - 1].restart.is_none();
            match parts.last_mut().filter(continues) {
                Some(part) => part.end = at + 1,
                None => parts.push(at..at + 1),
            }
        }
        parts
    }

    /// Returns whether a resource is an action, which has no state.
    pub(crate) fn has_actions(&self) -> bool {
        self.0.iter().any(|listed| listed.is_action)
    }

    /// Returns the resources with a state that can be observed.
    pub(crate) fn observed(&self) -> Vec<ResourceData> {
        self.0.iter().filter(|listed| !listed.is_action).map(|listed| listed.question.clone()).collect()
    }

    /// Returns bytes that differ for different resources.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Listed { data, .. } in &self.0 {
            for part in [data.kind.as_bytes(), &data.fields] {
                bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// Returns the content that a file is to have.
    pub(crate) fn content_of(&self, path: &str) -> Option<&Content> {
        let mut contents = self.0.iter().flat_map(|listed| &listed.contents);
        contents.find(|(of, _)| of == path).map(|(_, content)| content)
    }

    /// Returns the name of the resource at a position.
    pub(crate) fn name(&self, position: usize) -> &str {
        self.0.get(position).map_or("", |listed| &listed.name)
    }
}
