use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", subscribe = [hang])]
    fn paint(&self) {}

    #[setup_task("Hang it")]
    fn hang(&self) {}
}

fn main() {}
