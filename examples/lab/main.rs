//! The lab: a small site with a certificate authority, a gateway, a file server and clients. A file
//! describes the site, and the program sets it up under a directory. `cargo run --bin lab -- up`

mod host;
mod machines;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use lab_authority::{Authority, authority};
use setup_tasks::{Layout, Result};
use setup_tasks_cli::{App, Session};
use setup_tasks_web as _; // adds the command `serve`

use crate::site::Site;

#[derive(Args)]
struct Lab {
    /// The file that describes the site
    #[arg(long, global = true, default_value = "examples/lab/site.toml")]
    site: PathBuf,
    /// The directory under which the site is set up
    #[arg(long, global = true, default_value = "lab-out")]
    out: PathBuf,
}

fn main() -> ExitCode {
    App::with_options(build)
        .about("Brings a small site up, step by step, and again only where something changed")
        .version(env!("CARGO_PKG_VERSION"))
        .command("renew", "Give the authority a new key, and every host a certificate of it", renew)
        .run()
}

fn build(lab: &Lab) -> Result<Layout> {
    let layout = machines::layout(&Site::read(&lab.site)?, &lab.out)?;
    layout.add_source(&lab.site);
    Ok(layout)
}

/// Replaces the authority's key. The old key is kept beside the new one.
async fn renew(session: Session<Lab>) -> Result<ExitCode> {
    let key = session.layout().get("authority").and_then(|object| object.downcast::<Authority>());
    authority::retire_key(&key.context("the site has no authority")?)?;
    session.up().await
}
