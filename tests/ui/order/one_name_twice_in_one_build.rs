use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    #[cfg(not(any()))]
    #[setup_task("Mount the share")]
    fn mount(&self) {}

    #[cfg(not(windows))]
    #[setup_task("Mount it")]
    const MOUNT: u8 = 1;
}

fn main() {}
