use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[setup_tasks]
impl Server {
    #[setup_task("Publish")]
    fn publish(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on(Server::publish)]
    server: Object<Server>,
}

impl Client {
    fn server(&self) -> &str {
        "server"
    }
}

fn main() {}
