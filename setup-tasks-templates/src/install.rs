//! Installs rendered templates on machines.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use setup_tasks::layout::Dependency;
use setup_tasks::observer::{Answer, Observed, Question};
use setup_tasks::run::FileChange;
use setup_tasks::stamp::FileStamp;
use setup_tasks::task::{Difference, TaskKind};
use setup_tasks::{Object, Outcome, Result, SetupTasks, TaskContext};

use crate::drift::{differences, local_question, remote_question};
use crate::file_record::{self, FileRecord};
use crate::filesystem::{FileAttributes, FileState, Filesystem, FilesystemAccess, file_change};
use crate::mode::{is_private, mode_of};
use crate::rooted_directory::RootedDirectory;
use crate::task::TemplateTask;

const NO_FILESYSTEM: &str = "cannot open the machine's filesystem";

/// A task of a machine that copies the rendered templates of an object into the machine's filesystem. The object can be the machine
/// itself. Each file goes to the path of its output, with its permissions; an identical file is left alone. The task
/// reports [`Outcome::Unchanged`] if all files were identical. It also runs when an installed file has changed: every run looks if
/// checks are cheap ([`Filesystem::IS_CHEAP`]), otherwise runs that verify.
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
#[must_use = "a task does nothing until it is a constant of a model"]
pub struct InstallTemplates<H, M: SetupTasks> {
    /// The object, or `None` for the machine itself.
    of: Option<fn(&H) -> Object<M>>,
    cross_dependency: bool,
    relationship_ready: bool,
    owner: Option<&'static str>,
    group: Option<&'static str>,
}

impl<H, M: SetupTasks> InstallTemplates<H, M> {
    /// Returns a task for the templates of another object.
    pub const fn of(of: fn(&H) -> Object<M>) -> Self {
        Self { of: Some(of), cross_dependency: true, relationship_ready: true, owner: None, group: None }
    }

    /// Sets whether the task runs again after a template of the object was rendered again. The default is `true`. (The machine's own
    /// templates are earlier tasks and always count.)
    pub const fn cross_dependency(mut self, cross_dependency: bool) -> Self {
        self.cross_dependency = cross_dependency;
        self
    }

    /// Sets the owner of the files, by its name or by its number in digits. The default is the user who installs them.
    pub const fn owner(mut self, owner: &'static str) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Sets the group of the files, by its name or by its number in digits.
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = Some(group);
        self
    }

    /// Returns the attributes of a file with this mode.
    fn attributes(&self, mode: Option<u32>) -> FileAttributes {
        let owned = |name: Option<&'static str>| name.map(str::to_owned);
        let mut attributes = FileAttributes::new().mode(mode);
        (attributes.owner, attributes.group) = (owned(self.owner), owned(self.group));
        attributes
    }

    /// Sets whether the object is brought to ready first, so that its templates find everything that they use. The default is
    /// `true`. Otherwise the object runs up to its templates.
    ///
    /// # Panics
    ///
    /// Panics for the machine's own templates, since a machine cannot wait for itself. In a constant, this is a compile error.
    #[track_caller]
    pub const fn relationship_ready(mut self, relationship_ready: bool) -> Self {
        assert!(
            self.of.is_some() || !relationship_ready,
            "a machine that installs its own templates cannot be brought to ready first\nhelp: remove `relationship_ready`"
        );
        self.relationship_ready = relationship_ready;
        self
    }
}

impl<T: SetupTasks> InstallTemplates<T, T> {
    /// Returns a task for the machine's own templates, whose tasks come before this one.
    pub const fn own() -> Self {
        Self { of: None, cross_dependency: true, relationship_ready: false, owner: None, group: None }
    }
}

impl<H: SetupTasks, M: SetupTasks> InstallTemplates<H, M> {
    /// Returns the object whose templates are installed.
    fn object(&self, model: &H, cx: &TaskContext) -> Result<Object<M>> {
        match self.of {
            Some(of) => Ok(of(model)),
            None => cx.object().downcast().context("the machine has another type"),
        }
    }
}

/// Returns the records of the installed files whose content is known.
fn installed_files(cx: &TaskContext) -> Result<Vec<FileRecord>> {
    let files = file_record::decode(cx.kept())?;
    Ok(files.into_iter().filter(|file| file.stamp.is_some()).collect())
}

/// Returns the content of a file, which the observation of the task may contain.
async fn content_of<F: Filesystem>(filesystem: &F, path: &str, cx: &TaskContext) -> Result<Option<Vec<u8>>> {
    let states = cx.answer().and_then(|answer| answer.get::<Vec<FileState>>().ok());
    let at = installed_files(cx)?.iter().position(|file| file.path == path);
    match states.zip(at).and_then(|(states, at)| states.get(at)) {
        Some(FileState::Missing) => Ok(None),
        Some(FileState::Present { content: Some(content), .. }) => Ok(Some(content.clone())),
        Some(FileState::Present { .. } | FileState::AsLeft) | None => filesystem.read(cx, path.as_ref()).await,
    }
}

