//! Factories: values that are made when the first asks, once.

use std::sync::{Arc, OnceLock};

use super::error::InjectError;
use super::{Injector, Value};
use crate::wait::WorkKind;
use crate::work::{OnceError, Reached, SharedError, SharedOnce, WorkContext};
use crate::{BoxFuture, Result};

type Make = Box<dyn Fn(Injector) -> BoxFuture<'static, Result<Value>> + Send + Sync>;

/// A function that makes a value, and the value once it is made.
pub(super) struct Factory {
    key: String,
    make: Make,
    made: SharedOnce<Value>,
    /// The values of plans, each good for the request that it was made for.
    planned: OnceLock<Box<SharedOnce<Planned>>>,
}

/// The result of a factory that a plan called.
#[derive(Clone)]
struct Planned {
    result: Result<Value, SharedError>,
    /// The work that the factory asked for, and that was planned instead of done.
    reached: Arc<Reached>,
}

impl Factory {
    pub(super) fn new<T, F>(key: String, make: impl Fn(Injector) -> F + Send + Sync + 'static) -> Self
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let make = Arc::new(make);
        // Called within the future, so that all of it belongs to the work that the factory does.
        let make: Make = Box::new(move |injector| {
            let make = make.clone();
            Box::pin(async move { Ok(Arc::new(make(injector).await?) as Value) })
        });
        Self { made: SharedOnce::new(WorkKind::Factory, key.as_str().into()), planned: OnceLock::new(), key, make }
    }

    /// The value, made at the injector that provides it.
    pub(super) async fn get(&self, at: Injector) -> Result<Value, InjectError> {
        let name = at.name().to_owned();
        let key = || self.key.clone();
        let made = if WorkContext::is_plan() { self.plan(at).await } else { self.made.get(|| (self.make)(at)).await };
        made.map_err(|error| match error {
            OnceError::Failed(source) => InjectError::Factory { key: key(), at: name, source },
            OnceError::Circle(source) => InjectError::Circle { key: key(), at: name, source },
        })
    }

    /// Makes the value for a plan. A value that was made without the work that the factory asked for is not kept: a run makes its
    /// own.
    async fn plan(&self, at: Injector) -> Result<Value, OnceError> {
        if let Some(value) = self.made.peek() {
            return Ok(value);
        }
        let planned =
            self.planned.get_or_init(|| Box::new(SharedOnce::new(WorkKind::Factory, self.key.as_str().into())));
        let make = || -> BoxFuture<'static, Result<Planned>> {
            let reached = Arc::<Reached>::default();
            let making = WorkContext::reaching(reached.clone(), (self.make)(at));
            Box::pin(async move { Ok(Planned { result: making.await.map_err(SharedError::from), reached }) })
        };
        let Planned { result, reached } = planned.renew(make).await?;
        if reached.is_any() {
            WorkContext::note_planned(|| reached.would_run().map(str::to_owned));
            return result.map_err(OnceError::Failed);
        }
        result.map(|value| self.made.offer(value)).map_err(OnceError::Failed)
    }

    /// The value, if it was made.
    pub(super) fn peek(&self) -> Option<Value> {
        self.made.peek()
    }
}
