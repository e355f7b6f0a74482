//! Factories, which create a value once, on the first request.

use std::sync::{Arc, OnceLock};

use super::error::InjectError;
use super::{Injector, Value};
use crate::wait::WorkKind;
use crate::work::{Mode, OnceError, RequestedWork, SharedError, SharedOnce, WorkContext};
use crate::{BoxFuture, Result};

type Make = Box<dyn Fn(Injector) -> BoxFuture<'static, Result<Value>> + Send + Sync>;

/// A function that creates a value, and the value after its creation.
pub(super) struct Factory {
    key: String,
    make: Make,
    made: SharedOnce<Value>,
    /// The values that plans created, each valid for one request.
    planned: OnceLock<Box<SharedOnce<Planned>>>,
}

/// The result of a factory call within a plan.
#[derive(Clone)]
struct Planned {
    result: Result<Value, SharedError>,
    /// The work that the factory requested and that was planned instead of done.
    requested: Arc<RequestedWork>,
}

impl Factory {
    pub(super) fn new<T, F>(key: String, make: impl Fn(Injector) -> F + Send + Sync + 'static) -> Self
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let make = Arc::new(make);
        // The function is called within the future, so that all of its work belongs to the factory.
        let make: Make = Box::new(move |injector| {
            let make = make.clone();
            Box::pin(async move { Ok(Arc::new(make(injector).await?) as Value) })
        });
        Self { made: SharedOnce::new(WorkKind::Factory, key.as_str().into()), planned: OnceLock::new(), key, make }
    }

    /// Returns the value, which is created with the injector that provides it if necessary.
    pub(super) async fn get(&self, at: Injector) -> Result<Value, InjectError> {
        let name = at.name().to_owned();
        let key = || self.key.clone();
        let work = WorkContext::get();
        let made = match work.mode() {
            Mode::Plan => self.plan(at, &work).await,
            Mode::Apply => self.made.get(&work, || (self.make)(at)).await,
        };
        made.map_err(|error| match error {
            OnceError::Failed(source) => InjectError::Factory { key: key(), at: name, source },
            OnceError::Circle(source) => InjectError::Circle { key: key(), at: name, source },
        })
    }

    /// Creates the value for a plan. If the factory requested work that was only planned, the value
    /// is not kept, and a run creates its own.
    async fn plan(&self, at: Injector, work: &WorkContext) -> Result<Value, OnceError> {
        if let Some(value) = self.made.peek() {
            return Ok(value);
        }
        let planned =
            self.planned.get_or_init(|| Box::new(SharedOnce::new(WorkKind::Factory, self.key.as_str().into())));
        let make = || -> BoxFuture<'static, Result<Planned>> {
            let requested = Arc::<RequestedWork>::default();
            // The factory runs in the context of its own work.
            let (making, record) = ((self.make)(at), requested.clone());
            let making = async move { WorkContext::get().recording(record, making).await };
            Box::pin(async move { Ok(Planned { result: making.await.map_err(SharedError::from), requested }) })
        };
        let Planned { result, requested } = planned.renew(work, make).await?;
        if requested.is_any() {
            work.record_planned(|| requested.would_run().map(str::to_owned));
            return result.map_err(OnceError::Failed);
        }
        result.map(|value| self.made.offer(value)).map_err(OnceError::Failed)
    }

    /// Returns the value if it exists already.
    pub(super) fn peek(&self) -> Option<Value> {
        self.made.peek()
    }
}
