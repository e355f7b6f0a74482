//! One object with two tasks, and the reasons why they run. `cargo run --bin first-steps`

use setup_tasks::Layout;
use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{name}")]
struct Host {
    name: String,
    motd: String,
}

#[setup_tasks]
impl Host {
    #[setup_task("Write the message of the day", hash = message)]
    async fn write_motd(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.stamp_path()?.join("motd"), &self.motd)?;
        Ok(())
    }

    #[setup_task("Count its words")]
    fn count_words(&self, cx: &TaskContext, reason: Reason) -> Result<()> {
        let text = std::fs::read_to_string(cx.stamp_path()?.join("motd"))?;
        say(&format!("  {} words, counted because: {reason}", text.split_whitespace().count()));
        Ok(())
    }

    fn message(&self) -> &str {
        &self.motd
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let layout = Layout::in_memory()?;
    for (name, motd) in [("gateway", "Welcome to the lab"), ("files", "Mind the share")] {
        let host = layout.add(Host { name: name.into(), motd: motd.into() })?;
        say(&format!("{}, for the first time:", host.as_any().id()));
        host.run_setup_tasks().await?;

        let report = host.run_setup_tasks().await?;
        say(&format!("{}, again: {} tasks ran", host.as_any().id(), report.ran().count()));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example prints")]
fn say(line: &str) {
    println!("{line}");
}
