//! Serialized values of the injector. Each value is serialized once for all templates that use it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use serde::Serialize;
use setup_tasks::Result;
use tera::Value;

use crate::disguise::Disguise;
use crate::value::to_value;

/// Serialized values by the value's type and address. The weak reference shows whether the value at the address is still the same.
type Kept = HashMap<(TypeId, usize), (Weak<dyn Any + Send + Sync>, Serialized)>;

#[derive(Clone)]
struct Serialized {
    value: Value,
    has_secrets: bool,
}

static KEPT: RwLock<Option<Kept>> = RwLock::new(None);

/// Returns the serialized value. It is serialized at the first use, and again only if the injector has another value.
pub(crate) fn shared<T: Serialize + Send + Sync + 'static>(value: &Arc<T>, disguise: &Disguise) -> Result<Value> {
    let Serialized { value: serialized, has_secrets } = kept(value)?;
    if has_secrets {
        disguise.note();
        if !disguise.is_none() {
            return Ok(to_value(&**value, disguise)?);
        }
    }
    Ok(serialized)
}

fn kept<T: Serialize + Send + Sync + 'static>(value: &Arc<T>) -> Result<Serialized> {
    let key = (TypeId::of::<T>(), Arc::as_ptr(value).addr());
    let kept = KEPT.read().unwrap_or_else(PoisonError::into_inner);
    // As long as the reference can be upgraded, no other value has the address.
    if let Some((alive, known)) = kept.as_ref().and_then(|kept| kept.get(&key))
        && alive.strong_count() > 0
    {
        return Ok(known.clone());
    }
    drop(kept);
    let plain = Disguise::none();
    let serialized = to_value(&**value, &plain)?;
    let made = Serialized { value: serialized, has_secrets: plain.has_met_secrets() };
    let weak: Weak<dyn Any + Send + Sync> = Arc::downgrade(&(value.clone() as Arc<dyn Any + Send + Sync>));
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    // Removing them each time would be slow if many values are created one after the other.
    if kept.len() == kept.capacity() {
        kept.retain(|_, (alive, _)| alive.strong_count() > 0);
    }
    kept.insert(key, (weak, made.clone()));
    Ok(made)
}
