//! Templates, compiled once and kept: one engine for each set of embedded files.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tera::{Context, Tera};

use crate::error::TemplateError;
use crate::template::Template;

/// The component whose rendering is a template's hash.
const HASH: &str = "hash";

/// By where the embedded files are.
type Engines = HashMap<usize, Arc<Tera>>;

/// The compiled template.
pub(crate) struct Engine {
    template: Template,
    tera: Arc<Tera>,
}

impl Engine {
    /// The engine of a template, made when it is first asked for.
    pub(crate) fn of(template: Template) -> Result<Self, TemplateError> {
        static ENGINES: RwLock<Option<Engines>> = RwLock::new(None);
        let key = template.files().as_ptr().addr();
        let known = ENGINES.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tera) = known.as_ref().and_then(|engines| engines.get(&key)) {
            return Ok(Self { template, tera: tera.clone() });
        }
        drop(known);
        let mut tera = Tera::new();
        // These are no web pages.
        tera.autoescape_on(Vec::<&str>::new());
        let files = template.files().iter().copied();
        tera.add_raw_templates(files).map_err(|error| render_error(template, &error))?;
        let tera = Arc::new(tera);
        let mut engines = ENGINES.write().unwrap_or_else(PoisonError::into_inner);
        engines.get_or_insert_default().insert(key, tera.clone());
        Ok(Self { template, tera })
    }

    /// The whole text.
    pub(crate) fn render(&self, context: &Context) -> Result<String, TemplateError> {
        self.tera.render(self.template.name(), context).map_err(|error| render_error(self.template, &error))
    }

    /// What tells one rendering from another: the rendering of the component `hash` if there is one, else the whole text.
    pub(crate) fn hash(&self, context: &Context) -> Result<String, TemplateError> {
        let Some(component) = self.tera.get_component_definition(HASH) else { return self.render(context) };
        let mut args = Context::new();
        for arg in component.args().iter().filter(|arg| !arg.is_implicit()) {
            if let Some(value) = context.get(arg.name()) {
                args.insert_value(arg.name().to_owned(), value.clone());
            }
        }
        let hash = self.tera.render_component_with_implicits(HASH, &args, context, None, false);
        hash.map_err(|error| render_error(self.template, &error))
    }
}

fn render_error(template: Template, error: &tera::Error) -> TemplateError {
    let report = error.to_string();
    let report = report.strip_prefix("error: ").unwrap_or(&report).to_owned();
    TemplateError::Render { template: template.name(), report }
}
