//! The fleet: three Debian machines that the example makes for itself, and a site on them. A file describes all of it.
//! `cargo run --bin fleet -- up`
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "the keeper has no other place for its output")]

mod dashboard;
mod database;
mod host;
mod inventory;
mod keeper;
mod layout;
mod network;
mod proxy;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use setup_tasks::{Layout, Result};
use setup_tasks_cli::App;

use crate::inventory::Inventory;

#[derive(Args)]
struct Fleet {
    /// The file that describes the fleet
    #[arg(long, global = true, default_value = "examples/fleet/fleet.toml")]
    inventory: PathBuf,
    /// The directory for all files of the fleet
    #[arg(long, global = true, default_value = "fleet-out")]
    out: PathBuf,
    /// Write the files of the machines below the output directory, instead of starting machines
    #[arg(long, global = true)]
    files_only: bool,
}

fn main() -> ExitCode {
    if let Some(code) = keeper::main() {
        return code;
    }
    App::with_options(build)
        .about("Brings three machines up, with users, packages, a web server and a database")
        .version(env!("CARGO_PKG_VERSION"))
        .run()
}

fn build(fleet: &Fleet) -> Result<Layout> {
    let files_only = match keeper::unavailable() {
        Some(reason) if !fleet.files_only => {
            let files = fleet.out.join("files");
            eprintln!("no machines, because {reason}: only their files are written, below `{}`", files.display());
            true
        }
        _ => fleet.files_only,
    };
    let layout = layout::layout(&Inventory::read(&fleet.inventory)?, &fleet.out, files_only)?;
    layout.add_source(&fleet.inventory);
    Ok(layout)
}
