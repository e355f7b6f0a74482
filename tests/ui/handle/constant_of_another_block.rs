use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

impl Client {
    const MOUNT: &str = "/mnt";
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share")]
    fn mount(&self) {}
}

fn main() {}
