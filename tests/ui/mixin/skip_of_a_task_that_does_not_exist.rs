use setup_tasks::prelude::*;

#[setup_tasks]
trait Machine {
    #[setup_task("Power on")]
    fn power(&self) {}
}
impl Machine for Host {}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins(Machine(skip(powr))))]
struct Host;

fn main() {}
