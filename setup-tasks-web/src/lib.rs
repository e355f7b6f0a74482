//! A web page for a layout of [setup-tasks](setup_tasks). A program that is linked with this crate has the command `serve`:
//!
//! ```
//! use setup_tasks_web as _; // adds the command `serve`
//! ```
//!
//! `serve` prints a link. The page shows every object with its state and reason, the dependencies between objects, the plan, the
//! history and the logs. It follows runs of every process on this machine as they happen. It changes nothing unless it was started
//! with `--allow-changes`.
//!
//! All assets are part of the program, and the page loads nothing from elsewhere. It also works without JavaScript, and then does
//! not follow changes.
//!
//! | file | content |
//! |---|---|
//! | `gate.rs` | the checks of every request: host, token, origin, and the headers of every response |
//! | `site.rs` | the state that all requests share |
//! | `refresh.rs` | the comparison of the store with the last view, and the updates for open pages |
//! | `updates.rs` | the queue of updates |
//! | `routes.rs` | the addresses |
//! | `pages/`, `draw/` | HTML and SVG |

#![warn(missing_docs, missing_debug_implementations)]

mod args;
mod assets;
mod built;
mod card;
mod draw;
mod gate;
mod link;
mod pages;
mod peek;
mod plan;
mod progress;
mod recent;
mod refresh;
mod routes;
mod run;
mod serve;
mod site;
mod state;
mod updates;
mod view;

setup_tasks_cli::linked_command!(setup_tasks_cli::linked::LinkedCommand::new(
    "serve",
    args::describe,
    |layouts, matches| Box::pin(serve::serve(layouts, matches.clone()))
));
