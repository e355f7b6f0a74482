use setup_tasks::prelude::*;

#[setup_tasks(mixins(Base))]
trait Base {
    #[setup_task("Do it")]
    fn work(&self) {}
}

#[setup_tasks(mixins(Base, Base))]
trait Machine: Base {}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins(Machine, Machine(skip(work))))]
struct Host;

impl Base for Host {}
impl Machine for Host {}

fn main() {
    Host.work();
}
