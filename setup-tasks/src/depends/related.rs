//! What a relationship may hold or return.

use super::deferred::{Deferred, DeferredKey};
use crate::Result;
use crate::injector::{InjectError, Injector};
use crate::object::{AnyObject, Object, SetupTasks};
use crate::task::outcome::IntoTaskError;

/// What a relationship may be: an [`Object<M>`](Object), a [`Deferred<M>`](Deferred), or an `Option` or a `Vec` of those; with
/// [`AnyModel`] for `M`, any object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a relationship is an `Object<{M}>`, a `Deferred<{M}>`, or an `Option` or a `Vec` of those; if its task is named by a string, an object of any type"
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
        relatives.0.push(Relative::Object(self.as_any().clone()));
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
impl<M: SetupTasks> Related<AnyModel> for Deferred<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        Related::<M>::related(self, relatives);
    }
}

impl<M: SetupTasks> Related<M> for Deferred<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        relatives.0.push(Relative::Deferred(DeferredKey::of(self)));
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

/// Related objects, in order.
#[derive(Default)]
pub struct Relatives(pub(crate) Vec<Relative>);

/// A related object, or where it will be.
#[derive(Clone)]
pub(crate) enum Relative {
    Object(AnyObject),
    Deferred(DeferredKey),
}

impl Relative {
    /// The object, looked up at an injector if need be.
    pub(crate) async fn find(self, injector: &Injector) -> Result<AnyObject, InjectError> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Deferred(key) => (key.find)(key.name, injector.clone()).await,
        }
    }

    /// The object, if it is known.
    pub(crate) fn peek(self, injector: &Injector) -> Option<AnyObject> {
        match self {
            Self::Object(object) => Some(object),
            Self::Deferred(key) => (key.peek)(key.name, injector),
        }
    }
}

/// What a relationship method may return: related objects, or a `Result` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a relationship is an `Object<{M}>`, a `Deferred<{M}>`, or an `Option` or a `Vec` of those; if its task is named by a string, an object of any type"
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

impl<M, O: SetupTasks> IntoRelatives<M> for Deferred<O>
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

impl<M, R: IntoRelatives<M>, E: IntoTaskError> IntoRelatives<M> for Result<R, E> {
    fn into_relatives(self) -> Result<Relatives> {
        self.map_err(IntoTaskError::into_task_error)?.into_relatives()
    }
}
