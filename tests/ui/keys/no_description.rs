use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task]
    fn paint(&self) {}
    #[setup_task(order = 5)]
    fn hang(&self) {}
}

fn main() {}
