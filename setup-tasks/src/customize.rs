//! Customizations: models whose tasks run in place of one task of a host object. Their stamps
//! belong to the host, and their names begin with the name of that task.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::object::{AnyObject, DynObject, Host, Object, ObjectCore, Placed, Placing, SetupTasks};
use crate::stamp::TaskRename;
use crate::task::context::TaskContext;
use crate::task::former_names::add_former_names;
use crate::task::inspector::{TaskInspector, inspect_class_under};
use crate::task::kind::TaskKind;
use crate::task::outcome::Outcome;
use crate::task::plugin::table_of;
use crate::task::run_context::{ContextExit, DynRunContext, RunContext};

/// A task of a host object that represents all tasks of another model. The model uses the host's
/// paths, and its own `subdir` is ignored.
///
/// ```
/// use setup_tasks::{Customization, HostObject, prelude::*};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "machines/{name}", id = "{name}")]
/// struct Machine { name: String, port: u16 }
///
/// #[setup_tasks]
/// impl Machine {
///     #[setup_task("Install the system")]
///     fn install(&self) {}
///
///     #[setup_task("Make it a web server")]
///     const WEB: Customization<Machine, WebServer> = Customization::new(|machine| WebServer { port: machine.port });
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "web")]
/// struct WebServer { port: u16 }
///
/// #[setup_tasks]
/// impl WebServer {
///     #[setup_task("Configure the port")]
///     fn configure(&self, machine: HostObject<Machine>) {
///         assert_eq!(machine.port, self.port);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let machine = layout.add(Machine { name: "gw".into(), port: 80 })?;
/// machine.run_setup_tasks().await?;
/// assert!(machine.check_stamp("web.configure").await?.is_some());
/// # Ok(()) }
/// ```
pub struct Customization<H: SetupTasks, C, X = NoContext> {
    model: ModelSource<H, C>,
    context: ContextSource<H, X>,
}

impl<H: SetupTasks, C, X> std::fmt::Debug for Customization<H, C, X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Customization").finish_non_exhaustive()
    }
}

/// The source of the model.
enum ModelSource<H, C> {
    /// A function that creates one model per host.
    Make(fn(&H) -> C),
    /// A model that the first host takes. The box keeps the lock out of constants, which cannot
    /// have interior mutability.
    Given(Box<Mutex<Option<C>>>),
}

/// The source of the context that the tasks share.
enum ContextSource<H: SetupTasks, X> {
    None,
    Function(fn(&Object<H>) -> X),
    Closure(Box<MakeContext<H, X>>),
}

type MakeContext<H, X> = dyn Fn(&Object<H>) -> X + Send + Sync;

impl<H: SetupTasks, C: SetupTasks> Customization<H, C> {
    /// Creates a customization with the model that `make` returns for each host.
    pub const fn new(make: fn(&H) -> C) -> Self {
        Self { model: ModelSource::Make(make), context: ContextSource::None }
    }

    /// Creates a customization with this model for one host, for
    /// [`NewTask::value`](crate::NewTask::value). Applying it to a second host is an error.
    pub fn with_model(model: C) -> Self {
        Self { model: ModelSource::Given(Box::new(Mutex::new(Some(model)))), context: ContextSource::None }
    }

    /// Adds a context that the tasks share. The context is entered only if one of them runs.
    pub fn with_context<X: RunContext>(
        self,
        context: impl Fn(&Object<H>) -> X + Send + Sync + 'static,
    ) -> Customization<H, C, X> {
        Customization { model: self.model, context: ContextSource::Closure(Box::new(context)) }
    }
}

impl<H: SetupTasks, C: SetupTasks, X: RunContext> Customization<H, C, X> {
    /// Combines [`new`](Self::new) and [`with_context`](Self::with_context) for a constant.
    pub const fn within(context: fn(&Object<H>) -> X, make: fn(&H) -> C) -> Self {
        Self { model: ModelSource::Make(make), context: ContextSource::Function(context) }
    }
}

/// The context type of a [`Customization`] without a context.
#[derive(Debug)]
pub enum NoContext {}

impl RunContext for NoContext {
    type Resource = ();

    async fn enter(&self) -> Result<()> {
        match *self {}
    }

    async fn leave(&self, _resource: Arc<()>, _outcome: ContextExit) -> Result<()> {
        match *self {}
    }
}

