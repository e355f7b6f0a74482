use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins(Machine))]
struct Host;

#[setup_tasks]
trait Machine {
    #[setup_task("Power on")]
    fn power(&self) {}
}
impl Machine for Host {}

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", before = Self::power)]
    fn paint(&self) {}
    #[setup_task("Power on", before = paint)]
    fn power(&self) {}
}

fn main() {}
