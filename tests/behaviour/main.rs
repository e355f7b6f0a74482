//! How setup-tasks behaves, section by section of what it promises. Each test is a claim.

mod adding;
mod circles;
mod clocks;
mod customizing;
mod deciding;
mod declaring;
mod fleets;
mod generated;
mod handles;
mod injecting;
mod inspecting;
mod installing;
mod listening;
mod mixins;
mod paths;
mod processes;
mod readiness;
mod relations;
mod running;
mod stamps;
mod support;
mod surroundings;
mod templates;
mod together;
mod troubles;
mod waiting;
