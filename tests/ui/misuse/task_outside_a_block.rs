use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

impl Host {
    #[setup_task("Paint it")]
    fn paint(&self) {}
}

fn main() {}
