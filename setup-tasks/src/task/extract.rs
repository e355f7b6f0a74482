//! Extractors: the arguments that tasks and helper methods can take.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use crate::Result;
use crate::decide::Reason;
use crate::error_help;
use crate::injector::{InjectionKey, KeyName};
use crate::object::{Object, SetupTasks};
use crate::stamp::Stamp;
use crate::task::context::TaskContext;

/// A type that tasks and helper methods can take as an argument.
///
/// Implement it to add an extractor of your own:
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks::task::Extract;
///
/// /// The length of the base directory's path in bytes.
/// struct NameLength(usize);
///
/// impl Extract for NameLength {
///     async fn extract(cx: &TaskContext) -> Result<Self> {
///         Ok(NameLength(cx.layout().config().base_dir.as_os_str().len()))
///     }
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     async fn paint(&self, NameLength(length): NameLength, cx: &TaskContext) -> Result<()> {
///         let _ = (length, cx.task());
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor",
    label = "a task cannot take this as an argument",
    note = "a task takes `&self` and then any of `&TaskContext`, `Inject<T>`, `InjectKey<K>`, `LastRun`, `Reason`, `Resource<R>`, `ObjectRef<M>`, `Object<Self>`, `HostObject<M>`, `Option` of `Inject` or `InjectKey`, and types of your own that implement `setup_tasks::task::Extract`",
    note = "help: `Object<Self>` is the task's own object; of another model `M`, `Inject<Object<M>>` is the object brought to ready, `ObjectRef<M>` the object as it is, and `HostObject<M>` the one that a customization is applied to"
)]
pub trait Extract: Sized {
    /// Creates the argument. An error fails the task as an error of the task's method does.
    fn extract(cx: &TaskContext) -> impl Future<Output = Result<Self>> + Send;
}

/// The type behind a reference among the arguments. The context is the only such type.
#[diagnostic::on_unimplemented(
    message = "`&{Self}` is not an extractor",
    label = "a task cannot take this as an argument",
    note = "the one reference that a task takes is `&TaskContext`; `Inject<T>` and `InjectKey<K>` share values"
)]
pub trait IsContext {
    #[doc(hidden)]
    fn of(cx: &TaskContext) -> &Self;
}

impl IsContext for TaskContext {
    fn of(cx: &TaskContext) -> &Self {
        cx
    }
}

/// The stamp of the task's last completion, or `None` if the task has never completed or has failed since.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it", invalidator = lasts)]
///     fn paint(&self) {}
///
///     fn lasts(&self, last: LastRun) -> bool {
///         last.time().is_some_and(|time| time.elapsed().is_ok_and(|age| age.as_secs() < 86_400))
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LastRun(pub Option<Stamp>);

impl LastRun {
    /// Returns the time when the task last completed, or `None` without a stamp.
    pub fn time(&self) -> Option<std::time::SystemTime> {
        self.0.as_ref().map(|stamp| stamp.time.into())
    }
}

impl Extract for LastRun {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        Ok(cx.last_run())
    }
}

/// The reason why the task runs. Extraction fails in a helper method because it is called before
/// the reason is known.
impl Extract for Reason {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        cx.reason().cloned().ok_or_else(|| {
            anyhow::anyhow!("`Reason` is known only to the task itself, not to the methods that decide whether it runs")
        })
    }
}

/// A type that tasks and helper methods of the model `T` can take as an argument: every
/// [`Extract`], and `T`'s own object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor of `{T}`",
    label = "a task of `{T}` cannot take this as an argument",
    note = "a task takes `&self` and then any of `&TaskContext`, `Inject<T>`, `InjectKey<K>`, `LastRun`, `Reason`, `Resource<R>`, `ObjectRef<M>`, `Object<Self>`, `HostObject<M>`, `Option` of `Inject` or `InjectKey`, and types of your own that implement `setup_tasks::task::Extract`",
    note = "help: `Object<Self>` is the task's own object; of another model `M`, `Inject<Object<M>>` is the object brought to ready, `ObjectRef<M>` the object as it is, and `HostObject<M>` the one that a customization is applied to"
)]
pub trait ExtractFor<T>: Sized {
    #[doc(hidden)]
    fn extract_for(cx: &TaskContext) -> impl Future<Output = Result<Self>> + Send;
}

#[diagnostic::do_not_recommend]
impl<T, E: Extract> ExtractFor<T> for E {
    fn extract_for(cx: &TaskContext) -> impl Future<Output = Result<Self>> + Send {
        E::extract(cx)
    }
}

/// A handle to the object whose task runs.
impl<T: SetupTasks> ExtractFor<T> for Object<T> {
    async fn extract_for(cx: &TaskContext) -> Result<Self> {
        cx.object().downcast::<T>().ok_or_else(|| anyhow::anyhow!("`{}` is not a {}", cx.object().id(), T::NAME))
    }
}

/// The object to which a [`Customization`](crate::Customization) is applied. The tasks and helper
/// methods of the customization can take it. Extraction fails in other tasks, and if the object has
/// another type.
///
/// ```
/// use setup_tasks::{Customization, HostObject, prelude::*};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "machines/{name}")]
/// struct Machine { name: String }
///
/// #[setup_tasks]
/// impl Machine {
///     #[setup_task("Make it a web server")]
///     const WEB: Customization<Machine, WebServer> = Customization::new(|_| WebServer);
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "web")]
/// struct WebServer;
///
/// #[setup_tasks]
/// impl WebServer {
///     #[setup_task("Name the server")]
///     fn name(&self, machine: HostObject<Machine>) {
///         assert_eq!(machine.name, "gw");
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Machine { name: "gw".into() })?.run_setup_tasks().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct HostObject<M: SetupTasks>(pub Object<M>);

