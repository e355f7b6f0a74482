//! Tasks that several types share, and how a type changes them. `cargo run --bin mixins`
#![expect(clippy::print_stdout, reason = "an example talks")]

use setup_tasks::Layout;
use setup_tasks::prelude::*;

/// What every machine with Debian has.
#[setup_tasks]
trait Debian {
    fn packages(&self) -> Vec<&str>;

    #[setup_task("Refresh the lists of packages")]
    async fn refresh(&self) {
        println!("  refreshing");
    }

    #[setup_task("Install the packages")]
    async fn install(&self) {
        println!("  installing {}", self.packages().join(", "));
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web", mixins(Debian))]
struct Web;

impl Debian for Web {
    fn packages(&self) -> Vec<&str> {
        vec!["nginx-light", "curl"]
    }
}

#[setup_tasks]
impl Web {
    #[setup_task("Choose a mirror", before = Debian::refresh)]
    fn mirror(&self) {
        println!("  choosing a mirror");
    }

    #[setup_task("Start the server")]
    fn start(&self) {
        println!("  starting nginx");
    }
}

/// Comes with its packages: it needs no lists, and does something else to install them.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "appliance", mixins(Debian(skip(refresh))))]
struct Appliance;

impl Debian for Appliance {
    fn packages(&self) -> Vec<&str> {
        vec!["firmware"]
    }

    async fn install(&self) {
        println!("  unpacking {}", self.packages().join(", "));
    }
}

#[setup_tasks]
impl Appliance {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let layout = Layout::in_memory()?;
    println!("web:");
    layout.add(Web)?.run_setup_tasks().await?;
    println!("appliance:");
    layout.add(Appliance)?.run_setup_tasks().await?;
    Ok(())
}
