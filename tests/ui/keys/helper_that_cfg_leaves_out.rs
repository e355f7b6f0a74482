use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", hash = options)]
    fn mount(&self) {}

    #[cfg(any())]
    fn options(&self) -> String {
        String::new()
    }
}

fn main() {
    let _ = Client.mount();
}
