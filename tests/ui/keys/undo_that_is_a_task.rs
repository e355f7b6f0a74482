use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Mount it", undo = unmount)]
    fn mount(&self) {}
    #[setup_task("Unmount it", undo = unmount)]
    fn unmount(&self) {}
}

fn main() {}
