//! The binary of the tests of the web page. The file `site.txt` describes its layout, one object per line.
//!
//! | line | object |
//! |---|---|
//! | `server NAME WANTED` | a server that is built with the wanted text |
//! | `client NAME SERVER` | a client that mounts the share of a server |
//! | `odd NAME` | an object with any name, which writes its name to its log |
//! | `many COUNT` | this number of objects in ten groups, whose tasks take the time in the file `nap`, in milliseconds |

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};
use setup_tasks_web as _;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "servers/{name}", id = "{name}")]
struct Server {
    name: String,
    wanted: String,
}

#[setup_tasks]
impl Server {
    #[setup_task("Prepare the disk", inputs = ["site.txt"], subscribe = [])]
    fn prepare(&self, cx: &TaskContext) {
        cx.log("the disk is prepared");
    }

    #[setup_task("Build the share", subscribe = [], hash = wanted)]
    async fn build(&self, cx: &TaskContext) -> Result<()> {
        cx.log("building the share");
        wait(cx, "wait").await;
        anyhow::ensure!(!Path::new("fail").exists(), "no space is left\n<b>on</b> the disk");
        cx.log("the share is built");
        Ok(())
    }

    fn wanted(&self) -> String {
        self.wanted.clone()
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{name}", id = "{name}")]
struct Client {
    name: String,
    #[depends_on(Server::build)]
    server: Object<Server>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", outputs = ["mounted.txt"])]
    async fn mount(&self, cx: &TaskContext) -> Result<()> {
        wait(cx, "hold").await;
        std::fs::write("mounted.txt", "")?;
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "odd/{number}", id = "{name}")]
struct Odd {
    number: usize,
    name: String,
}

#[setup_tasks]
impl Odd {
    #[setup_task("Say <i>its</i> name")]
    fn say(&self, cx: &TaskContext) -> Result<()> {
        cx.log(&self.name);
        anyhow::bail!("{} </script><script>document.title = 'owned'</script>", self.name)
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "many/{number}", id = "host-{number:05}")]
struct Host {
    number: usize,
}

#[setup_tasks]
impl Host {
    #[setup_task("Fetch the image")]
    async fn fetch(&self) {
        nap().await;
    }

    #[setup_task("Install the packages")]
    async fn install(&self) {
        nap().await;
    }

    #[setup_task("Write the configuration")]
    async fn configure(&self) {
        nap().await;
    }

    #[setup_task("Start the service")]
    async fn start(&self) -> Result<()> {
        nap().await;
        anyhow::ensure!(self.number % 997 != 500 || !Path::new("fail").exists(), "the port is taken");
        Ok(())
    }
}

/// Waits while a file exists.
async fn wait(cx: &TaskContext, file: &str) {
    while Path::new(file).exists() {
        cx.log(format!("waiting for the end of {file}"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn nap() {
    let text = std::fs::read_to_string("nap").unwrap_or_default();
    if let Ok(time) = text.trim().parse() {
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}

fn build() -> Result<Layout> {
    let layout = Layout::new(Config::new(std::env::current_dir()?));
    let text = std::fs::read_to_string("site.txt").context("cannot read `site.txt`")?;
    for (number, line) in text.lines().enumerate() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (kind, rest.split_once(' ')) {
            ("server", Some((name, wanted))) => {
                layout.object_builder(Server { name: name.into(), wanted: wanted.into() }).group("storage").add()?;
            }
            ("client", Some((name, server))) => {
                let server = layout.get(server).and_then(|object| object.downcast());
                let server = server.with_context(|| format!("there is no server for `{name}`"))?;
                layout.object_builder(Client { name: name.into(), server }).group("desks").add()?;
            }
            ("odd", _) => drop(layout.add(Odd { number, name: rest.replace("\\n", "\n") })?),
            ("many", _) => {
                for number in 0..rest.parse()? {
                    layout.object_builder(Host { number }).group(format!("rack-{}", number % 10)).add()?;
                }
            }
            _ => anyhow::bail!("line {} of `site.txt` says `{line}`", number + 1),
        }
    }
    layout.add_source("site.txt");
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build)
}
