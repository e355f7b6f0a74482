//! The seal of helper traits: users name these traits in bounds, and the runtime alone implements them. The runtime can then add
//! methods to them in any version.

/// A type that helper traits of the runtime are implemented for.
pub trait Sealed {}

impl Sealed for () {}
impl Sealed for bool {}
impl Sealed for u64 {}
impl Sealed for &str {}
impl Sealed for String {}
impl<T> Sealed for Option<T> {}
impl<T> Sealed for Vec<T> {}
impl<T, E> Sealed for Result<T, E> {}
