//! A template as a task. It is checked at compile time, and rendered again if a value that it shows changes.
//! `cargo run --bin templates`
#![expect(clippy::print_stdout, reason = "an example prints")]

use serde::Serialize;
use setup_tasks::Layout;
use setup_tasks::prelude::*;
use setup_tasks_templates::{TemplateTask, template};

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "sites/{name}", id = "{name}")]
struct Site {
    name: String,
    paths: Vec<String>,
}

#[setup_tasks]
impl Site {
    #[setup_task]
    const CONFIGURATION: TemplateTask = TemplateTask::new(template!("site.conf.tera", root = "/srv/www"));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let layout = Layout::in_memory()?;
    let site = layout.add(Site { name: "example.org".into(), paths: vec!["/".into(), "/docs".into()] })?;

    let plan = site.run_setup_tasks().diff().await?;
    for task in plan.would_run() {
        println!("{} would change:", task.description);
        task.changes.iter().for_each(|change| print!("{}", change.unified()));
    }
    site.run_setup_tasks().await?;
    println!("then: {} tasks would run", site.as_any().plan().await?.would_run().count());
    Ok(())
}
