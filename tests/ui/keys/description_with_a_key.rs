use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    /// Mount the share
    #[setup_task(description = "Mount the share")]
    fn mount(&self) {}
}

fn main() {
    Client.mount();
}
