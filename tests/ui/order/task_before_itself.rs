use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", before = mount)]
    fn mount(&self) {}
}

fn main() {}
