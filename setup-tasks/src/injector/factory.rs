//! Factories: values that are made when the first asks, once.

use std::sync::Arc;

use super::error::InjectError;
use super::{Injector, Value};
use crate::ready::{Once, OnceError, WorkKind};
use crate::{BoxFuture, Result};

type Make = Box<dyn Fn(Injector) -> BoxFuture<'static, Result<Value>> + Send + Sync>;

/// A function that makes a value, and the value once it is made.
pub(super) struct Factory {
    key: String,
    make: Make,
    made: Once<Value>,
}

impl Factory {
    pub(super) fn new<T, F>(key: String, make: impl Fn(Injector) -> F + Send + Sync + 'static) -> Self
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let make: Make = Box::new(move |injector| {
            let making = make(injector);
            Box::pin(async move { Ok(Arc::new(making.await?) as Value) })
        });
        Self { made: Once::new(WorkKind::Factory, key.as_str().into()), key, make }
    }

    /// The value, made at the injector that provides it.
    pub(super) async fn get(&self, at: Injector) -> Result<Value, InjectError> {
        let name = at.name().to_owned();
        let key = || self.key.clone();
        self.made.get(|| (self.make)(at)).await.map_err(|error| match error {
            OnceError::Failed(source) => InjectError::Factory { key: key(), at: name, source },
            OnceError::Circle(source) => InjectError::Circle { key: key(), at: name, source },
        })
    }

    /// The value, if it was made.
    pub(super) fn peek(&self) -> Option<Value> {
        self.made.peek()
    }
}
