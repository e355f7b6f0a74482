//! Templates as tasks.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Serialize;
use setup_tasks::run::FileChange;
use setup_tasks::{InjectionKey, Outcome, Result, TaskContext, TaskKind, secret};
use tera::Context;

use crate::engine::Engine;
use crate::error::TemplateError;
use crate::output;
use crate::template::Template;

/// Provide a directory for this key, in development, and templates are read from it, each by its name, where it has them: an
/// edit counts without a build. Without it, as in what is shipped, the embedded texts are used.
pub const TEMPLATE_DIRECTORY: InjectionKey<PathBuf> = InjectionKey::named("setup-tasks-templates directory");

/// A task that renders a template into a file under the object's `stamp_path`.
///
/// It runs again when its hash changes: the rendering of the template's component `hash`, if it defines one
/// (`{% component hash(@instance) %}{{ instance.serial }}{% endcomponent %}`), else the whole rendering; and when its file is
/// gone. A file that has the text already is left alone. See the [crate's page](crate) for an example.
#[derive(Clone, Copy, Debug)]
pub struct TemplateTask {
    template: Template,
    output: Option<&'static str>,
    mode: Option<u32>,
}

impl TemplateTask {
    /// Renders the template into a file of its name, less `.tera`.
    pub const fn new(template: Template) -> Self {
        Self { template, output: None, mode: None }
    }

    /// The file, relative to the object's `stamp_path`; its directories are created.
    ///
    /// # Panics
    ///
    /// If it is absolute or leads out: in a constant, that is a compile error.
    #[track_caller]
    pub const fn output(mut self, output: &'static str) -> Self {
        assert!(
            output::is_inside(output),
            "the output of a template is a relative path without `.` and `..`\nhelp: write one such as `etc/dnsmasq.conf`"
        );
        self.output = Some(output);
        self
    }

    /// The file's permissions, on Unix; without this, 0644, or 0600 if a [`Secret`](setup_tasks::Secret) is in it.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The template.
    pub const fn template(&self) -> Template {
        self.template
    }

    /// The file, relative to the object's `stamp_path`.
    pub fn output_name(&self) -> &'static str {
        self.output.unwrap_or_else(|| {
            let name = self.template.name();
            let name = name.rsplit('/').next().unwrap_or(name);
            name.strip_suffix(".tera").unwrap_or(name)
        })
    }

    fn path(&self, cx: &TaskContext) -> Result<PathBuf> {
        let (template, name) = (self.template.name(), self.output_name());
        if !output::is_plain(name.as_ref()) {
            return Err(TemplateError::Outside { template, output: name.to_owned() }.into());
        }
        Ok(cx.stamp_path()?.join(name))
    }

    /// What it renders over a model.
    pub(crate) async fn text<M: Serialize>(&self, model: &M, cx: &TaskContext) -> Result<String> {
        let (engine, context) = self.prepare(model, cx).await?;
        Ok(engine.render(&context)?)
    }

    async fn prepare<M: Serialize>(&self, model: &M, cx: &TaskContext) -> Result<(Engine, Context)> {
        let overriding = cx.injector().get_optional(&TEMPLATE_DIRECTORY).await?;
        let engine = Engine::of(self.template, overriding.as_ref().map(|directory| directory.as_path()))?;
        Ok((engine, self.template.context(model, cx).await?))
    }
}

impl<M: Serialize + Sync> TaskKind<M> for TemplateTask {
    const HAS_HASH: bool = true;
    const HAS_INVALIDATOR: bool = true;

    fn describe(&self) -> Cow<'static, str> {
        Cow::Owned(format!("Render {}", self.output_name()))
    }

    async fn run(&self, model: &M, cx: &TaskContext) -> Result<Outcome> {
        let text = self.text(model, cx).await?;
        // What holds a secret is its owner's alone, unless the task says otherwise.
        let mode = self.mode.or_else(|| secret::holds(&text).then_some(0o600));
        output::write(&self.path(cx)?, &text, mode)?;
        Ok(Outcome::Done)
    }

    async fn hash(&self, model: &M, cx: &TaskContext) -> Result<String> {
        let (engine, context) = self.prepare(model, cx).await?;
        Ok(engine.hash(&context)?)
    }

    async fn changes(&self, model: &M, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let before = std::fs::read(self.path(cx)?).ok().map(|text| String::from_utf8_lossy(&text).into_owned());
        let change = FileChange::new(self.output_name(), before, self.text(model, cx).await?);
        Ok(if change.is_none() { Vec::new() } else { vec![change] })
    }

    async fn check(&self, model: &M, cx: &TaskContext) -> Result<()> {
        self.path(cx)?;
        self.text(model, cx).await.map(drop)
    }

    async fn is_valid(&self, _model: &M, cx: &TaskContext) -> Result<bool> {
        Ok(self.path(cx)?.exists())
    }
}
