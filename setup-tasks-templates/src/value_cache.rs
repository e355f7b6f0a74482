//! Serialized values of the injector. Each value is serialized once for all templates that use it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use serde::Serialize;
use setup_tasks::Result;
use tera::Value;

use crate::masking::Masking;
use crate::value::to_value;

/// Serialized values by the value's type and address. The weak reference shows whether the value at the address is still the same.
type Cache = HashMap<(TypeId, usize), (Weak<dyn Any + Send + Sync>, Serialized)>;

#[derive(Clone)]
struct Serialized {
    value: Value,
    has_secrets: bool,
}

static CACHE: RwLock<Option<Cache>> = RwLock::new(None);

/// Returns the serialized value. It is serialized at the first use, and again only if the injector has another value.
pub(crate) fn cached<T: Serialize + Send + Sync + 'static>(value: &Arc<T>, masking: &Masking) -> Result<Value> {
    let Serialized { value: serialized, has_secrets } = entry(value)?;
    if has_secrets {
        masking.record_secret();
        if !masking.is_none() {
            return Ok(to_value(&**value, masking)?);
        }
    }
    Ok(serialized)
}

fn entry<T: Serialize + Send + Sync + 'static>(value: &Arc<T>) -> Result<Serialized> {
    let key = (TypeId::of::<T>(), Arc::as_ptr(value).addr());
    let cache = CACHE.read().unwrap_or_else(PoisonError::into_inner);
    // As long as the reference can be upgraded, no other value has the address.
    if let Some((alive, known)) = cache.as_ref().and_then(|cache| cache.get(&key))
        && alive.strong_count() > 0
    {
        return Ok(known.clone());
    }
    drop(cache);
    let plain = Masking::none();
    let serialized = to_value(&**value, &plain)?;
    let entry = Serialized { value: serialized, has_secrets: plain.has_secrets() };
    let weak: Weak<dyn Any + Send + Sync> = Arc::downgrade(&(value.clone() as Arc<dyn Any + Send + Sync>));
    let mut cache = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    let cache = cache.get_or_insert_default();
    // Removing them each time would be slow if many values are created one after the other.
    if cache.len() == cache.capacity() {
        cache.retain(|_, (alive, _)| alive.strong_count() > 0);
    }
    cache.insert(key, (weak, entry.clone()));
    Ok(entry)
}
