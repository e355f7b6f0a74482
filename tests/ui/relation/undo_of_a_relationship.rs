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
    #[depends_on(Server::publish, undo = leave)]
    server: Object<Server>,
}

#[setup_tasks]
impl Client {
    #[depends_on(Server::publish, undo = leave)]
    fn other(&self) -> Object<Server> {
        self.server.clone()
    }
    fn leave(&self) {}
}

fn main() {}
