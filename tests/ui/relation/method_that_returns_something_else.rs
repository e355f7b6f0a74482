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
    server: Object<Server>,
}

#[setup_tasks]
impl Client {
    #[depends_on(Server::publish)]
    fn server(&self) -> &Object<Server> {
        &self.server
    }

    #[depends_on(Server::publish)]
    async fn name(&self) -> String {
        "server".into()
    }
}

fn main() {}
