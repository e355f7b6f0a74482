//! The task that renders a template.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use setup_tasks::observer::{Answer, Observed, Question};
use setup_tasks::run::FileChange;
use setup_tasks::task::{Difference, TaskKind};
use setup_tasks::{InjectionKey, Outcome, Result, TaskContext};

use crate::drift::{differences, local_question};
use crate::engine::Engine;
use crate::error::TemplateError;
use crate::file_record::{self, FileRecord};
use crate::filesystem::{FileAttributes, FileState};
use crate::masking::{Mask, Masking};
use crate::mode::DEFAULT_MODE;
use crate::output;
use crate::rooted_directory::RootedDirectory;
use crate::template::Template;

/// The directory from which templates are read during development, so that an edit takes effect without a build. Each template is
/// read by its name, if the directory has it. Without a value for this key, as in a release, the embedded texts are used.
pub const TEMPLATE_DIRECTORY: InjectionKey<PathBuf> = InjectionKey::named("setup-tasks-templates directory");

/// A task that renders a template into a file under the object's `stamp_path`.
///
/// It runs again when its hash changes, and when its file was removed or edited or has other permissions. The hash is the whole
/// rendering, or that of the template's component `hash` if it defines one
/// (`{% component hash(@instance) %}{{ instance.serial }}{% endcomponent %}`). A file that has the text and the
/// permissions already is left alone, and the task then reports [`Outcome::Unchanged`].
///
/// ```
/// use serde::Serialize;
/// use setup_tasks::prelude::*;
/// use setup_tasks_templates::{TemplateTask, template};
///
/// #[derive(SetupTasks, Serialize)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// #[setup_tasks]
/// impl Host {
///     #[setup_task("Render the host name")]
///     const HOSTNAME: TemplateTask =
///         TemplateTask::new(template!("docs/hostname.tera")).output("etc/hostname").mode(0o644);
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let host = layout.add(Host { name: "gw".into() })?;
/// host.run_setup_tasks().await?;
/// assert_eq!(std::fs::read_to_string(host.stamp_path()?.join("etc/hostname"))?, "gw\n");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a task does nothing until it is a constant of a model"]
pub struct TemplateTask {
    template: Template,
    output: Option<&'static str>,
    mode: Option<u32>,
}

/// A rendered text, and whether it depends on a secret.
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) is_secret: bool,
}

impl TemplateTask {
    /// Returns a task that renders into a file of the template's name, without `.tera`.
    pub const fn new(template: Template) -> Self {
        Self { template, output: None, mode: None }
    }

    /// Sets the file, relative to the object's `stamp_path`. Its directories are created.
    ///
    /// # Panics
    ///
    /// Panics if the path is absolute or contains `..`. In a constant, this is a compile error.
    #[track_caller]
    pub const fn output(mut self, output: &'static str) -> Self {
        assert!(
            output::is_inside(output),
            "the output of a template is a relative path without `.` and `..`\nhelp: write one such as `etc/dnsmasq.conf`"
        );
        self.output = Some(output);
        self
    }

    /// Sets the file's permissions on Unix. The default is 0644, or 0600 if the text depends on a [`Secret`](setup_tasks::Secret).
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Returns the template.
    pub const fn template(&self) -> Template {
        self.template
    }

