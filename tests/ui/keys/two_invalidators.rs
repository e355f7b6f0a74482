use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", invalidator = holds, slow_invalidator = holds)]
    fn paint(&self) {}
    fn holds(&self) -> bool {
        true
    }
}

fn main() {}
