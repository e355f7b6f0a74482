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
#[setup_tasks(subdir = "client", mixins(Guest))]
struct Client {
    server: Object<Server>,
}

#[setup_tasks]
trait Guest {
    #[depends_on(Server::publsh)]
    fn host(&self) -> Object<Server>;
}

#[setup_tasks]
impl Client {}

impl Guest for Client {
    fn host(&self) -> Object<Server> {
        self.server.clone()
    }
}

fn main() {}
