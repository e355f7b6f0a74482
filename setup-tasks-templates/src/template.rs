//! A template with its files and its variables.

use serde::Serialize;
use setup_tasks::{BoxFuture, Result, TaskContext};
use tera::{Context, Value};

use crate::error::TemplateError;
use crate::masking::Masking;
use crate::value::to_value;

/// A template with its files and its variables. [`template!`](crate::template) returns it.
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
    Value(fn(&Masking) -> Result<Value>),
    InjectKey(for<'a> fn(&'a TaskContext, &'a Masking) -> BoxFuture<'a, Result<Value>>),
}

impl Provided {
    pub(crate) const fn value(name: &'static str, value: fn(&Masking) -> Result<Value>) -> Self {
        Self { name, source: Source::Value(value) }
    }

    pub(crate) const fn injected(
        name: &'static str,
        inject: for<'a> fn(&'a TaskContext, &'a Masking) -> BoxFuture<'a, Result<Value>>,
    ) -> Self {
        Self { name, source: Source::InjectKey(inject) }
    }
}

impl Template {
    /// Returns a template. Only [`template!`](crate::template) calls this.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        files: &'static [(&'static str, &'static str)],
        provided: &'static [Provided],
    ) -> Self {
        Self { name, files, provided }
    }

    /// Returns its name: the path that `template!` was given.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the names and texts of its files. The template itself is the first.
    pub(crate) const fn files(&self) -> &'static [(&'static str, &'static str)] {
        self.files
    }

    /// Returns the variables of a rendering: the model as `instance`, and the provided values.
    pub(crate) async fn context<M: Serialize>(
        &self,
        model: &M,
        cx: &TaskContext,
        masking: &Masking,
    ) -> Result<Context> {
        let mut context = self.context_of_values(model, masking)?;
        for Provided { name, source } in self.provided {
            if let Source::InjectKey(inject) = source {
                context
                    .insert_value(*name, inject(cx, masking).await.map_err(|error| self.variable_error(name, error))?);
            }
        }
        Ok(context)
    }

    /// Returns the variables of [`context`](Self::context) without those of the injector.
    pub(crate) fn context_of_values<M: Serialize>(&self, model: &M, masking: &Masking) -> Result<Context> {
        let mut context = Context::new();
        let instance = to_value(model, masking).map_err(|error| self.variable_error("instance", error.into()))?;
        context.insert_value("instance", instance);
        for Provided { name, source } in self.provided {
            if let Source::Value(value) = source {
                context.insert_value(*name, value(masking).map_err(|error| self.variable_error(name, error))?);
            }
        }
        Ok(context)
    }

    fn variable_error(&self, variable: &'static str, source: anyhow::Error) -> TemplateError {
        TemplateError::Variable { template: self.name, variable, source }
    }
}
