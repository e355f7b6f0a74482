//! Values that tasks ask for, found by key along a chain of parents: given as they are, or made by a factory when the first
//! asks.

mod error;
mod factory;
mod key;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use error::InjectError;
use factory::Factory;
pub use key::{InjectionKey, KeyName};

use crate::Result;
use crate::object::{AnyObject, Object, SetupTasks};

/// Whether objects are readonly: `true` and nothing is run automatically on the objects at or below the injector, unless
/// the object or its model says otherwise. A value, not a factory: it is looked up where nothing can be awaited.
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
pub struct Injector(Arc<Inner>);

struct Inner {
    name: String,
    parent: Option<Injector>,
    provided: RwLock<HashMap<Id, Provided>>,
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
    /// A value that is an object, which is brought to ready when asked for.
    Object(Value, AnyObject),
}

impl Injector {
    /// An injector without a parent; `name` is for errors.
    pub fn root(name: impl Into<String>) -> Self {
        Self(Arc::new(Inner { name: name.into(), parent: None, provided: RwLock::default() }))
    }

    /// An injector below this one.
    pub fn child(&self, name: impl Into<String>) -> Self {
        Self(Arc::new(Inner { name: name.into(), parent: Some(self.clone()), provided: RwLock::default() }))
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

    /// Provides an object, which [`get`](Self::get) brings to ready, and [`peek`](Self::peek) does not.
    ///
    /// # Errors
    ///
    /// As [`provide`](Self::provide).
    pub fn provide_object<T: SetupTasks>(
        &self,
        key: InjectionKey<Object<T>>,
        object: Object<T>,
    ) -> Result<(), InjectError> {
        let any = object.any();
        self.add(key, Maker::Object(Arc::new(object), any))
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
        let maker = Maker::Value(Arc::new(value));
        let mut provided = self.0.provided.write().unwrap_or_else(PoisonError::into_inner);
        provided.insert(key.id(), Provided { key: key.to_string(), maker });
    }

    /// The value of the nearest injector, from this one up, that provides the key; made now if need be.
    ///
    /// # Errors
    ///
    /// [`InjectError::Missing`] if none does; [`InjectError::Factory`] if its factory fails; [`InjectError::Circle`] if its
    /// factory needs itself.
    pub async fn get<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Result<Arc<T>, InjectError> {
        self.get_optional(key).await?.ok_or_else(|| InjectError::Missing {
            key: key.to_string(),
            asker: None,
            searched: self.chain().map(|injector| injector.0.name.clone()).collect(),
        })
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
        let Some((at, maker)) = self.find(key.id()) else { return Ok(None) };
        let value = match maker {
            Maker::Value(value) => value,
            Maker::Factory(factory) => factory.get(at).await?,
            Maker::Object(value, object) => {
                object.ready().await.map_err(|source| InjectError::NotReady { key: key.to_string(), source })?;
                value
            }
        };
        Ok(value.downcast().ok())
    }

    /// As [`get_optional`](Self::get_optional), without waiting: a factory that has not made its value counts as nothing,
    /// and an object is as ready as it is.
    pub fn peek<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Option<Arc<T>> {
        let value = match self.find(key.id())?.1 {
            Maker::Value(value) | Maker::Object(value, _) => value,
            Maker::Factory(factory) => factory.peek()?,
        };
        value.downcast().ok()
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

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = f.debug_list();
        for injector in self.chain() {
            list.entry(&format_args!("{}: {}", injector.0.name, injector.keys().join(", ")));
        }
        list.finish()
    }
}
