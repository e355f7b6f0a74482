//! Values that tasks ask for, found by key along a chain of parents.

mod key;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use key::{InjectionKey, KeyName};

/// Whether objects are readonly: `true` and nothing is run automatically on the objects at or below the injector, unless
/// the object or its model says otherwise.
pub const READONLY: InjectionKey<bool> = InjectionKey::named("readonly");

type Value = Arc<dyn Any + Send + Sync>;
type Id = (TypeId, Option<&'static str>);

/// A place where values are provided, with a parent that is asked for what it lacks. A cheap handle.
#[derive(Clone)]
pub struct Injector(Arc<Inner>);

struct Inner {
    name: String,
    parent: Option<Injector>,
    values: RwLock<HashMap<Id, Value>>,
}

/// Why an injector has no answer, or takes no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    /// Nobody provides the key.
    #[error(
        "nothing provides {key}{}; searched {}\nhelp: `provide` it at one of these before it is asked for",
        asker.as_ref().map(|asker| format!(", which {asker} asks for")).unwrap_or_default(),
        searched.join(", then ")
    )]
    Missing {
        /// The key.
        key: String,
        /// Who asked.
        asker: Option<String>,
        /// The injectors that were searched, the nearest first.
        searched: Vec<String>,
    },
    /// The key is provided already.
    #[error("{at} provides {key} already\nhelp: use `replace` to put another value in its place")]
    Provided {
        /// The key.
        key: String,
        /// The injector.
        at: String,
    },
}

impl InjectError {
    /// Adds who asked.
    pub(crate) fn asked_by(mut self, who: String) -> Self {
        if let Self::Missing { asker, .. } = &mut self {
            *asker = Some(who);
        }
        self
    }
}

impl Injector {
    /// An injector without a parent; `name` is for errors.
    pub fn root(name: impl Into<String>) -> Self {
        Self(Arc::new(Inner { name: name.into(), parent: None, values: RwLock::default() }))
    }

    /// An injector below this one.
    pub fn child(&self, name: impl Into<String>) -> Self {
        Self(Arc::new(Inner { name: name.into(), parent: Some(self.clone()), values: RwLock::default() }))
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
        let mut values = self.0.values.write().unwrap_or_else(PoisonError::into_inner);
        if values.contains_key(&key.id()) {
            return Err(InjectError::Provided { key: key.to_string(), at: self.0.name.clone() });
        }
        values.insert(key.id(), Arc::new(value));
        Ok(())
    }

    /// Provides a value here in the place of the one that this injector itself has, if any.
    pub fn replace<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: T) {
        self.0.values.write().unwrap_or_else(PoisonError::into_inner).insert(key.id(), Arc::new(value));
    }

    /// The value of the nearest injector, from this one up, that has one.
    pub fn get_optional<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Option<Arc<T>> {
        self.chain().find_map(|injector| {
            let values = injector.0.values.read().unwrap_or_else(PoisonError::into_inner);
            values.get(&key.id()).cloned().and_then(|value| value.downcast().ok())
        })
    }

    /// As [`get_optional`](Self::get_optional).
    ///
    /// # Errors
    ///
    /// [`InjectError::Missing`] if none has one.
    pub fn get<T: Send + Sync + 'static>(&self, key: &InjectionKey<T>) -> Result<Arc<T>, InjectError> {
        self.get_optional(key).ok_or_else(|| InjectError::Missing {
            key: key.to_string(),
            asker: None,
            searched: self.chain().map(|injector| injector.0.name.clone()).collect(),
        })
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |injector| injector.0.parent.as_ref())
    }
}

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.chain().map(Injector::name).collect();
        write!(f, "Injector({})", names.join(" < "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: InjectionKey<u32> = InjectionKey::named("lease");

    #[test]
    fn a_child_overrides_its_parent() {
        let root = Injector::root("root");
        let child = root.child("child");
        root.provide(LEASE, 1).unwrap();
        assert_eq!(*child.get(&LEASE).unwrap(), 1);
        child.provide(LEASE, 2).unwrap();
        assert_eq!((*child.get(&LEASE).unwrap(), *root.get(&LEASE).unwrap()), (2, 1));
    }

    #[test]
    fn names_and_types_make_different_keys() {
        let root = Injector::root("root");
        root.provide(LEASE, 1).unwrap();
        assert!(root.get_optional(&InjectionKey::<u32>::of()).is_none());
        assert!(root.get_optional(&InjectionKey::<u64>::named("lease")).is_none());
    }

    #[test]
    fn a_missing_key_names_itself_the_asker_and_the_chain() {
        let error = Injector::root("layout").child("hosts/gw").get(&LEASE).unwrap_err().asked_by("gw/mount".into());
        let text = error.to_string();
        assert!(text.contains("`lease` (u32), which gw/mount asks for; searched hosts/gw, then layout"), "{text}");
    }

    #[test]
    fn providing_twice_is_an_error_and_replacing_is_not() {
        let root = Injector::root("root");
        root.provide(LEASE, 1).unwrap();
        assert!(matches!(root.provide(LEASE, 2), Err(InjectError::Provided { .. })));
        root.replace(LEASE, 3);
        assert_eq!(*root.get(&LEASE).unwrap(), 3);
    }
}
