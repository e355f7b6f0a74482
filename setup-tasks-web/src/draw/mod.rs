//! Drawings as SVG within pages. Colors come from the style, by the class of a state.

pub(crate) mod bars;
pub(crate) mod graph;
pub(crate) mod timeline;
