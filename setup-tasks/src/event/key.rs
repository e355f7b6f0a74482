//! The keys by which listeners select events.

use std::any::TypeId;
use std::sync::Arc;

use crate::injector::InjectionKey;
use crate::object::SetupTasks;

/// A selection of events: all events, those of a type of objects, of one object, or of the objects
/// whose model adds the key.
///
/// ```
/// use setup_tasks::{InjectionKey, prelude::*};
/// use setup_tasks::event::EventKey;
///
/// const NETWORK: InjectionKey<()> = InjectionKey::named("network");
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "router", event_keys = also)]
/// struct Router;
///
/// #[setup_tasks]
/// impl Router {
///     #[setup_task("Route")]
///     fn route(&self) {}
///
///     fn also(&self) -> Vec<EventKey> {
///         vec![NETWORK.into()]
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let mut events = layout.injector().events(NETWORK);
/// layout.add(Router)?.run_setup_tasks().await?;
/// assert_eq!(&*events.next().await.unwrap().object, "router");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKey(pub(super) Key);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    All,
    Named(TypeId, Option<&'static str>),
    Object(Arc<str>),
}

impl EventKey {
    /// Returns the key of all events.
    pub const fn all() -> Self {
        Self(Key::All)
    }

    /// Returns the key of the events of all objects of a type.
    pub const fn of<M: SetupTasks>() -> Self {
        Self(Key::Named(TypeId::of::<M>(), None))
    }

    /// Returns the key of the events of the object with an id.
    pub fn object(id: &str) -> Self {
        Self(Key::Object(id.into()))
    }
}

impl<T> From<InjectionKey<T>> for EventKey {
    fn from(key: InjectionKey<T>) -> Self {
        Self(Key::Named(TypeId::of::<T>(), key.name()))
    }
}

impl EventKey {
    /// Returns whether the key applies to an object by its id or its type alone.
    pub(crate) fn fits(&self, id: &str, type_id: TypeId) -> bool {
        match &self.0 {
            Key::All => true,
            Key::Named(of, None) => *of == type_id,
            Key::Named(_, Some(_)) => false,
            Key::Object(of) => **of == *id,
        }
    }
}
