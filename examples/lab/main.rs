//! The lab: a small site (a certificate authority, a gateway, a file server, clients) that is described by a file and
//! brought up under a directory. `cargo run --bin lab -- up`

mod authority;
mod certificate;
mod commands;
mod host;
mod machines;
mod output;
mod site;
mod whole_file;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use setup_tasks::Result;

use crate::commands::Choice;
use crate::site::Site;

/// Brings a small site up, step by step, and again only where something changed
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Lab {
    /// The file that describes the site
    #[arg(long, global = true, default_value = "examples/lab/site.toml")]
    site: PathBuf,
    /// The directory that the site is brought up under
    #[arg(long, global = true, default_value = "lab-out")]
    out: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the site up: run what must run
    Up {
        /// Say what would run, and why, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        choice: Choice,
    },
    /// Say what would run, and why
    Plan {
        #[command(flatten)]
        choice: Choice,
    },
    /// Give the authority a new key, and every host a certificate of it
    Renew {
        #[command(flatten)]
        choice: Choice,
    },
    /// Say what another `lab up` is doing now, and who waits for whom
    Waiting {
        /// As JSON, an array with an element a process
        #[arg(long)]
        json: bool,
    },
    /// Say for each task of a host why it would run, or since when it is up to date
    Why {
        /// A host of the site, or `authority`
        host: String,
    },
    /// Forget the stamps and the cache of a host, so that all its tasks run again; keys and other state stay
    Clear {
        /// A host of the site, or `authority`
        host: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let lab = Lab::parse();
    run(&lab).await.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    })
}

async fn run(lab: &Lab) -> Result<ExitCode> {
    let layout = machines::layout(&Site::read(&lab.site)?, &lab.out)?;
    match &lab.command {
        Command::Up { dry_run: false, choice } if !layout.config().dry_run => commands::up(&layout, choice).await,
        Command::Up { choice, .. } | Command::Plan { choice } => commands::plan(&layout, choice).await,
        Command::Renew { choice } => commands::renew(&layout, choice).await,
        Command::Waiting { json } => commands::waiting(&layout, *json),
        Command::Why { host } => commands::why(&layout, host).await,
        Command::Clear { host } => commands::clear(&layout, host).await,
    }
}
