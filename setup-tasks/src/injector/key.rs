//! Keys of values: a type, and a name if there are several values of the type.

use std::any::{TypeId, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The key of a value of type `T` in an [`Injector`](crate::Injector): the type, and a name if there
/// are several values of the type.
///
/// ```
/// use setup_tasks::{InjectionKey, Injector};
///
/// const INSIDE: InjectionKey<u16> = InjectionKey::named("inside port");
/// const OUTSIDE: InjectionKey<u16> = InjectionKey::named("outside port");
///
/// let site = Injector::root("the site");
/// site.provide(INSIDE, 8080)?;
/// assert_eq!(site.peek(&INSIDE).as_deref(), Some(&8080));
/// assert_eq!(site.peek(&OUTSIDE), None);
/// # Ok::<(), setup_tasks::injector::InjectError>(())
/// ```
pub struct InjectionKey<T: 'static> {
    name: Option<&'static str>,
    value: PhantomData<fn() -> T>,
}

impl<T: 'static> InjectionKey<T> {
    /// Returns the key of the type alone.
    pub const fn of() -> Self {
        Self { name: None, value: PhantomData }
    }

    /// Returns the key of the type with a name.
    pub const fn named(name: &'static str) -> Self {
        Self { name: Some(name), value: PhantomData }
    }

    /// Returns the name, if the key has one.
    pub const fn name(&self) -> Option<&'static str> {
        self.name
    }

    pub(super) fn id(&self) -> (TypeId, Option<&'static str>) {
        (TypeId::of::<T>(), self.name)
    }
}

impl<T: 'static> Clone for InjectionKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for InjectionKey<T> {}

impl<T: 'static> PartialEq for InjectionKey<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<T: 'static> Eq for InjectionKey<T> {}

impl<T: 'static> Hash for InjectionKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<T: 'static> fmt::Display for InjectionKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "`{name}` ({})", type_name::<T>()),
            None => write!(f, "`{}`", type_name::<T>()),
        }
    }
}

impl<T: 'static> fmt::Debug for InjectionKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InjectionKey({self})")
    }
}

/// A key as a type, which an extractor can name. [`injection_key!`](crate::injection_key) declares
/// such types.
pub trait KeyName: 'static {
    /// The type of the value.
    type Value: Send + Sync + 'static;
    /// The name.
    const NAME: &'static str;
}

/// Declares a key as a type, for [`InjectKey`](crate::InjectKey).
///
/// For example, `injection_key!(pub Domain = "domain": String)` declares the type `Domain`. Its
/// `Domain::key()` returns the [`InjectionKey`](crate::InjectionKey). See
/// [`InjectKey`](crate::InjectKey) for an example.
#[macro_export]
macro_rules! injection_key {
    ($(#[$meta:meta])* $vis:vis $key:ident = $name:literal : $value:ty) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis enum $key {}

        impl $key {
            /// Returns the key.
            #[allow(dead_code)]
            $vis const fn key() -> $crate::InjectionKey<$value> {
                $crate::InjectionKey::named($name)
            }
        }

        impl $crate::injector::KeyName for $key {
            type Value = $value;
            const NAME: &'static str = $name;
        }
    };
}
