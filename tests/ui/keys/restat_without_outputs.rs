use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", restat)]
    fn paint(&self) {}
}

fn main() {}
