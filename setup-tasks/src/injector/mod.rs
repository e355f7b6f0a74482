//! Dependency injection: values that are found by key along a chain of injectors. A value is
//! provided directly, or created by a factory on the first request.

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

/// The key of the flag that makes objects readonly.
///
/// If the value is `true`, no task runs automatically on objects at or below the injector, unless
/// the object or its model sets the flag itself. The flag is read by code that cannot wait. If a
/// factory fails, or cannot create the value immediately, the objects count as readonly.
pub const READONLY: InjectionKey<bool> = InjectionKey::named("readonly");

type Value = Arc<dyn Any + Send + Sync>;
type Id = (TypeId, Option<&'static str>);

/// A provider of values, with a parent that is searched for missing keys. A handle is cheap to
/// clone.
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

/// A parent or a value may hold more injectors and objects, so a chain of them is dropped without
/// recursion.
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

/// The entry of a key.
#[derive(Clone)]
struct Provided {
    /// The text of the key for messages.
    key: String,
    maker: Maker,
}

#[derive(Clone)]
enum Maker {
    Value(Value),
    Factory(Arc<Factory>),
}

/// The result for a key whose value a factory has still to create.
pub(crate) struct MadeOnDemand;

impl Injector {
    /// Creates an injector without a parent. `name` appears in errors.
    pub fn root(name: impl Into<String>) -> Self {
        Self::new(name.into(), None, Listeners::root())
    }

    /// Creates an injector with this one as its parent.
    pub fn child(&self, name: impl Into<String>) -> Self {
        Self::new(name.into(), Some(self.clone()), self.0.listeners.child())
    }

    fn new(name: String, parent: Option<Self>, listeners: Listeners) -> Self {
        Self(Arc::new(InjectorState { name, parent, provided: RwLock::default(), listeners }))
    }

    /// Returns the name of the injector.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Provides a value at this injector, and thereby at its descendants.
    ///
    /// # Errors
    ///
    /// [`InjectError::Provided`] if this injector itself provides the key already.
    pub fn provide<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: T) -> Result<(), InjectError> {
        self.add(key, Maker::Value(Arc::new(value)))
    }

    /// Provides a value that a function creates on the first request. The function receives this
    /// injector, also for a request at a descendant.
    ///
    /// # Errors
    ///
    /// As for [`provide`](Self::provide).
    pub fn provide_with<T: Send + Sync + 'static>(
        &self,
        key: InjectionKey<T>,
        make: impl Fn(Injector) -> Result<T> + Send + Sync + 'static,
    ) -> Result<(), InjectError> {
        self.provide_async(key, move |injector| std::future::ready(make(injector)))
    }

    /// Provides a value that an async function creates on the first request. Concurrent requests
    /// wait for the same call. If it fails, all of them receive the error, and a later request
    /// calls the function again.
    ///
    /// # Errors
    ///
    /// As for [`provide`](Self::provide).
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

    /// Provides a value at this injector. A value that it already provides for the key is replaced.
    pub fn replace<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: T) {
        self.replace_shared(key, Arc::new(value));
    }

    pub(crate) fn replace_shared<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: Arc<T>) {
        let maker = Maker::Value(value);
        let mut provided = self.0.provided.write().unwrap_or_else(PoisonError::into_inner);
        provided.insert(key.id(), Provided { key: key.to_string(), maker });
    }

    /// Returns the value of the nearest injector that provides the key, starting with this one. A
    /// factory creates the value if necessary. An [`Object`](crate::Object) is brought to ready.
    ///
    /// # Errors
    ///
    /// - [`InjectError::Missing`] if no injector provides the key;
    /// - [`InjectError::Factory`] if its factory fails;
    /// - [`InjectError::Circle`] if its factory depends on its own value;
    /// - [`InjectError::NotReady`] if it is an object that cannot be brought to ready.
    pub async fn get<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Result<Arc<T>, InjectError> {
        self.get_optional(key).await?.ok_or_else(|| self.missing(key))
    }

    /// Like [`get`](Self::get), and returns `None` if no injector provides the key.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), except for a missing key.
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

    /// Like [`get`](Self::get), without bringing an object to ready.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), except for objects that are not ready.
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

    /// Like [`get_optional`](Self::get_optional), without waiting. A value that its factory has not
    /// created counts as missing, and an object is not brought to ready.
    pub fn peek<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Option<Arc<T>> {
        let value = match self.find(key.id())?.1 {
            Maker::Value(value) => value,
            Maker::Factory(factory) => factory.peek()?,
        };
        value.downcast().ok()
    }

    /// Like [`peek`](Self::peek), and calls the factory if necessary. Returns an error if the
    /// factory fails or cannot create the value immediately.
    pub(crate) fn get_now<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Option<Arc<T>>, InjectError> {
        if let Ok(given) = self.given(key) {
            return Ok(given);
        }
        // The future is polled here, however deep the stack is. A spawned tokio task would not
        // finish now.
        match WorkContext::detached().scope(self.value(key)).now_or_never() {
            Some(value) => Ok(value?.and_then(|value| value.downcast().ok())),
            None => Err(InjectError::WouldBlock { key: key.to_string() }),
        }
    }

    /// Returns the value of a key if it exists already, or `None` if no injector provides the key.
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

    /// Returns whether both handles refer to the same injector.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the keys of a type that this injector or an ancestor provides. The keys of nearer
    /// injectors come first, and each name appears once, as in [`get`](Self::get).
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

    /// Calls `listener` with every later event that `key` selects, of objects at or below this
    /// injector. The listener runs on its own thread. A slow listener delays no run, and a listener
    /// that panics is not called again.
    pub fn on_event(&self, key: impl Into<EventKey>, listener: impl Fn(&Event) + Send + 'static) -> Listening {
        self.0.listeners.call(key.into(), listener)
    }

    /// Like [`on_event`](Self::on_event), with an async function on the tokio runtime of the
    /// caller, or on a thread of its own if the caller has none.
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

    /// Returns a stream of every later event that `key` selects, of objects at or below this
    /// injector.
    pub fn events(&self, key: impl Into<EventKey>) -> EventStream {
        self.0.listeners.listen(key.into())
    }

    /// Creates an event if there is any listener, and sends it to the listeners at this injector
    /// and its ancestors. `has` returns whether the event's object has a key.
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event, has: impl Fn(&EventKey) -> bool) {
        if !self.0.listeners.any() {
            return;
        }
        let event = Arc::new(event());
        self.chain().for_each(|injector| injector.0.listeners.send(&event, &has));
    }

    /// Returns the nearest injector that provides a key, and its value or factory.
    fn find(&self, id: Id) -> Option<(Self, Maker)> {
        self.chain().find_map(|injector| {
            let provided = injector.0.provided.read().unwrap_or_else(PoisonError::into_inner);
            provided.get(&id).map(|provided| (injector.clone(), provided.maker.clone()))
        })
    }

    /// Returns the texts of the keys that this injector itself provides.
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

/// The injector of an object, which is created on first use. Most objects provide nothing and have
/// no listeners.
pub(crate) struct OwnInjector {
    parent: Injector,
    own: OnceLock<Injector>,
}

impl OwnInjector {
    pub(crate) fn below(parent: Injector) -> Self {
        Self { parent, own: OnceLock::new() }
    }

    /// Returns the injector. If it is created now, it is called `name`.
    pub(crate) fn get(&self, name: &str) -> &Injector {
        self.own.get_or_init(|| self.parent.child(name))
    }

    /// Returns the object's injector, or its parent if the object has none yet. Lookups give the
    /// same result at both.
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
