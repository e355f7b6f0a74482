//! The values of templates: the program's values, serialized in an order that is the same in every process.
//!
//! Tera keeps the entries of a map in the order in which they come. A `HashMap` gives them in another order in each process, so
//! they are sorted on their way to Tera's serializer. Serde has no means to ask whether a map has an order. The types that
//! have one are listed by name here, and all others are sorted.

use std::any::type_name;
use std::fmt::Display;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use tera::Value;

use crate::masking::{Masking, for_each_integer};

/// Names of types whose entries come in an order that does not depend on the process.
const ORDERED_MAPS: &[&str] = &[
    "alloc::collections::btree::map::BTreeMap<",
    "indexmap::map::IndexMap<",
    "ordermap::map::OrderMap<",
    "linked_hash_map::LinkedHashMap<",
    "hashlink::linked_hash_map::LinkedHashMap<",
    "serde_json::value::Value",
    "serde_json::map::Map<",
    "serde_yaml::value::Value",
    "serde_yaml::mapping::Mapping",
    "toml::value::Value",
    "toml::map::Map<",
    "tera::value::Value",
];

/// Names of sets whose elements come in another order in each process.
const UNORDERED_SETS: &[&str] =
    &["std::collections::hash::set::HashSet<", "hashbrown::set::HashSet<", "dashmap::set::DashSet<"];

/// Serializes a value for a template.
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T, masking: &Masking) -> tera::TeraResult<Value> {
    Value::try_from_serializable(&Stable { value, place: Place { masking, in_secret: false } })
}

/// The position of the serializer within a value.
#[derive(Clone, Copy)]
struct Place<'d> {
    masking: &'d Masking,
    in_secret: bool,
}

impl<'d> Place<'d> {
    fn stable<'v, T: ?Sized>(self, value: &'v T) -> Stable<'v, 'd, T> {
        Stable { value, place: self }
    }
}

/// A value that serializes itself in an order that is the same in every process.
struct Stable<'v, 'd, T: ?Sized> {
    value: &'v T,
    place: Place<'d>,
}

impl<T: Serialize + ?Sized> Serialize for Stable<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Ordering { to: serializer, place: self.place, ty: type_name::<T>() })
    }
}

fn is_one_of(mut name: &str, types: &[&str]) -> bool {
    const POINTERS: &[&str] = &["&mut ", "&", "alloc::boxed::Box<", "alloc::sync::Arc<", "alloc::rc::Rc<"];
    while let Some(pointee) = POINTERS.iter().find_map(|pointer| name.strip_prefix(pointer)) {
        name = pointee;
    }
    types.iter().any(|ty| name.starts_with(ty))
}

/// A serializer that sorts maps and sets before it passes them to another serializer.
struct Ordering<'d, S> {
    to: S,
    place: Place<'d>,
    /// The name of the type that is serialized.
    ty: &'static str,
}

macro_rules! numbers {
    ($($method:ident: $ty:ty,)*) => {
        $(fn $method(self, number: $ty) -> Result<S::Ok, S::Error> {
            // The number is part of a secret, such as a PIN.
            let number = if self.place.in_secret { self.place.masking.$method(number) } else { number };
            self.to.$method(number)
        })*
    };
}

