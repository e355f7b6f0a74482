use setup_tasks::prelude::*;

#[setup_tasks]
trait Machine {
    #[setup_task("Power on")]
    fn power(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins(Machine))]
struct Host;

fn main() {}
