use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", hash = options)]
    fn mount(&self, me: Object<Client>, server: Object<Server>) {}

    async fn options(&self, server: Option<Object<Server>>) -> String {
        String::new()
    }
}

fn main() {}
