//! Values of the injector as templates see them: each is serialized once, for all the outputs that share it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use serde::Serialize;
use setup_tasks::Result;
use tera::Value;

use crate::disguise::Disguise;
use crate::value::to_value;

/// By type and place; the weak reference tells whether the value at that place is still the same.
type Kept = HashMap<(TypeId, usize), (Weak<dyn Any + Send + Sync>, Serialized)>;

#[derive(Clone)]
struct Serialized {
    value: Value,
    has_secrets: bool,
}

static KEPT: RwLock<Option<Kept>> = RwLock::new(None);

/// The value, serialized when it is first asked for, and again only if it is another one.
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
    // While it can be upgraded, nothing else is at its place.
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
    // Not each time: many values are made in a row.
    if kept.len() == kept.capacity() {
        kept.retain(|_, (alive, _)| alive.strong_count() > 0);
    }
    kept.insert(key, (weak, made.clone()));
    Ok(made)
}