impl<H: SetupTasks + FilesystemAccess, M: SetupTasks + Serialize> TaskKind<H> for InstallTemplates<H, M> {
    const OBSERVED: Observed =
        if <H::Filesystem as Filesystem>::IS_CHEAP { Observed::EveryRun } else { Observed::WhenVerified };

    fn describe(&self) -> Cow<'static, str> {
        Cow::Owned(match self.of {
            Some(_) => format!("Install the templates of {}", M::NAME),
            None => "Install the templates".to_owned(),
        })
    }

    /// Returns the changes that the renderings would make, whether or not they are on the disk already.
    async fn changes(&self, model: &H, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let object = self.object(model, cx)?;
        let filesystem = model.filesystem(cx).await.context(NO_FILESYSTEM)?;
        let mut changes = Vec::new();
        for (task, template) in object.values_of::<TemplateTask>() {
            let rendered = template.render(&*object, &TaskContext::of(object.as_any(), task)).await?;
            let path = template.output_name();
            let stamp = object.check_stamp(task).await?;
            let kept = [cx.kept(), stamp.as_ref().map_or(&[][..], |stamp| &stamp.kept)];
            changes.push(match filesystem.local() {
                Some(root) => root.change(path.as_ref(), &rendered, Some(template.mode_of(&rendered)), &kept)?,
                None => {
                    let before = content_of(&filesystem, path, cx).await?;
                    file_change(path, before.as_deref(), &rendered, || {
                        file_record::was_secret(&kept, path).unwrap_or(false)
                    })
                }
            });
        }
        changes.retain(|change| !change.is_empty());
        Ok(changes)
    }

    async fn would_change(&self, model: &H, cx: &TaskContext) -> Result<Option<bool>> {
        if !<H::Filesystem as Filesystem>::IS_CHEAP {
            return Ok(None);
        }
        Ok(Some(!self.changes(model, cx).await?.is_empty()))
    }

    async fn question(&self, model: &H, cx: &TaskContext) -> Result<Option<Question>> {
        let files = installed_files(cx)?;
        if files.is_empty() {
            return Ok(None);
        }
        let filesystem = model.filesystem(cx).await.context(NO_FILESYSTEM)?;
        Ok(Some(match filesystem.local() {
            Some(root) => local_question(root.clone(), files),
            None => remote_question(filesystem, files.iter().map(FileRecord::expected).collect(), cx),
        }))
    }

    fn differences(&self, _model: &H, cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        let states = answer.get::<Vec<FileState>>()?;
        // The records are decoded only if a file is not as it was left.
        if states.iter().all(|state| matches!(state, FileState::AsLeft)) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (file, state) in installed_files(cx)?.iter().zip(states) {
            found.extend(differences(file, &self.attributes(file.mode), state, cx)?);
        }
        Ok(found)
    }

    fn dependencies(&self, model: &H) -> Vec<Dependency> {
        let Some(of) = self.of.filter(|_| self.cross_dependency) else { return Vec::new() };
        let object = of(model);
        let depends_on = |(name, _)| {
            let dependency = object.as_any().depends_on(name);
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
        let (mut files, mut outcome) = (Vec::new(), Outcome::Unchanged);
        for (task, template) in object.values_of::<TemplateTask>() {
            let output = Path::new(template.output_name());
            if output.is_absolute() {
                tracing::warn!(object = %object.as_any().id(), task, "`{}` is absolute: it is not installed", output.display());
                continue;
            }
            let rendered = RootedDirectory::new(object.stamp_path()?);
            let content = rendered.read_now(output)?;
            let content = content.with_context(|| format!("`{}/{task}` is not rendered", object.as_any().id()))?;
            let mode = rendered.look(output)?.as_ref().and_then(mode_of);
            let attributes = self.attributes(mode);
            let (was_installed, stamp) = match filesystem.local() {
                Some(root) => {
                    let put = root.put(output, &content, &attributes)?;
                    (put.was_written, put.stamp)
                }
                None => {
                    let was_installed = filesystem.install(cx, output, &content, &attributes).await?;
                    (was_installed, FileStamp::of_content(&content))
                }
            };
            if was_installed {
                outcome = Outcome::Done;
                cx.log(format!("installed {}", output.display()));
            }
            let stamped = object.check_stamp(task).await?;
            let was_secret = stamped.and_then(|stamp| file_record::was_secret(&[&stamp.kept], template.output_name()));
            let is_secret = was_secret.unwrap_or(mode.is_some_and(is_private));
            files.push(FileRecord::new(template.output_name(), is_secret, mode, Some(stamp), cx)?);
        }
        cx.keep(file_record::encode(&files)?);
        Ok(outcome)
    }
}