impl<M: SetupTasks> Deref for HostObject<M> {
    type Target = Object<M>;

    fn deref(&self) -> &Object<M> {
        &self.0
    }
}

impl<M: SetupTasks> Extract for HostObject<M> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        let Some(host) = cx.host() else {
            return Err(HostError::Missing { object: cx.object().id().to_owned(), wanted: M::NAME }.into());
        };
        let other = || HostError::Other { host: host.id().to_owned(), wanted: M::NAME };
        Ok(Self(host.downcast().ok_or_else(other)?))
    }
}

/// The error of a [`HostObject`] that cannot be extracted.
#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error("`{object}` is not applied to a host")]
    Missing { object: String, wanted: &'static str },
    #[error("the host `{host}` is not a {wanted}")]
    Other { host: String, wanted: &'static str },
}

error_help!(HostError);

impl HostError {
    fn help(&self) -> Cow<'_, str> {
        match self {
            Self::Missing { wanted, .. } => {
                format!("`HostObject<{wanted}>` is for the tasks of a customization").into()
            }
            Self::Other { .. } => "a customization for hosts of several types cannot take `HostObject`".into(),
        }
    }
}

/// A value of a given type from the object's injector or its parents. A value that is an object is
/// brought to ready first. Extraction fails if nothing provides the value. An
/// `Option<Inject<T>>` is `None` in this case.
///
/// ```
/// use setup_tasks::{Inject, InjectionKey, prelude::*};
///
/// struct Domain(&'static str);
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "gw")] struct Host;
/// #[setup_tasks]
/// impl Host {
///     #[setup_task("Set the host name")]
///     fn set_name(&self, domain: Inject<Domain>) {
///         assert_eq!(domain.0.0, "example.com");
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.injector().provide(InjectionKey::of(), Domain("example.com"))?;
/// layout.add(Host)?.run_setup_tasks().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Inject<T: ?Sized>(pub Arc<T>);

impl<T: ?Sized> Deref for Inject<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Extract for Inject<T> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        Ok(Self(cx.injector().get(&InjectionKey::<T>::of()).await.map_err(|error| error.asked_by(cx.who()))?))
    }
}

impl<T: Send + Sync + 'static> Extract for Option<Inject<T>> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        Ok(cx.injector().get_optional(&InjectionKey::<T>::of()).await?.map(Inject))
    }
}

/// An object of a given type from the object's injector or its parents. Unlike [`Inject`], this
/// does not bring the object to ready.
///
/// ```
/// use setup_tasks::{ObjectRef, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "router")] struct Router;
/// # #[setup_tasks] impl Router { #[setup_task("Route")] fn route(&self) {} }
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "client")]
/// struct Client;
///
/// #[setup_tasks]
/// impl Client {
///     #[setup_task("Note who routes")]
///     fn note(&self, router: ObjectRef<Router>) {
///         assert_eq!(router.as_any().id(), "router");
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ObjectRef<M: SetupTasks>(pub Object<M>);

impl<M: SetupTasks> Deref for ObjectRef<M> {
    type Target = Object<M>;

    fn deref(&self) -> &Object<M> {
        &self.0
    }
}

impl<M: SetupTasks> Extract for ObjectRef<M> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        let object = cx.injector().get_not_ready(&InjectionKey::<Object<M>>::of()).await;
        Ok(Self((*object.map_err(|error| error.asked_by(cx.who()))?).clone()))
    }
}

/// A value from the object's injector or its parents, by a key that
/// [`injection_key!`](crate::injection_key) declares.
///
/// ```
/// use setup_tasks::{InjectKey, injection_key, prelude::*};
///
/// injection_key!(
///     /// The domain of all host names.
///     pub Domain = "domain": String
/// );
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// #[setup_tasks]
/// impl Host {
///     #[setup_task("Set the host name")]
///     fn set_name(&self, domain: InjectKey<Domain>) -> Result<()> {
///         assert_eq!(format!("{}.{}", self.name, *domain), "gw.example.com");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.injector().provide(Domain::key(), "example.com".to_owned())?;
/// layout.add(Host { name: "gw".into() })?.run_setup_tasks().await?;
/// # Ok(()) }
/// ```
pub struct InjectKey<K: KeyName>(pub Arc<K::Value>);

impl<K: KeyName> std::fmt::Debug for InjectKey<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InjectKey").field("name", &K::NAME).finish_non_exhaustive()
    }
}

impl<K: KeyName> Deref for InjectKey<K> {
    type Target = K::Value;

    fn deref(&self) -> &K::Value {
        &self.0
    }
}

impl<K: KeyName> Extract for InjectKey<K> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        let key = InjectionKey::<K::Value>::named(K::NAME);
        Ok(Self(cx.injector().get(&key).await.map_err(|error| error.asked_by(cx.who()))?))
    }
}

impl<K: KeyName> Extract for Option<InjectKey<K>> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        Ok(cx.injector().get_optional(&InjectionKey::<K::Value>::named(K::NAME)).await?.map(InjectKey))
    }
}

/// The resource of an entered context. [`context`](crate::run::Run::context) adds a context to a
/// run, and a customization can have one, too. Extraction fails if no entered context has such a
/// resource. See [`RunContext`](crate::RunContext) for an example.
#[derive(Clone, Debug)]
pub struct Resource<R: ?Sized>(pub Arc<R>);

impl<R: ?Sized> Deref for Resource<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0
    }
}

impl<R: Send + Sync + 'static> Extract for Resource<R> {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        cx.resource::<R>().map(Self).ok_or_else(|| {
            anyhow::anyhow!(
                "the run of `{}` has no entered context of type `{}`; give it one with `run_setup_tasks().context(…)`",
                cx.object().id(),
                std::any::type_name::<R>()
            )
        })
    }
}
