//! Relationships with objects that are looked up by key on use.

use std::fmt;

use crate::injector::{InjectError, InjectionKey, Injector};
use crate::object::{AnyObject, Object, SetupTasks};
use crate::{BoxFuture, Result};

/// A relationship with an object that is looked up by its key on use, which allows two objects to
/// refer to each other.
///
/// ```
/// use setup_tasks::{InjectionKey, Deferred, prelude::*};
///
/// const SERVER: InjectionKey<Object<Server>> = InjectionKey::of();
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "server")]
/// struct Server;
///
/// #[setup_tasks]
/// impl Server {
///     #[setup_task("Publish")]
///     fn publish(&self) {}
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "client")]
/// struct Client {
///     #[depends_on(Server::publish)]
///     server: Deferred<Server>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let client = layout.add(Client { server: Deferred::new(SERVER) })?;
/// let server = layout.add(Server)?;
/// layout.injector().provide(SERVER, server.clone())?;
///
/// client.run_setup_tasks().await?;
/// assert!(server.check_stamp("publish").await?.is_some());
/// assert_eq!(client.server().find(client.as_any().injector()).await?.as_any().id(), "server");
/// # Ok(()) }
/// ```
pub struct Deferred<M: SetupTasks> {
    key: InjectionKey<Object<M>>,
}

impl<M: SetupTasks> Deferred<M> {
    /// Creates a reference to the object that will be provided for a key.
    pub const fn new(key: InjectionKey<Object<M>>) -> Self {
        Self { key }
    }

    /// Returns the key.
    pub const fn key(&self) -> InjectionKey<Object<M>> {
        self.key
    }

    /// Returns the object that the injector or an ancestor provides. The object is not brought to
    /// ready.
    ///
    /// # Errors
    ///
    /// As for [`Injector::get_not_ready`].
    pub async fn find(&self, injector: &Injector) -> Result<Object<M>, InjectError> {
        Ok((*injector.get_not_ready(&self.key).await?).clone())
    }
}

impl<M: SetupTasks> Clone for Deferred<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: SetupTasks> Copy for Deferred<M> {}

impl<M: SetupTasks> fmt::Debug for Deferred<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deferred({})", self.key)
    }
}

type FindFuture = BoxFuture<'static, Result<AnyObject, InjectError>>;

/// A [`Deferred`] without the model's type.
#[derive(Clone, Copy)]
pub(crate) struct DeferredKey {
    pub(super) name: Option<&'static str>,
    pub(super) find: fn(Option<&'static str>, Injector) -> FindFuture,
    pub(super) peek: fn(Option<&'static str>, &Injector) -> Option<AnyObject>,
}

impl DeferredKey {
    pub(super) fn of<M: SetupTasks>(deferred: &Deferred<M>) -> Self {
        Self { name: deferred.key.name(), find: find::<M>, peek: peek::<M> }
    }
}

fn peek<M: SetupTasks>(name: Option<&'static str>, injector: &Injector) -> Option<AnyObject> {
    let key: InjectionKey<Object<M>> = name.map_or(InjectionKey::of(), InjectionKey::named);
    injector.peek(&key).map(|object| object.as_any().clone())
}

fn find<M: SetupTasks>(name: Option<&'static str>, injector: Injector) -> FindFuture {
    let key = name.map_or(InjectionKey::of(), InjectionKey::named);
    Box::pin(async move { Ok(Deferred::<M>::new(key).find(&injector).await?.as_any().clone()) })
}
