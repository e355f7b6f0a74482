use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it")]
    fn paint<T>(&self, _: T) {}
    #[setup_task("Hang it")]
    fn hang(&self, _: impl Send) {}
}

fn main() {}
