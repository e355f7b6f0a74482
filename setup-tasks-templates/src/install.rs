//! Installs rendered templates on machines.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use setup_tasks::layout::Dependency;
use setup_tasks::run::FileChange;
use setup_tasks::{Object, Outcome, Result, SetupTasks, TaskContext, TaskKind};

use crate::filesystem::{Filesystem, FilesystemAccess};
use crate::task::TemplateTask;

const NO_FILESYSTEM: &str = "the machine's filesystem cannot be had";

/// A task of a machine that copies the rendered templates of an object, another or its own, into the machine's filesystem: each
/// to the path of its output, with its permissions. A file that is the same already is left alone.
///
/// ```
/// use serde::Serialize;
/// use setup_tasks::prelude::*;
/// use setup_tasks_templates::{FilesystemAccess, InstallTemplates, RootedDirectory, TemplateTask, template};
///
/// #[derive(SetupTasks, Serialize)]
/// #[setup_tasks(subdir = "models/{name}")]
/// struct Model { name: String }
///
/// #[setup_tasks]
/// impl Model {
///     #[setup_task]
///     const HOSTNAME: TemplateTask = TemplateTask::new(template!("docs/hostname.tera")).output("etc/hostname");
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "machines/{model.name}")]
/// struct Machine { model: Object<Model> }
///
/// #[setup_tasks]
/// impl Machine {
///     #[setup_task]
///     const CONFIGURE: InstallTemplates<Machine, Model> = InstallTemplates::of(|machine| machine.model.clone());
/// }
///
/// impl FilesystemAccess for Machine {
///     type Filesystem = RootedDirectory;
///
///     async fn filesystem(&self, cx: &TaskContext) -> Result<RootedDirectory> {
///         Ok(RootedDirectory::new(cx.state_path()?.join("root")))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let model = layout.add(Model { name: "gw".into() })?;
/// let machine = layout.add(Machine { model })?;
/// machine.run_setup_tasks().await?;
/// assert_eq!(std::fs::read_to_string(machine.state_path()?.join("root/etc/hostname"))?, "gw\n");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct InstallTemplates<H, M: SetupTasks> {
    /// `None` for the machine's own.
    of: Option<fn(&H) -> Object<M>>,
    cross_dependency: bool,
    relationship_ready: bool,
}

impl<H, M: SetupTasks> InstallTemplates<H, M> {
    /// The templates of another object.
    pub const fn of(of: fn(&H) -> Object<M>) -> Self {
        Self { of: Some(of), cross_dependency: true, relationship_ready: true }
    }

    /// Whether the task runs again when a template of the object was rendered again: by default it does. (Its own templates are
    /// earlier tasks, and always count.)
    pub const fn cross_dependency(mut self, cross_dependency: bool) -> Self {
        self.cross_dependency = cross_dependency;
        self
    }

    /// Whether the object is brought to ready first, so that all that its templates use is there: by default it is. Otherwise
    /// it is run as far as its templates.
    ///
    /// # Panics
    ///
    /// For its own templates, since a machine cannot wait for itself: in a constant, that is a compile error.
    #[track_caller]
    pub const fn relationship_ready(mut self, relationship_ready: bool) -> Self {
        assert!(
            self.of.is_some() || !relationship_ready,
            "a machine that installs its own templates cannot be brought to ready first\nhelp: take `relationship_ready` away"
        );
        self.relationship_ready = relationship_ready;
        self
    }
}

impl<T: SetupTasks> InstallTemplates<T, T> {
    /// The machine's own templates, whose tasks stand before this one.
    pub const fn own() -> Self {
        Self { of: None, cross_dependency: true, relationship_ready: false }
    }
}

impl<H: SetupTasks, M: SetupTasks> InstallTemplates<H, M> {
    /// The object whose templates are installed.
    fn object(&self, model: &H, cx: &TaskContext) -> Result<Object<M>> {
        match self.of {
            Some(of) => Ok(of(model)),
            None => cx.object().downcast().context("the machine is something else"),
        }
    }
}

impl<H: SetupTasks + FilesystemAccess, M: SetupTasks + Serialize> TaskKind<H> for InstallTemplates<H, M> {
    fn describe(&self) -> Cow<'static, str> {
        Cow::Owned(match self.of {
            Some(_) => format!("Install the templates of {}", M::NAME),
            None => "Install the templates".to_owned(),
        })
    }

    /// Against what would be rendered, whether or not it has been.
    async fn changes(&self, model: &H, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let object = self.object(model, cx)?;
        let filesystem = model.filesystem(cx).await.context(NO_FILESYSTEM)?;
        let mut changes = Vec::new();
        for (task, template) in object.values_of::<TemplateTask>() {
            let text = template.render(&*object, &TaskContext::of(&object.any(), task)).await?.text;
            let before = filesystem.read(template.output_name().as_ref()).await?;
            let before = before.map(|text| String::from_utf8_lossy(&text).into_owned());
            changes.push(FileChange::new(template.output_name(), before, text));
        }
        changes.retain(|change| !change.is_none());
        Ok(changes)
    }

    fn dependencies(&self, model: &H) -> Vec<Dependency> {
        let Some(of) = self.of.filter(|_| self.cross_dependency) else { return Vec::new() };
        let object = of(model);
        let depends_on = |(name, _)| {
            let dependency = object.any().depends_on(name);
            if self.relationship_ready { dependency.ready() } else { dependency }
        };
        object.values_of::<TemplateTask>().into_iter().map(depends_on).collect()
    }

    async fn run(&self, model: &H, cx: &TaskContext) -> Result<Outcome> {
        let object = self.object(model, cx)?;
        if self.relationship_ready {
            object.ready().await?;
        }
        let filesystem = model.filesystem(cx).await.context(NO_FILESYSTEM)?;
        for (task, template) in object.values_of::<TemplateTask>() {
            let output = Path::new(template.output_name());
            if output.is_absolute() {
                tracing::warn!(object = %object.id(), task, "`{}` is absolute: it is not installed", output.display());
                continue;
            }
            let rendered = object.stamp_path()?.join(output);
            let content = fs::read(&rendered).with_context(|| format!("`{}/{task}` is not rendered", object.id()))?;
            if filesystem.install(output, &content, mode(&rendered)?).await? {
                cx.log(format!("installed {}", output.display()));
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> std::io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    Ok(Some(fs::metadata(path)?.permissions().mode() & 0o7777))
}

#[cfg(not(unix))]
fn mode(_: &Path) -> std::io::Result<Option<u32>> {
    Ok(None)
}
