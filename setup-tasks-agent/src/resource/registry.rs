//! The kinds of resources that this binary knows.

use super::{Resource, Restore};
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure, ResourceData};
use crate::resources::BUILT_IN;

/// A kind of resources that this binary knows.
pub struct ResourceType {
    kind: &'static str,
    decode: Decode,
}

type Decode = fn(&[u8]) -> Result<Box<dyn AnyResource>, postcard::Error>;

inventory::collect!(ResourceType);

/// Registers a resource of your own, so that the agent finds it by its kind.
#[macro_export]
macro_rules! register_resource {
    ($resource:ty) => {
        $crate::private::inventory::submit! { $crate::resource::ResourceType::of::<$resource>() }
    };
}

impl ResourceType {
    /// Returns the kind of a type.
    pub const fn of<R: Resource>() -> Self {
        Self { kind: R::KIND, decode: |fields| Ok(Box::new(postcard::from_bytes::<R>(fields)?)) }
    }
}

/// Returns whether the agent that comes with this crate knows this kind. Other kinds need the binary that registers them.
pub fn is_built_in(kind: &str) -> bool {
    BUILT_IN.iter().any(|one| one.kind == kind)
}

/// Returns whether this program registers resources of its own.
pub fn has_own() -> bool {
    inventory::iter::<ResourceType>.into_iter().next().is_some()
}

/// A resource without its type.
pub(crate) trait AnyResource {
    fn is_action(&self) -> bool;
    fn is_due(&self, far: &mut Far) -> Result<bool>;
    fn name(&self) -> String;
    fn prepare(&self, far: &mut Far);
    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>>;
    fn apply(&self, far: &mut Far, differences: &[Difference]) -> Result<()>;
    fn undo(&self, far: &mut Far) -> Result<()>;
    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>>;
}

impl<R: Resource> AnyResource for R {
    fn is_action(&self) -> bool {
        Resource::is_action(self)
    }

    fn is_due(&self, far: &mut Far) -> Result<bool> {
        Resource::is_due(self, far)
    }

    fn name(&self) -> String {
        Resource::name(self)
    }

    fn prepare(&self, far: &mut Far) {
        Resource::prepare(self, far);
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        Resource::observe(self, far)
    }

    fn apply(&self, far: &mut Far, differences: &[Difference]) -> Result<()> {
        Resource::apply(self, far, differences)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        Resource::undo(self, far)
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        Resource::keep(self, far)
    }
}

/// Returns the resource with this data.
pub(crate) fn decode(data: &ResourceData) -> Result<Box<dyn AnyResource>> {
    let mut types = BUILT_IN.iter().chain(inventory::iter::<ResourceType>);
    let found = types.find(|one| one.kind == data.kind);
    let tried = || format!("read the resource `{}`", data.kind);
    let found = found.ok_or_else(|| Failure::new(tried(), Cause::UnknownResource(data.kind.clone())))?;
    (found.decode)(&data.fields).map_err(|error| Failure::new(tried(), Cause::Protocol(error.to_string())))
}
