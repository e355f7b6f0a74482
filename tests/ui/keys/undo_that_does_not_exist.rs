use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Mount it", undo = unmout)]
    fn mount(&self) {}
    fn unmount(&self) {}
}

#[setup_tasks]
trait Mounted {
    #[setup_task("Mount it", undo = unmount)]
    fn mount_it(&self) {}
}

fn main() {}
