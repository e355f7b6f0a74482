//! What `template!` may call. Not subject to semantic versioning.

use std::sync::Arc;

use serde::Serialize;
use setup_tasks::{BoxFuture, InjectionKey, Result, TaskContext};
use tera::{Context, Value};

use crate::engine::Engine;
use crate::shared::shared;
use crate::template::Template;

pub use crate::disguise::Disguise;
pub use crate::template::Provided;

/// The text of a template over an instance, for benchmarks: with the program's values alone.
///
/// # Errors
///
/// As a [`TemplateTask`](crate::TemplateTask).
pub fn render(template: Template, instance: &impl Serialize) -> Result<String> {
    let engine = Engine::of(template, None)?;
    Ok(engine.render(&template.context_of_values(instance, &Disguise::none())?)?)
}

/// As [`render`], over an instance that is shared as the injector's values are.
///
/// # Errors
///
/// As there.
pub fn render_shared<T: Serialize + Send + Sync + 'static>(template: Template, instance: &Arc<T>) -> Result<String> {
    let engine = Engine::of(template, None)?;
    let mut context = Context::new();
    context.insert_value("instance", shared(instance, &Disguise::none())?);
    Ok(engine.render(&context)?)
}

/// A variable with a value of the program's.
pub const fn value(name: &'static str, value: fn(&Disguise) -> Result<Value>) -> Provided {
    Provided::value(name, value)
}

/// A variable with a value of the injector's.
pub const fn injected(
    name: &'static str,
    inject: for<'a> fn(&'a TaskContext, &'a Disguise) -> BoxFuture<'a, Result<Value>>,
) -> Provided {
    Provided::injected(name, inject)
}

/// A value as templates see it.
///
/// # Errors
///
/// If it cannot be serialized.
pub fn to_value(value: &impl Serialize, disguise: &Disguise) -> Result<Value> {
    crate::value::to_value(value, disguise).map_err(Into::into)
}

/// The value of a key, as templates see it.
pub fn inject<'a, T: Serialize + Send + Sync + 'static>(
    cx: &'a TaskContext,
    key: InjectionKey<T>,
    disguise: &'a Disguise,
) -> BoxFuture<'a, Result<Value>> {
    Box::pin(async move { shared(&cx.injector().get(&key).await?, disguise) })
}
