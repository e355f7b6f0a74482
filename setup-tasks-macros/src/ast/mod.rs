//! The items that have our attributes, in the terms of this crate.

mod attribute;
pub mod block;
pub mod method;
pub mod model;
pub mod task;
