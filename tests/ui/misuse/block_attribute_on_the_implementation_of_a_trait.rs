use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Clone for Host {
    fn clone(&self) -> Self {
        Host
    }
}

fn main() {}
