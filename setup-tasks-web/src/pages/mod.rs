//! The pages as HTML. `maud` escapes every value.

pub(crate) mod action;
pub(crate) mod fragment;
mod frame;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod object;
pub(crate) mod overview;
mod parts;
pub(crate) mod plan;
mod problem;
pub(crate) mod refusal;
pub(crate) mod task;

use frame::{Tab, frame};
pub(crate) use parts::{end as end_of, took as took_of};
pub(crate) use problem::Problem;
