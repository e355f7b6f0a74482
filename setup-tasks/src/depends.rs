//! What a task needs besides itself: tasks of related objects, and parts of the system.

use std::fmt;
use std::sync::Arc;

use crate::injector::{InjectError, InjectionKey, Injector};
use crate::object::{AnyObject, Object, SetupTasks};
use crate::run::TaskContext;
use crate::task::row::Ask;
use crate::{BoxFuture, Result};

/// A part of the system that a task needs while it runs: a machine that is up, a network that is there. The dependencies
/// of a task are brought up together before its method is called, each once a run.
pub trait SystemDependency: Send + Sync + 'static {
    /// Its name; two dependencies with one name are the same.
    fn name(&self) -> String;

    /// Brings it up; it may be up already.
    fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>>;
}

impl<D: SystemDependency + ?Sized> SystemDependency for Arc<D> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>> {
        (**self).bring_up(cx)
    }
}

/// What a relationship may be: an [`Object<M>`](Object), a [`Late<M>`](Late), or an `Option` or a `Vec` of those; with
/// [`AnyModel`] for `M`, any object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a relationship is an `Object<{M}>`, a `Late<{M}>`, or an `Option` or a `Vec` of those; if its task is named by a string, an object of any type"
)]
pub trait Related<M> {
    /// What its accessor gives.
    type Access<'a>
    where
        Self: 'a;

    /// The related object or objects, as they can be borrowed.
    fn access(&self) -> Self::Access<'_>;

    /// Adds the related objects.
    fn related(&self, relatives: &mut Relatives);
}

/// Stands for every model in [`Related`], where the task is named by a string.
#[derive(Debug)]
pub enum AnyModel {}

impl Related<AnyModel> for AnyObject {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        relatives.0.push(Relative::Object(self.clone()));
    }
}

impl<M: SetupTasks> Related<M> for Object<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        relatives.0.push(Relative::Object(self.any()));
    }
}

/// With a task that is named by a string, as plug-ins' are.
impl<M: SetupTasks> Related<AnyModel> for Object<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        Related::<M>::related(self, relatives);
    }
}

/// With a task that is named by a string.
impl<M: SetupTasks> Related<AnyModel> for Late<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        Related::<M>::related(self, relatives);
    }
}

impl<M: SetupTasks> Related<M> for Late<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        relatives.0.push(Relative::Late(LateKey { name: self.key.name(), find: find::<M>, peek: peek::<M> }));
    }
}

impl<M, R: Related<M> + 'static> Related<M> for Option<R> {
    type Access<'a> = Option<&'a R>;

    fn access(&self) -> Option<&R> {
        self.as_ref()
    }

    fn related(&self, relatives: &mut Relatives) {
        self.iter().for_each(|related| related.related(relatives));
    }
}

impl<M, R: Related<M> + 'static> Related<M> for Vec<R> {
    type Access<'a> = &'a [R];

    fn access(&self) -> &[R] {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        self.iter().for_each(|related| related.related(relatives));
    }
}

/// A relationship with an object that is looked up by its key when it is needed, so that two objects can name each other.
///
/// ```
/// use setup_tasks::{InjectionKey, Late, prelude::*};
///
/// const SERVER: InjectionKey<Object<Server>> = InjectionKey::of();
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "server")]
/// struct Server;
///
/// #[setup_tasks]
/// impl Server {
///     #[setup_task("Publish")]
///     fn publish(&self) {}
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "client")]
/// struct Client {
///     #[depends_on(Server::publish)]
///     server: Late<Server>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let client = layout.add(Client { server: Late::new(SERVER) })?;
/// let server = layout.add(Server)?;
/// layout.injector().provide(SERVER, server.clone())?;
///
/// client.run_setup_tasks().await?;
/// assert!(server.check_stamp("publish")?.is_some());
/// assert_eq!(client.server().find(client.injector()).await?.id(), "server");
/// # Ok(()) }
/// ```
pub struct Late<M: SetupTasks> {
    key: InjectionKey<Object<M>>,
}

impl<M: SetupTasks> Late<M> {
    /// The object that will be provided for a key.
    pub const fn new(key: InjectionKey<Object<M>>) -> Self {
        Self { key }
    }

    /// The key.
    pub const fn key(&self) -> InjectionKey<Object<M>> {
        self.key
    }

    /// The object, as an injector or one above it provides it. It is not brought to ready.
    ///
    /// # Errors
    ///
    /// As [`Injector::get_not_ready`].
    pub async fn find(&self, injector: &Injector) -> Result<Object<M>, InjectError> {
        Ok((*injector.get_not_ready(&self.key).await?).clone())
    }
}

impl<M: SetupTasks> Clone for Late<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: SetupTasks> Copy for Late<M> {}

impl<M: SetupTasks> fmt::Debug for Late<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Late({})", self.key)
    }
}

/// Related objects, in order.
#[derive(Default)]
pub struct Relatives(pub(crate) Vec<Relative>);

/// A related object, or where it will be.
#[derive(Clone)]
pub(crate) enum Relative {
    Object(AnyObject),
    Late(LateKey),
}

type Found = BoxFuture<'static, Result<AnyObject, InjectError>>;