impl<'d, S: Serializer> Serializer for Ordering<'d, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Elements<'d, S>;
    type SerializeTuple = Parts<'d, S::SerializeTuple>;
    type SerializeTupleStruct = Parts<'d, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'d, S::SerializeTupleVariant>;
    type SerializeMap = Entries<'d, S>;
    type SerializeStruct = Parts<'d, S::SerializeStruct>;
    type SerializeStructVariant = Parts<'d, S::SerializeStructVariant>;

    for_each_integer! { numbers }

    numbers! {
        serialize_f32: f32,
        serialize_f64: f64,
    }

    fn serialize_bool(self, value: bool) -> Result<S::Ok, S::Error> {
        self.to.serialize_bool(value)
    }

    fn serialize_char(self, value: char) -> Result<S::Ok, S::Error> {
        if self.place.in_secret {
            return self.serialize_str(value.encode_utf8(&mut [0; 4]));
        }
        self.to.serialize_char(value)
    }

    fn serialize_str(self, value: &str) -> Result<S::Ok, S::Error> {
        self.to.serialize_str(&self.place.masking.text(value, self.place.in_secret))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serialize_str(&value.to_string())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<S::Ok, S::Error> {
        self.to.serialize_bytes(&self.place.masking.bytes(value, self.place.in_secret))
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.to.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.to.serialize_some(&self.place.stable(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.to.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.to.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.to.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let is_secret = name == setup_tasks::secret::SERDE_NAME;
        if is_secret {
            self.place.masking.record_secret();
        }
        let place = Place { in_secret: self.place.in_secret || is_secret, ..self.place };
        self.to.serialize_newtype_struct(name, &place.stable(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.to.serialize_newtype_variant(name, index, variant, &self.place.stable(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Elements<'d, S>, S::Error> {
        let sorts = is_one_of(self.ty, UNORDERED_SETS);
        Elements::new(self, len, sorts)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Parts { to: self.to.serialize_tuple(len)?, place: self.place })
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Parts { to: self.to.serialize_tuple_struct(name, len)?, place: self.place })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Ok(Parts { to: self.to.serialize_tuple_variant(name, index, variant, len)?, place: self.place })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'d, S>, S::Error> {
        let sorts = !is_one_of(self.ty, ORDERED_MAPS);
        Entries::new(self, len, sorts)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Parts { to: self.to.serialize_struct(name, len)?, place: self.place })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Ok(Parts { to: self.to.serialize_struct_variant(name, index, variant, len)?, place: self.place })
    }

    /// Serializes the maps of the standard library and of most crates, which all call this method.
    fn collect_map<K: Serialize, V: Serialize, I: IntoIterator<Item = (K, V)>>(
        self,
        map: I,
    ) -> Result<S::Ok, S::Error> {
        let sorts = !is_one_of(type_name::<I>(), ORDERED_MAPS);
        let map = map.into_iter();
        let mut entries = Entries::new(self, exact(map.size_hint()), sorts)?;
        for (key, value) in map {
            entries.serialize_entry(&key, &value)?;
        }
        entries.end()
    }

    fn collect_seq<I: IntoIterator<Item: Serialize>>(self, elements: I) -> Result<S::Ok, S::Error> {
        let sorts = is_one_of(type_name::<I>(), UNORDERED_SETS);
        let elements = elements.into_iter();
        let mut list = Elements::new(self, exact(elements.size_hint()), sorts)?;
        for element in elements {
            list.serialize_element(&element)?;
        }
        list.end()
    }

    fn is_human_readable(&self) -> bool {
        self.to.is_human_readable()
    }
}

fn exact((low, high): (usize, Option<usize>)) -> Option<usize> {
    (high == Some(low)).then_some(low)
}

/// The parts of a value whose order is fixed.
struct Parts<'d, P> {
    to: P,
    place: Place<'d>,
}

macro_rules! parts {
    ($($of:ident::$method:ident($($name:ident)?),)*) => {
        $(impl<P: $of> $of for Parts<'_, P> {
            type Ok = P::Ok;
            type Error = P::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), P::Error> {
                self.to.$method($($name,)? &self.place.stable(value))
            }

            fn end(self) -> Result<P::Ok, P::Error> {
                self.to.end()
            }
        })*
    };
}

parts! {
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(name),
    SerializeStructVariant::serialize_field(name),
}

/// The elements of a sequence. Those of a set without an order are collected and sorted.
enum Elements<'d, S: Serializer> {
    InOrder(Parts<'d, S::SerializeSeq>),
    Sorted { to: S, place: Place<'d>, elements: Vec<Value> },
}

impl<'d, S: Serializer> Elements<'d, S> {
    fn new(from: Ordering<'d, S>, len: Option<usize>, sorts: bool) -> Result<Self, S::Error> {
        let Ordering { to, place, .. } = from;
        if sorts {
            return Ok(Self::Sorted { to, place, elements: Vec::with_capacity(len.unwrap_or(0)) });
        }
        Ok(Self::InOrder(Parts { to: to.serialize_seq(len)?, place }))
    }
}

impl<S: Serializer> SerializeSeq for Elements<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        match self {
            Self::InOrder(Parts { to, place }) => to.serialize_element(&place.stable(value)),
            Self::Sorted { place, elements, .. } => {
                elements.push(gathered(&place.stable(value))?);
                Ok(())
            }
        }
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Self::InOrder(Parts { to, .. }) => to.end(),
            Self::Sorted { to, mut elements, .. } => {
                // Tera cannot compare maps. Their texts are already the same in every process.
                elements.sort_by_cached_key(|element| (element.clone(), element.to_string()));
                to.collect_seq(elements)
            }
        }
    }
}

/// The entries of a map. Those of a map without an order are collected and sorted by their keys.
enum Entries<'d, S: Serializer> {
    InOrder(Parts<'d, S::SerializeMap>),
    Sorted { to: S, place: Place<'d>, key: Option<Value>, entries: Vec<(Value, Value)> },
}

impl<'d, S: Serializer> Entries<'d, S> {
    fn new(from: Ordering<'d, S>, len: Option<usize>, sorts: bool) -> Result<Self, S::Error> {
        let Ordering { to, place, .. } = from;
        if sorts {
            return Ok(Self::Sorted { to, place, key: None, entries: Vec::with_capacity(len.unwrap_or(0)) });
        }
        Ok(Self::InOrder(Parts { to: to.serialize_map(len)?, place }))
    }
}

impl<S: Serializer> SerializeMap for Entries<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        match self {
            Self::InOrder(Parts { to, place }) => to.serialize_key(&place.stable(value)),
            Self::Sorted { place, key, .. } => {
                *key = Some(gathered(&place.stable(value))?);
                Ok(())
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        match self {
            Self::InOrder(Parts { to, place }) => to.serialize_value(&place.stable(value)),
            Self::Sorted { place, key, entries, .. } => {
                let Some(key) = key.take() else { return Err(S::Error::custom("a value has no key")) };
                entries.push((key, gathered(&place.stable(value))?));
                Ok(())
            }
        }
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Self::InOrder(Parts { to, .. }) => to.end(),
            Self::Sorted { to, mut entries, .. } => {
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                to.collect_map(entries)
            }
        }
    }
}

fn gathered<E: serde::ser::Error>(value: &impl Serialize) -> Result<Value, E> {
    Value::try_from_serializable(value).map_err(E::custom)
}
