//! A template with all that it is rendered from, save the model.

use serde::Serialize;
use setup_tasks::{BoxFuture, Result, TaskContext};
use tera::{Context, Value};

use crate::disguise::Disguise;
use crate::error::TemplateError;
use crate::value::to_value;

/// A template and what it is rendered from; [`template!`](crate::template) makes it.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    provided: &'static [Provided],
}

/// A variable that the task provides.
#[derive(Clone, Copy, Debug)]
pub struct Provided {
    name: &'static str,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Value(fn(&Disguise) -> Result<Value>),
    InjectKey(for<'a> fn(&'a TaskContext, &'a Disguise) -> BoxFuture<'a, Result<Value>>),
}

impl Provided {
    pub(crate) const fn value(name: &'static str, value: fn(&Disguise) -> Result<Value>) -> Self {
        Self { name, source: Source::Value(value) }
    }

    pub(crate) const fn injected(
        name: &'static str,
        inject: for<'a> fn(&'a TaskContext, &'a Disguise) -> BoxFuture<'a, Result<Value>>,
    ) -> Self {
        Self { name, source: Source::InjectKey(inject) }
    }
}

impl Template {
    /// A template; [`template!`](crate::template) calls this.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        files: &'static [(&'static str, &'static str)],
        provided: &'static [Provided],
    ) -> Self {
        Self { name, files, provided }
    }

    /// Its name: its path as it was written.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Name and text of its files, itself the first.
    pub(crate) const fn files(&self) -> &'static [(&'static str, &'static str)] {
        self.files
    }

    /// What it is rendered with: the model, as `instance`, and what is provided.
    pub(crate) async fn context<M: Serialize>(
        &self,
        model: &M,
        cx: &TaskContext,
        disguise: &Disguise,
    ) -> Result<Context> {
        let mut context = self.context_of_values(model, disguise)?;
        for Provided { name, source } in self.provided {
            if let Source::InjectKey(inject) = source {
                context.insert_value(*name, inject(cx, disguise).await.map_err(|error| self.not_had(name, error))?);
            }
        }
        Ok(context)
    }

    /// As [`context`](Self::context), without what is injected.
    pub(crate) fn context_of_values<M: Serialize>(&self, model: &M, disguise: &Disguise) -> Result<Context> {
        let mut context = Context::new();
        let instance = to_value(model, disguise).map_err(|error| self.not_had("instance", error.into()))?;
        context.insert_value("instance", instance);
        for Provided { name, source } in self.provided {
            if let Source::Value(value) = source {
                context.insert_value(*name, value(disguise).map_err(|error| self.not_had(name, error))?);
            }
        }
        Ok(context)
    }

    fn not_had(&self, variable: &'static str, source: anyhow::Error) -> TemplateError {
        TemplateError::Variable { template: self.name, variable, source }
    }
}
