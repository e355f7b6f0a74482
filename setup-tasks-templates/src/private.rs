//! What `template!` may call. Not subject to semantic versioning.

use serde::Serialize;
use setup_tasks::{BoxFuture, InjectionKey, Result, TaskContext};
use tera::Value;

use crate::engine::Engine;
use crate::template::Template;

pub use crate::template::Provided;

/// The text of a template over an instance, for benchmarks: with the program's values alone.
///
/// # Errors
///
/// As a [`TemplateTask`](crate::TemplateTask).
pub fn render(template: Template, instance: &impl Serialize) -> Result<String> {
    let engine = Engine::of(template, None)?;
    Ok(engine.render(&template.context_of_values(instance)?)?)
}

/// A variable with a value of the program's.
pub const fn value(name: &'static str, value: fn() -> Result<Value>) -> Provided {
    Provided::value(name, value)
}

/// A variable with a value of the injector's.
pub const fn injected(
    name: &'static str,
    inject: for<'a> fn(&'a TaskContext) -> BoxFuture<'a, Result<Value>>,
) -> Provided {
    Provided::injected(name, inject)
}

/// A value as templates see it.
///
/// # Errors
///
/// If it cannot be serialized.
pub fn to_value(value: &impl Serialize) -> Result<Value> {
    Value::try_from_serializable(value).map_err(Into::into)
}

/// The value of a key, as templates see it.
pub fn inject<T: Serialize + Send + Sync + 'static>(
    cx: &TaskContext,
    key: InjectionKey<T>,
) -> BoxFuture<'_, Result<Value>> {
    Box::pin(async move { to_value(&*cx.injector().get(&key).await?) })
}
