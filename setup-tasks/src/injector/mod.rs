//! Values that tasks ask for, found by key along a chain of parents: given as they are, or made by a factory when the first
//! asks.

mod error;
mod factory;
mod key;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

pub use error::InjectError;
use factory::Factory;
use futures_util::FutureExt;
pub use key::{InjectionKey, KeyName};

use crate::Result;
use crate::event::{Event, EventKey, EventStream, Listeners, Listening};
use crate::flat::drop_flat;
use crate::object::as_object;
use crate::work::WorkContext;

/// Whether objects are readonly: `true` and nothing is run automatically on the objects at or below the injector, unless
/// the object or its model says otherwise. It is looked up where nothing can be awaited: where a factory fails, or cannot
/// make it at once, objects count as readonly.
pub const READONLY: InjectionKey<bool> = InjectionKey::named("readonly");

type Value = Arc<dyn Any + Send + Sync>;
type Id = (TypeId, Option<&'static str>);

/// A place where values are provided, with a parent that is asked for what it lacks. A cheap handle.
///
/// ```
/// use setup_tasks::{InjectionKey, Injector};
///
/// const LEASE: InjectionKey<u32> = InjectionKey::named("lease");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> setup_tasks::Result<()> {
/// let site = Injector::root("the site");
/// site.provide(LEASE, 12)?;
/// site.provide_async(InjectionKey::<String>::of(), |site| async move {
///     Ok(format!("leases of {} hours", site.get(&LEASE).await?))
/// })?;
///
/// let host = site.child("gateway");
/// assert_eq!(*host.get(&InjectionKey::<String>::of()).await?, "leases of 12 hours");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Injector(Arc<InjectorState>);

struct InjectorState {
    name: String,
    parent: Option<Injector>,
    provided: RwLock<HashMap<Id, Provided>>,
    listeners: Listeners,
}

/// A parent and a value may hold more injectors and objects: a chain of them is dropped without recursion.
impl Drop for InjectorState {
    fn drop(&mut self) {
        let provided = std::mem::take(self.provided.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !provided.is_empty() {
            drop_flat(provided);
        }
        if let Some(parent) = self.parent.take().and_then(|parent| Arc::into_inner(parent.0)) {
            drop_flat(parent);
        }
    }
}

/// What is provided for a key.
#[derive(Clone)]
struct Provided {
    /// The key, for people.
    key: String,
    maker: Maker,
}

#[derive(Clone)]
enum Maker {
    Value(Value),
    Factory(Arc<Factory>),
}

/// A factory makes the value.
pub(crate) struct MadeOnDemand;

impl Injector {
    /// An injector without a parent; `name` is for errors.
    pub fn root(name: impl Into<String>) -> Self {
        Self::new(name.into(), None, Listeners::root())
    }

    /// An injector below this one.
    pub fn child(&self, name: impl Into<String>) -> Self {
        Self::new(name.into(), Some(self.clone()), self.0.listeners.child())
    }

    fn new(name: String, parent: Option<Self>, listeners: Listeners) -> Self {
        Self(Arc::new(InjectorState { name, parent, provided: RwLock::default(), listeners }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Provides a value here; those below see it too.
    ///
    /// # Errors
    ///
    /// [`InjectError::Provided`] if this injector itself provides the key already.
    pub fn provide<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: T) -> Result<(), InjectError> {
        self.add(key, Maker::Value(Arc::new(value)))
    }

    /// Provides what a function makes when the first asks. It is given this injector, whoever asks.
    ///
    /// # Errors
    ///
    /// As [`provide`](Self::provide).
    pub fn provide_with<T: Send + Sync + 'static>(
        &self,
        key: InjectionKey<T>,
        make: impl Fn(Injector) -> Result<T> + Send + Sync + 'static,
    ) -> Result<(), InjectError> {
        self.provide_async(key, move |injector| std::future::ready(make(injector)))
    }

    /// Provides what an async function makes when the first asks. Who asks meanwhile waits for the same; a failure is told
    /// to all of them, and who asks later tries again.
    ///
    /// # Errors
    ///
    /// As [`provide`](Self::provide).
    pub fn provide_async<T, F, M>(&self, key: InjectionKey<T>, make: M) -> Result<(), InjectError>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        M: Fn(Injector) -> F + Send + Sync + 'static,
    {
        self.add(key, Maker::Factory(Arc::new(Factory::new(key.to_string(), make))))
    }

    fn add<T: 'static>(&self, key: InjectionKey<T>, maker: Maker) -> Result<(), InjectError> {
        let mut provided = self.0.provided.write().unwrap_or_else(PoisonError::into_inner);
        if provided.contains_key(&key.id()) {
            return Err(InjectError::Provided { key: key.to_string(), at: self.0.name.clone() });
        }
        provided.insert(key.id(), Provided { key: key.to_string(), maker });
        Ok(())
    }

    /// Provides a value here in the place of what this injector itself has, if anything.
    pub fn replace<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: T) {
        self.replace_shared(key, Arc::new(value));
    }

    pub(crate) fn replace_shared<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: Arc<T>) {
        let maker = Maker::Value(value);
        let mut provided = self.0.provided.write().unwrap_or_else(PoisonError::into_inner);
        provided.insert(key.id(), Provided { key: key.to_string(), maker });
    }

    /// The value of the nearest injector, from this one up, that provides the key; made now if need be. An
    /// [`Object`](crate::Object) is brought to ready.
    ///
    /// # Errors
    ///
    /// [`InjectError::Missing`] if none does; [`InjectError::Factory`] if its factory fails; [`InjectError::Circle`] if its
    /// factory needs itself; [`InjectError::NotReady`] if it is an object that cannot be brought to ready.
    pub async fn get<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Result<Arc<T>, InjectError> {
        self.get_optional(key).await?.ok_or_else(|| self.missing(key))
    }

    /// As [`get`](Self::get), and `None` if nobody provides the key.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), but for a missing key.
    pub async fn get_optional<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Option<Arc<T>>, InjectError> {
        let Some(value) = self.value(key).await? else { return Ok(None) };
        if let Some(object) = as_object(&*value) {
            let ready = object.0.core().layout.hooks().ready;
            ready(object.0.clone()).await.map_err(|source| InjectError::NotReady { key: key.to_string(), source })?;
        }
        Ok(value.downcast().ok())
    }

    /// As [`get`](Self::get), and an object is as ready as it is.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), but for objects that are not ready.
    pub async fn get_not_ready<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Result<Arc<T>, InjectError> {
        let value = self.value(key).await?.ok_or_else(|| self.missing(key))?;
        value.downcast().map_err(|_| self.missing(key))
    }

    async fn value<T: 'static>(&self, key: &InjectionKey<T>) -> Result<Option<Value>, InjectError> {
        match self.find(key.id()) {
            None => Ok(None),
            Some((_, Maker::Value(value))) => Ok(Some(value)),
            Some((at, Maker::Factory(factory))) => factory.get(at).await.map(Some),
        }
    }

    fn missing<T>(&self, key: &InjectionKey<T>) -> InjectError {
        InjectError::Missing {
            key: key.to_string(),
            asker: WorkContext::worker().map(|worker| worker.title()),
            searched: self.chain().map(|injector| injector.0.name.clone()).collect(),
        }
    }

    /// As [`get_optional`](Self::get_optional), without waiting: a factory that has not made its value counts as nothing,
    /// and an object is as ready as it is.
    pub fn peek<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Option<Arc<T>> {
        let value = match self.find(key.id())?.1 {
            Maker::Value(value) => value,
            Maker::Factory(factory) => factory.peek()?,
        };
        value.downcast().ok()
    }

    /// As [`peek`](Self::peek), and a factory that has not made its value makes it now. `Err` if it fails or would have to
    /// be waited for.
    pub(crate) fn get_now<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Option<Arc<T>>, InjectError> {
        if let Ok(given) = self.given(key) {
            return Ok(given);
        }
        // On the stack, however deep the caller is: a tokio task of its own would not be done now.
        match WorkContext::detached().carry(self.value(key)).now_or_never() {
            Some(value) => Ok(value?.and_then(|value| value.downcast().ok())),
            None => Err(InjectError::WouldBlock { key: key.to_string() }),
        }
    }

    /// What is provided for a key, if anything and if it need not be made.
    pub(crate) fn given<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Option<Arc<T>>, MadeOnDemand> {
        match self.find(key.id()) {
            None => Ok(None),
            Some((_, Maker::Value(value))) => Ok(value.downcast().ok()),
            Some((_, Maker::Factory(_))) => Err(MadeOnDemand),
        }
    }

    /// Whether they are one and the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Every key of a type that this injector, or one above it, provides: its own first, each name once, as in `get`.
    pub fn filter<T: 'static>(&self) -> Vec<InjectionKey<T>> {
        let mut keys: Vec<InjectionKey<T>> = Vec::new();
        for injector in self.chain() {
            let provided = injector.0.provided.read().unwrap_or_else(PoisonError::into_inner);
            let of_type = provided.keys().filter(|(value, _)| *value == TypeId::of::<T>());
            let mut names: Vec<_> = of_type.map(|(_, name)| *name).collect();
            names.retain(|name| !keys.iter().any(|key| key.name() == *name));
            names.sort_unstable();
            keys.extend(names.into_iter().map(|name| name.map_or(InjectionKey::of(), InjectionKey::named)));
        }
        keys
    }

    /// Calls `listener`, on a thread of its own, with every event of the key, from now on, of objects at or below this
    /// injector. However long it takes, no run waits for it; one that panics is not called again.
    pub fn on_event(&self, key: impl Into<EventKey>, listener: impl Fn(&Event) + Send + 'static) -> Listening {
        self.0.listeners.call(key.into(), listener)
    }

    /// As [`on_event`](Self::on_event), with an async function, on the tokio runtime that this is called in.
    pub fn on_event_async<F>(
        &self,
        key: impl Into<EventKey>,
        listener: impl Fn(Arc<Event>) -> F + Send + Sync + 'static,
    ) -> Listening
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.listeners.call_async(key.into(), listener)
    }

    /// The events of the key, from now on, of objects at or below this injector, as a stream.
    pub fn events(&self, key: impl Into<EventKey>) -> EventStream {
        self.0.listeners.listen(key.into())
    }

    /// Makes an event, if anybody listens, and hands it to those, here and above, whose key `has` says is its object's.
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event, has: impl Fn(&EventKey) -> bool) {
        if !self.0.listeners.any() {
            return;
        }
        let event = Arc::new(event());
        self.chain().for_each(|injector| injector.0.listeners.send(&event, &has));
    }

    /// The nearest injector that provides something for a key, and what.
    fn find(&self, id: Id) -> Option<(Self, Maker)> {
        self.chain().find_map(|injector| {
            let provided = injector.0.provided.read().unwrap_or_else(PoisonError::into_inner);
            provided.get(&id).map(|provided| (injector.clone(), provided.maker.clone()))
        })
    }

    /// What this injector itself provides, for people.
    fn keys(&self) -> Vec<String> {
        let provided = self.0.provided.read().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<_> = provided.values().map(|provided| provided.key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |injector| injector.0.parent.as_ref())
    }
}

/// An object's own injector, made when somebody first wants it: most objects provide nothing, and nobody listens at them.
pub(crate) struct OwnInjector {
    parent: Injector,
    own: OnceLock<Injector>,
}

impl OwnInjector {
    pub(crate) fn below(parent: Injector) -> Self {
        Self { parent, own: OnceLock::new() }
    }

    /// The injector; `name` is what it is called if it is made now.
    pub(crate) fn get(&self, name: &str) -> &Injector {
        self.own.get_or_init(|| self.parent.child(name))
    }

    /// Whatever it finds, this finds: one that was not made provides nothing.
    pub(crate) fn nearest(&self) -> &Injector {
        self.own.get().unwrap_or(&self.parent)
    }
}

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = f.debug_list();
        for injector in self.chain() {
            list.entry(&format_args!("{}: {}", injector.0.name, injector.keys().join(", ")));
        }
        list.finish()
    }
}
