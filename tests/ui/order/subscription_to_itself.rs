use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", subscribe = paint)]
    fn paint(&self) {}
}

fn main() {}
