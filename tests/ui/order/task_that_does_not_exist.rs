use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", before = hnag)]
    fn paint(&self) {}
    #[setup_task("Hang it", after = [paint, something_else])]
    fn hang(&self) {}
}

fn main() {}
