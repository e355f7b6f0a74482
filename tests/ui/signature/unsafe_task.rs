use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it")]
    unsafe fn paint(&self) {}
    #[setup_task("Hang it")]
    extern "C" fn hang(&self) {}
}

fn main() {}