    /// Returns the file's path, relative to the object's `stamp_path`.
    pub fn output_name(&self) -> &'static str {
        self.output.unwrap_or_else(|| {
            let name = self.template.name();
            let name = name.rsplit('/').next().unwrap_or(name);
            name.strip_suffix(".tera").unwrap_or(name)
        })
    }

    /// Returns the directory of the output, and the file's path in it, without creating either.
    fn place(&self, cx: &TaskContext) -> Result<(RootedDirectory, &'static Path)> {
        let (template, output) = (self.template.name(), self.output_name());
        if !output::is_plain(output.as_ref()) {
            return Err(TemplateError::Outside { template, output: output.to_owned() }.into());
        }
        Ok((RootedDirectory::new(cx.stamp_path_without_creating()), output.as_ref()))
    }

    /// Returns the record of the rendered file. It is unknown if the task was marked as done.
    fn rendered_file(&self, cx: &TaskContext) -> Result<FileRecord> {
        let name = self.output_name();
        let kept = file_record::decode(cx.kept())?.into_iter().find(|file| file.path == name);
        Ok(kept.unwrap_or_else(|| FileRecord::unknown(name)))
    }

    /// Returns the mode of the file. A text that depends on a secret is private unless the task sets a mode.
    pub(crate) fn mode_of(&self, rendered: &Rendered) -> u32 {
        self.mode.unwrap_or(if rendered.is_secret { 0o600 } else { DEFAULT_MODE })
    }

    /// Renders the template with a model.
    pub(crate) async fn render<M: Serialize>(&self, model: &M, cx: &TaskContext) -> Result<Rendered> {
        let (engine, plain) = (self.engine(cx).await?, Masking::none());
        let text = engine.render(&self.template.context(model, cx, &plain).await?)?;
        let mut is_secret = false;
        if plain.has_secrets() {
            for mask in Mask::ALL {
                let context = self.template.context(model, cx, &Masking::with(mask)).await?;
                // A template that fails with another secret depends on the secret.
                is_secret |= engine.render(&context).ok().is_none_or(|other| other != text);
            }
        }
        Ok(Rendered { text, is_secret })
    }

    async fn engine(&self, cx: &TaskContext) -> Result<Engine> {
        let overriding = cx.injector().get_optional(&TEMPLATE_DIRECTORY).await?;
        Ok(Engine::of(self.template, overriding.as_ref().map(|directory| directory.as_path()))?)
    }
}

impl<M: Serialize + Sync> TaskKind<M> for TemplateTask {
    const HAS_HASH: bool = true;
    const OBSERVED: Observed = Observed::EveryRun;

    fn describe(&self) -> Cow<'static, str> {
        Cow::Owned(format!("Render {}", self.output_name()))
    }

    async fn run(&self, model: &M, cx: &TaskContext) -> Result<Outcome> {
        let rendered = self.render(model, cx).await?;
        cx.stamp_path()?;
        let (root, output) = self.place(cx)?;
        let mode = self.mode_of(&rendered);
        let put = root.put(output, rendered.text.as_bytes(), &FileAttributes::new().mode(mode))?;
        let file = FileRecord::new(self.output_name(), rendered.is_secret, Some(mode), Some(put.stamp), cx)?;
        cx.keep(file_record::encode(&[file])?);
        Ok(if put.was_written { Outcome::Done } else { Outcome::Unchanged })
    }

    async fn hash(&self, model: &M, cx: &TaskContext) -> Result<String> {
        let plain = Masking::none();
        let context = self.template.context(model, cx, &plain).await?;
        let hash = self.engine(cx).await?.hash(&context)?;
        // A hash is kept instead of the text, since filters can change a secret beyond recognition.
        if !plain.has_secrets() {
            return Ok(hash);
        }
        let keyed = blake3::Hash::from(cx.keyed_hash(hash.as_bytes())?);
        Ok(format!("blake3-keyed:{}", keyed.to_hex()))
    }

    async fn question(&self, _model: &M, cx: &TaskContext) -> Result<Option<Question>> {
        // Nothing is known of a file that the task never rendered.
        if cx.last_run().0.is_none() {
            return Ok(None);
        }
        Ok(Some(local_question(self.place(cx)?.0, [self.rendered_file(cx)?])))
    }

    fn differences(&self, _model: &M, cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        let states = answer.get::<Vec<FileState>>()?;
        // The record is decoded only for a file that is not as it was left.
        let Some(state) = states.first().filter(|state| !matches!(state, FileState::AsLeft)) else {
            return Ok(Vec::new());
        };
        let file = self.rendered_file(cx)?;
        differences(&file, &FileAttributes::new().mode(self.mode.or(file.mode)), state, cx)
    }

    async fn changes(&self, model: &M, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let rendered = self.render(model, cx).await?;
        let (root, output) = self.place(cx)?;
        let change = root.change(output, &rendered, Some(self.mode_of(&rendered)), &[cx.kept()])?;
        Ok(if change.is_empty() { Vec::new() } else { vec![change] })
    }

    async fn would_change(&self, model: &M, cx: &TaskContext) -> Result<Option<bool>> {
        Ok(Some(!self.changes(model, cx).await?.is_empty()))
    }

    async fn check(&self, model: &M, cx: &TaskContext) -> Result<()> {
        self.place(cx)?;
        self.render(model, cx).await.map(drop)
    }
}