/// [`Late`] without the model's type.
#[derive(Clone, Copy)]
pub(crate) struct LateKey {
    name: Option<&'static str>,
    find: fn(Option<&'static str>, Injector) -> Found,
    peek: fn(Option<&'static str>, &Injector) -> Option<AnyObject>,
}

fn peek<M: SetupTasks>(name: Option<&'static str>, injector: &Injector) -> Option<AnyObject> {
    let key: InjectionKey<Object<M>> = name.map_or(InjectionKey::of(), InjectionKey::named);
    injector.peek(&key).map(|object| object.any())
}

fn find<M: SetupTasks>(name: Option<&'static str>, injector: Injector) -> Found {
    let key = name.map_or(InjectionKey::of(), InjectionKey::named);
    Box::pin(async move { Ok(Late::<M>::new(key).find(&injector).await?.any()) })
}

impl Relative {
    /// The object, looked up at an injector if need be.
    pub(crate) async fn find(self, injector: &Injector) -> Result<AnyObject, InjectError> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Late(key) => (key.find)(key.name, injector.clone()).await,
        }
    }

    /// The object, if it is known.
    pub(crate) fn peek(self, injector: &Injector) -> Option<AnyObject> {
        match self {
            Self::Object(object) => Some(object),
            Self::Late(key) => (key.peek)(key.name, injector),
        }
    }
}

/// The row of a relationship: whose task, which task, and what to do about it.
pub struct Relation<T: 'static> {
    pub(crate) relatives: Ask<T, Relatives>,
    pub(crate) to: RelatedTask,
}

impl<T: 'static> Clone for Relation<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Relation<T> {}

/// What a relationship asks of each related object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelatedTask {
    pub(crate) task: &'static str,
    pub(crate) ready: bool,
    pub(crate) run_if_needed: bool,
    /// Whether nobody has looked yet if there is such a task.
    pub(crate) by_name: bool,
}

impl<T: 'static> Relation<T> {
    /// A relationship with the objects of a field, or of a plain method.
    pub const fn new(relatives: fn(&T) -> Result<Relatives>) -> Self {
        Self { relatives: Ask::Now(relatives), to: RelatedTask::new("") }
    }

    /// A relationship with the objects that a method gives which is async or has extractors.
    pub const fn asked(relatives: for<'a> fn(&'a T, &'a TaskContext) -> BoxFuture<'a, Result<Relatives>>) -> Self {
        Self { relatives: Ask::Later(relatives), to: RelatedTask::new("") }
    }

    /// The task that is depended on.
    pub const fn to(mut self, task: &'static str) -> Self {
        self.to.task = task;
        self
    }

    /// Brings the other object to ready first.
    pub const fn ready(mut self) -> Self {
        self.to.ready = true;
        self
    }

    /// Leaves the other object's tasks alone, whether or not they must run.
    pub const fn leave(mut self) -> Self {
        self.to.run_if_needed = false;
        self
    }

    /// The task is named by a string: objects are asked whether they have it.
    pub const fn by_name(mut self) -> Self {
        self.to.by_name = true;
        self
    }
}

impl RelatedTask {
    pub(crate) const fn new(task: &'static str) -> Self {
        Self { task, ready: false, run_if_needed: true, by_name: false }
    }
}

/// What a relationship method may return: related objects, or a `Result` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a relationship is an `Object<{M}>`, a `Late<{M}>`, or an `Option` or a `Vec` of those; if its task is named by a string, an object of any type"
)]
pub trait IntoRelatives<M> {
    #[doc(hidden)]
    fn into_relatives(self) -> Result<Relatives>;
}

impl Relatives {
    /// What a relationship holds.
    pub(crate) fn of<M, R: Related<M>>(related: &R) -> Self {
        let mut relatives = Self::default();
        related.related(&mut relatives);
        relatives
    }
}

// One for each type that is `Related`: one for all of them would leave none for `Result`.

impl<M> IntoRelatives<M> for AnyObject
where
    Self: Related<M>,
{
    fn into_relatives(self) -> Result<Relatives> {
        Ok(Relatives::of::<M, Self>(&self))
    }
}

impl<M, O: SetupTasks> IntoRelatives<M> for Object<O>
where
    Self: Related<M>,
{
    fn into_relatives(self) -> Result<Relatives> {
        Ok(Relatives::of::<M, Self>(&self))
    }
}

impl<M, O: SetupTasks> IntoRelatives<M> for Late<O>
where
    Self: Related<M>,
{
    fn into_relatives(self) -> Result<Relatives> {
        Ok(Relatives::of::<M, Self>(&self))
    }
}

impl<M, R> IntoRelatives<M> for Option<R>
where
    Self: Related<M>,
{
    fn into_relatives(self) -> Result<Relatives> {
        Ok(Relatives::of::<M, Self>(&self))
    }
}

impl<M, R> IntoRelatives<M> for Vec<R>
where
    Self: Related<M>,
{
    fn into_relatives(self) -> Result<Relatives> {
        Ok(Relatives::of::<M, Self>(&self))
    }
}

impl<M, R: IntoRelatives<M>, E: Into<anyhow::Error>> IntoRelatives<M> for Result<R, E> {
    fn into_relatives(self) -> Result<Relatives> {
        self.map_err(Into::into)?.into_relatives()
    }
}
