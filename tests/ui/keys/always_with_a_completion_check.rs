use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", always, check_completed = is_painted)]
    fn paint(&self) {}

    fn is_painted(&self) -> bool {
        true
    }
}

fn main() {}
