//! How setup-tasks behaves, section by section of what it promises. Each test is a claim.

mod deciding;
mod declaring;
mod generated;
mod handles;
mod injecting;
mod mixins;
mod paths;
mod processes;
mod readiness;
mod relations;
mod running;
mod stamps;
mod support;
mod surroundings;
mod troubles;
