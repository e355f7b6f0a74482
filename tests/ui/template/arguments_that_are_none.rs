use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks_templates::{TemplateTask, template};

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "host")]
struct Host {
    name: String,
}

#[setup_tasks]
impl Host {
    #[setup_task]
    const MOTD: TemplateTask = TemplateTask::new(template!("motd.tera", lease));
}

fn main() {}
