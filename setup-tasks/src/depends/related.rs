//! The types that a relationship field may have or a relationship method may return.

use super::deferred::{Deferred, DeferredKey};
use crate::Result;
use crate::injector::{InjectError, Injector};
use crate::object::{AnyObject, Object, SetupTasks};
use crate::sealed::Sealed;
use crate::task::outcome::IntoTaskError;

/// A type of relationship: an [`Object<M>`](Object), a [`Deferred<M>`](Deferred), or an `Option` or
/// a `Vec` of those. With [`AnyModel`] for `M`, it is an object of any type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a relationship is an `Object<{M}>`, a `Deferred<{M}>`, or an `Option` or a `Vec` of those; if its task is named by a string, an object of any type"
)]
pub trait Related<M>: Sealed {
    /// The return type of the field's accessor.
    type Access<'a>
    where
        Self: 'a;

    /// Returns the related object or objects by reference.
    fn access(&self) -> Self::Access<'_>;

    /// Adds the related objects to a list.
    fn related(&self, relatives: &mut Relatives);
}

/// A placeholder for any model in [`Related`], for relationships that name their task by a string.
#[derive(Debug)]
pub enum AnyModel {}

impl Sealed for AnyObject {}
impl<M: SetupTasks> Sealed for Object<M> {}
impl<M: SetupTasks> Sealed for Deferred<M> {}

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

/// For a task that is named by a string, as those of plug-ins are.
impl<M: SetupTasks> Related<AnyModel> for Object<M> {
    type Access<'a> = &'a Self;

    fn access(&self) -> &Self {
        self
    }

    fn related(&self, relatives: &mut Relatives) {
        Related::<M>::related(self, relatives);
    }
}

/// For a task that is named by a string.
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

/// The related objects in order.
#[derive(Default)]
pub struct Relatives(pub(crate) Vec<Relative>);

impl std::fmt::Debug for Relatives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relatives").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// A related object, or the key by which it is looked up.
#[derive(Clone)]
pub(crate) enum Relative {
    Object(AnyObject),
    Deferred(DeferredKey),
}

impl Relative {
    /// Returns the object. A deferred one is looked up at the injector.
    pub(crate) async fn find(self, injector: &Injector) -> Result<AnyObject, InjectError> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Deferred(key) => (key.find)(key.name, injector.clone()).await,
        }
    }

    /// Returns the object if it exists already.
    pub(crate) fn peek(self, injector: &Injector) -> Option<AnyObject> {
        match self {
            Self::Object(object) => Some(object),
            Self::Deferred(key) => (key.peek)(key.name, injector),
        }
    }
}

/// A return type of a relationship method: related objects, or a `Result` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a relationship is an `Object<{M}>`, a `Deferred<{M}>`, or an `Option` or a `Vec` of those; if its task is named by a string, an object of any type"
)]
pub trait IntoRelatives<M>: Sealed {
    #[doc(hidden)]
    fn into_relatives(self) -> Result<Relatives>;
}

impl Relatives {
    /// Returns the related objects of a relationship.
    pub(crate) fn of<M, R: Related<M>>(related: &R) -> Self {
        let mut relatives = Self::default();
        related.related(&mut relatives);
        relatives
    }
}

// Each type that is `Related` has its own implementation. A blanket implementation would conflict
// with the one for `Result`.

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
