//! Keys: a type, and a name where one type has several values.

use std::any::{TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;

/// Names a value of type `T` in an injector.
pub struct InjectionKey<T: 'static> {
    name: Option<&'static str>,
    value: PhantomData<fn() -> T>,
}

impl<T: 'static> InjectionKey<T> {
    /// The key of the type alone.
    pub const fn of() -> Self {
        Self { name: None, value: PhantomData }
    }

    /// The key of the type and a name.
    pub const fn named(name: &'static str) -> Self {
        Self { name: Some(name), value: PhantomData }
    }

    /// Its name, if it has one.
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

/// A key as a type, so that an extractor can name it; [`injection_key!`](crate::injection_key) declares them.
pub trait KeyName: 'static {
    /// The type of the value.
    type Value: Send + Sync + 'static;
    /// The name.
    const NAME: &'static str;
}

/// Declares a key as a type, for [`InjectKey`](crate::InjectKey): `injection_key!(pub Domain = "domain": String)`.
#[macro_export]
macro_rules! injection_key {
    ($(#[$meta:meta])* $vis:vis $key:ident = $name:literal : $value:ty) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis enum $key {}

        impl $key {
            /// The key.
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
