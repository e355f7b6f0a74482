use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", order 5, 7, dependencies_always retries = 1)]
    fn paint(&self) {}
}

fn main() {}
