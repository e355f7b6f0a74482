//! Compiled templates. Each set of embedded files is compiled once per process.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use setup_tasks::error::Excerpt;
use setup_tasks::fs::found;
use setup_tasks::stamp::kind_of;
use tera::{Context, Tera};

use crate::error::TemplateError;
use crate::template::Template;

/// The component whose rendering is a template's hash.
const HASH: &str = "hash";

/// The length in bytes above which a whole text is kept as its hash.
const LONG: usize = 64;

/// Engines by the address of the embedded files.
type Engines = HashMap<usize, Arc<Tera>>;

static ENGINES: RwLock<Option<Engines>> = RwLock::new(None);

/// A compiled template.
pub(crate) struct Engine {
    template: Template,
    tera: Arc<Tera>,
}

impl Engine {
    /// Returns the engine of a template, compiled at the first use. With a directory of newer files it is compiled each time.
    pub(crate) fn of(template: Template, overriding: Option<&Path>) -> Result<Self, TemplateError> {
        if let Some(directory) = overriding {
            let newer =
                |&(name, text)| Ok((name, newer(&directory.join(name))?.map_or(Cow::Borrowed(text), Cow::Owned)));
            let files: Vec<(_, Cow<'_, str>)> =
                template.files().iter().map(newer).collect::<Result<_, TemplateError>>()?;
            return Ok(Self { template, tera: Arc::new(compile(template, files.into_iter())?) });
        }
        let key = template.files().as_ptr().addr();
        let known = ENGINES.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tera) = known.as_ref().and_then(|engines| engines.get(&key)) {
            return Ok(Self { template, tera: tera.clone() });
        }
        drop(known);
        let tera = Arc::new(compile(template, template.files().iter().copied())?);
        let mut engines = ENGINES.write().unwrap_or_else(PoisonError::into_inner);
        engines.get_or_insert_default().insert(key, tera.clone());
        Ok(Self { template, tera })
    }

    /// Renders the whole text.
    pub(crate) fn render(&self, context: &Context) -> Result<String, TemplateError> {
        self.tera.render(self.template.name(), context).map_err(|error| render_error(self.template, &error))
    }

    /// Returns a text that changes with the rendering. It is the rendering of the component `hash`, if there is one, or else the
    /// whole text. A long text is replaced by its BLAKE3 hash, because every run reads it from the store.
    pub(crate) fn hash(&self, context: &Context) -> Result<String, TemplateError> {
        let Some(component) = self.tera.get_component_definition(HASH) else {
            let text = self.render(context)?;
            let is_short = text.len() <= LONG;
            return Ok(if is_short { text } else { format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()) });
        };
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

/// Reads a newer text, if there is one. Anything other than a file is never opened.
fn newer(path: &Path) -> Result<Option<String>, TemplateError> {
    let read = || {
        let meta = fs::metadata(path)?;
        if !meta.is_file() {
            return Err(io::Error::other(format!("it is {}", kind_of(meta.file_type()))));
        }
        fs::read_to_string(path)
    };
    found(read()).map_err(|source| TemplateError::Io { action: "read", path: path.to_owned(), source })
}

fn compile<T: AsRef<str>>(
    template: Template,
    files: impl Iterator<Item = (&'static str, T)>,
) -> Result<Tera, TemplateError> {
    let mut tera = Tera::new();
    // Configuration files need no escapes for HTML.
    tera.autoescape_on(Vec::<&str>::new());
    tera.add_raw_templates(files).map_err(|error| render_error(template, &error))?;
    Ok(tera)
}

fn render_error(template: Template, error: &tera::Error) -> TemplateError {
    let report = error.to_string();
    let report = Excerpt::new(report.strip_prefix("error: ").unwrap_or(&report));
    TemplateError::Render { template: template.name(), report }
}
