//! Tasks that several types share, and a type that changes them. `cargo run --bin mixins`
#![expect(clippy::print_stdout, reason = "an example prints")]

use setup_tasks::Layout;
use setup_tasks::prelude::*;

/// The tasks of every machine with Debian.
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

/// A machine that is delivered with its packages. It needs no package lists, and installs the
/// packages in another way.
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