#[diagnostic::do_not_recommend]
impl<H: SetupTasks, C: SetupTasks, X: RunContext> TaskKind<H> for Customization<H, C, X> {
    fn describe(&self) -> Cow<'static, str> {
        Cow::Owned(format!("Apply {}", C::NAME))
    }

    /// Returns an error, because a run of the host walks the tasks of the model instead.
    async fn run(&self, _model: &H, cx: &TaskContext) -> Result<Outcome> {
        anyhow::bail!("`{}` is a customization and has no method: run the tasks of `{}`", cx.task(), cx.object().id())
    }

    fn customization(&self) -> Option<&dyn DynCustomization<H>> {
        Some(self)
    }
}

impl<H: SetupTasks, C: SetupTasks, X: RunContext> DynCustomization<H> for Customization<H, C, X> {
    fn apply(&self, host: &AnyObject, stem: &'static str) -> Result<Applied> {
        let host = typed::<H>(host)?;
        let model = match &self.model {
            ModelSource::Make(make) => make(&host),
            ModelSource::Given(model) => {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner).take();
                model
                    .ok_or_else(|| anyhow::anyhow!("the customization `{stem}` is already applied to another object"))?
            }
        };
        apply(&host, stem, model)
    }

    fn context(&self, host: &AnyObject) -> Result<Option<CustomizationContext>> {
        let context = match &self.context {
            ContextSource::None => return Ok(None),
            ContextSource::Function(context) => context(&typed::<H>(host)?),
            ContextSource::Closure(context) => context(&typed::<H>(host)?),
        };
        Ok(Some(CustomizationContext(Arc::new(context))))
    }

    fn inspect_class(&self, stem: &str) -> Vec<TaskInspector> {
        inspect_class_under::<C>(Some(stem))
    }

    fn add_former_names(&self, stem: &str, to: &mut Vec<TaskRename>) {
        // A type whose tasks cannot be combined is an error when the customization is applied.
        if let Ok(table) = table_of::<C>() {
            add_former_names(table, Some(stem), to);
        }
    }
}

/// Creates the object of a customization. It has the host's paths and stamps, and its injector is a
/// child of the host's.
fn apply<H: SetupTasks, C: SetupTasks>(host: &Object<H>, stem: &'static str, model: C) -> Result<Applied> {
    let core = host.core();
    let id: Arc<str> = format!("{}/{stem}", core.id).into();
    let placing = Placing {
        subdir: core.subdir.clone(),
        layout: core.layout.clone(),
        parent: core.injector().clone(),
        host: Some(Host { object: Arc::downgrade(host.as_dyn()), stem }),
        former: core.former().cloned(),
        readonly: Some(core.readonly() || C::READONLY == Some(true)),
        groups: Vec::new(),
        on: None,
        is_retired: false,
        id,
    };
    Ok(Applied(Arc::new(Placed::new(ObjectCore::new(placing, &model), table_of::<C>()?, model))))
}

fn typed<H: SetupTasks>(host: &AnyObject) -> Result<Object<H>> {
    host.downcast().ok_or_else(|| anyhow::anyhow!("`{}` is not a {}", host.id(), H::NAME))
}

/// A [`Customization`] without the type of its model.
#[doc(hidden)]
pub trait DynCustomization<H>: Send + Sync {
    #[doc(hidden)]
    fn apply(&self, host: &AnyObject, stem: &'static str) -> Result<Applied>;
    #[doc(hidden)]
    fn context(&self, host: &AnyObject) -> Result<Option<CustomizationContext>>;
    #[doc(hidden)]
    fn inspect_class(&self, stem: &str) -> Vec<TaskInspector>;
    #[doc(hidden)]
    fn add_former_names(&self, stem: &str, to: &mut Vec<TaskRename>);
}

/// The object of a customization.
#[doc(hidden)]
pub struct Applied(pub(crate) Arc<dyn DynObject>);

impl std::fmt::Debug for Applied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applied").finish_non_exhaustive()
    }
}

/// The context that the tasks of a customization share.
#[doc(hidden)]
pub struct CustomizationContext(pub(crate) Arc<dyn DynRunContext>);

impl std::fmt::Debug for CustomizationContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomizationContext").finish_non_exhaustive()
    }
}
