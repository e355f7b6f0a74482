//! The program of the tests: a site whose tasks run commands, fail, and handle a secret.

use std::process::ExitCode;

use setup_tasks::{Config, Layout, Secret, prelude::*};

/// The secret of every host.
const PASSWORD: &str = "correct \"horse\" battery";

#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{name}")]
struct Host {
    name: String,
    password: Secret<String>,
}

#[setup_tasks]
impl Host {
    #[setup_task("Fetch the packages", undo = remove)]
    async fn fetch(&self, cx: &TaskContext) -> Result<()> {
        cx.command("sh").args(["-c", "exit 0"]).run().await?;
        Ok(())
    }

    fn remove(&self) {}

    /// Fails in its first attempt.
    #[setup_task("Mount the disk", retries = 1)]
    async fn mount(&self, cx: &TaskContext) -> Result<()> {
        let span = tracing::info_span!("a span of the user", password = self.password.expose());
        span.in_scope(|| tracing::info!("the password is {}", self.password.expose()));
        if cx.attempt() == 1 {
            anyhow::bail!("the disk is busy");
        }
        Ok(())
    }

    #[setup_task("Look around")]
    fn look(&self) -> Outcome {
        Outcome::Unchanged
    }

    #[setup_task("Set the password", invalidator = is_set)]
    async fn set_password(&self, cx: &TaskContext) -> Result<()> {
        cx.command("echo").arg(self.password.expose()).run().await?;
        if std::env::var_os("OBSERVED_FAILS").is_some_and(|name| *name == *self.name) {
            anyhow::bail!("{} refused {}", self.name, self.password.expose());
        }
        Ok(())
    }

    fn is_set(&self) -> bool {
        true
    }
}

fn build_layout() -> Result<Layout> {
    let layout = Layout::new(Config::builder().environment("OBSERVED_CONFIG").load()?);
    let names = std::env::var("OBSERVED_HOSTS").unwrap_or_else(|_| "ada grace".to_owned());
    for name in names.split(' ') {
        layout.add(Host { name: name.to_owned(), password: Secret::new(PASSWORD.to_owned()) })?;
    }
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build_layout)
}
