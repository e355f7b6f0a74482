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
    #[depends_on(Server::publish, before = mont, accessor = x)]
    fn server(&self) -> Object<Server> {
        self.server.clone()
    }

    #[setup_task("Mount")]
    fn mount(&self) {}
}

fn main() {}
