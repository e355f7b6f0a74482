//! Customizations: a model applied to a host object. Its tasks are run in the place of one task of the host, stamped under the
//! host with that task's name as a stem.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::inspect::TaskInspector;
use crate::object::{AnyObject, DynObject, Host, Object, ObjectCore, Placed, Placing, SetupTasks};
use crate::run::{ContextExit, DynRunContext, RunContext, TaskContext};
use crate::task::kind::TaskKind;
use crate::task::outcome::Outcome;
use crate::task::plugin::table_of;

/// A task of a host that is the tasks of another model. The model's `subdir` is not used: its paths are the host's.
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
/// assert!(machine.check_stamp("web.configure")?.is_some());
/// # Ok(()) }
/// ```
pub struct Customization<H: SetupTasks, C, X = NoContext> {
    make: fn(&H) -> C,
    context: Option<fn(&Object<H>) -> X>,
}

impl<H: SetupTasks, C: SetupTasks> Customization<H, C> {
    /// The tasks of what `make` makes of the host.
    pub const fn new(make: fn(&H) -> C) -> Self {
        Self { make, context: None }
    }
}

impl<H: SetupTasks, C: SetupTasks, X: RunContext> Customization<H, C, X> {
    /// As [`new`](Customization::new); the tasks share what the context gives, which is entered only if one of them runs.
    pub const fn within(context: fn(&Object<H>) -> X, make: fn(&H) -> C) -> Self {
        Self { make, context: Some(context) }
    }
}

/// A [`Customization`] of one object with a model that is there already, for
/// [`NewTask::value`](crate::NewTask::value).
pub struct CustomizationOf<H: SetupTasks, C, X = NoContext> {
    /// Taken by the first host that it is applied to.
    model: Mutex<Option<C>>,
    context: Option<Box<MakeContext<H, X>>>,
}

type MakeContext<H, X> = dyn Fn(&Object<H>) -> X + Send + Sync;

impl<H: SetupTasks, C: SetupTasks> CustomizationOf<H, C> {
    /// The tasks of a model.
    pub fn new(model: C) -> Self {
        Self { model: Mutex::new(Some(model)), context: None }
    }

    /// The tasks share what the context gives, which is entered only if one of them runs.
    pub fn within<X: RunContext>(
        self,
        context: impl Fn(&Object<H>) -> X + Send + Sync + 'static,
    ) -> CustomizationOf<H, C, X> {
        CustomizationOf { model: self.model, context: Some(Box::new(context)) }
    }
}

/// There is no context.
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
        describe::<C>()
    }

    async fn run(&self, _model: &H, cx: &TaskContext) -> Result<Outcome> {
        refuse(cx)
    }

    fn customization(&self) -> Option<&dyn DynCustomization<H>> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<H: SetupTasks, C: SetupTasks, X: RunContext> TaskKind<H> for CustomizationOf<H, C, X> {
    fn describe(&self) -> Cow<'static, str> {
        describe::<C>()
    }

    async fn run(&self, _model: &H, cx: &TaskContext) -> Result<Outcome> {
        refuse(cx)
    }

    fn customization(&self) -> Option<&dyn DynCustomization<H>> {
        Some(self)
    }
}

fn describe<C: SetupTasks>() -> Cow<'static, str> {
    Cow::Owned(format!("Apply {}", C::NAME))
}

/// The run of the host walks the tasks of the model instead.
fn refuse(cx: &TaskContext) -> Result<Outcome> {
    anyhow::bail!("`{}` is a customization: run the tasks of `{}`", cx.task(), cx.object().id())
}

impl<H: SetupTasks, C: SetupTasks, X: RunContext> DynCustomization<H> for Customization<H, C, X> {
    fn apply(&self, host: &AnyObject, stem: &'static str) -> Result<Applied> {
        let host = typed::<H>(host)?;
        let model = (self.make)(&host);
        apply(&host, stem, model)
    }

    fn context(&self, host: &AnyObject) -> Result<Option<CustomizationContext>> {
        let context = self.context.map(|context| typed::<H>(host).map(|host| context(&host)));
        Ok(context.transpose()?.map(|context| CustomizationContext(Arc::new(context))))
    }

    fn inspect_class(&self, stem: &str) -> Vec<TaskInspector> {
        crate::inspect::inspect_class_under::<C>(Some(stem))
    }
}

impl<H: SetupTasks, C: SetupTasks, X: RunContext> DynCustomization<H> for CustomizationOf<H, C, X> {
    fn apply(&self, host: &AnyObject, stem: &'static str) -> Result<Applied> {
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner).take();
        let model = model.ok_or_else(|| anyhow::anyhow!("the customization `{stem}` is applied to another object"))?;
        apply(&typed::<H>(host)?, stem, model)
    }

    fn context(&self, host: &AnyObject) -> Result<Option<CustomizationContext>> {
        let context = self.context.as_ref().map(|context| typed::<H>(host).map(|host| context(&host)));
        Ok(context.transpose()?.map(|context| CustomizationContext(Arc::new(context))))
    }

    fn inspect_class(&self, stem: &str) -> Vec<TaskInspector> {
        crate::inspect::inspect_class_under::<C>(Some(stem))
    }
}

/// The object of a customization: it has the host's paths and stamps, and an injector below the host's.
fn apply<H: SetupTasks, C: SetupTasks>(host: &Object<H>, stem: &'static str, model: C) -> Result<Applied> {
    let core = &host.0.core;
    let id: Arc<str> = format!("{}/{stem}", core.id).into();
    let placing = Placing {
        subdir: core.subdir.clone(),
        layout: core.layout.clone(),
        parent: core.injector().clone(),
        host: Some(Host { object: Arc::downgrade(&host.as_dyn()), stem }),
        readonly: Some(core.readonly() || C::READONLY == Some(true)),
        id,
    };
    Ok(Applied(Arc::new(Placed::new(ObjectCore::new(placing, &model), table_of::<C>()?, model))))
}

fn typed<H: SetupTasks>(host: &AnyObject) -> Result<Object<H>> {
    host.downcast().ok_or_else(|| anyhow::anyhow!("`{}` is not a {}", host.id(), H::NAME))
}

/// [`Customization`] without the type of its model.
pub trait DynCustomization<H>: Send + Sync {
    #[doc(hidden)]
    fn apply(&self, host: &AnyObject, stem: &'static str) -> Result<Applied>;
    #[doc(hidden)]
    fn context(&self, host: &AnyObject) -> Result<Option<CustomizationContext>>;
    #[doc(hidden)]
    fn inspect_class(&self, stem: &str) -> Vec<TaskInspector>;
}

/// A customization's object.
pub struct Applied(pub(crate) Arc<dyn DynObject>);

/// The context that a customization's tasks share.
pub struct CustomizationContext(pub(crate) Arc<dyn DynRunContext>);
