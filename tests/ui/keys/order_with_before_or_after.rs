use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it")]
    fn paint(&self) {}
    #[setup_task("Hang it", order = 1, before = paint)]
    fn hang(&self) {}
    #[setup_task("Use it", after = paint, order = 1)]
    fn utilize(&self) {}
}

fn main() {}
