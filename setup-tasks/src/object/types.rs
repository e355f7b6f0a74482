//! The types of objects, by which a value of unknown type can be recognised as an object.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::{AnyObject, Object, SetupTasks};

type AsObject = fn(&(dyn Any + Send + Sync)) -> Option<AnyObject>;

/// The types of all objects that were created.
static TYPES: RwLock<Option<HashMap<TypeId, AsObject>>> = RwLock::new(None);

/// Registers the type of an object.
pub(crate) fn note_type<T: SetupTasks>() {
    let id = TypeId::of::<Object<T>>();
    let known = TYPES.read().unwrap_or_else(PoisonError::into_inner);
    if known.as_ref().is_some_and(|types| types.contains_key(&id)) {
        return;
    }
    drop(known);
    let as_object: AsObject = |value| value.downcast_ref::<Object<T>>().map(|object| object.as_any().clone());
    TYPES.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(id, as_object);
}

/// Returns the object to which a value is a handle, or `None` for other values.
pub(crate) fn as_object(value: &(dyn Any + Send + Sync)) -> Option<AnyObject> {
    if let Some(object) = value.downcast_ref::<AnyObject>() {
        return Some(object.clone());
    }
    let types = TYPES.read().unwrap_or_else(PoisonError::into_inner);
    let as_object = *types.as_ref()?.get(&value.type_id())?;
    drop(types);
    as_object(value)
}
