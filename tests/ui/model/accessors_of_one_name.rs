use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[setup_tasks]
impl Server {
    #[setup_task("Serve")]
    fn serve(&self) {}
    #[setup_task("Serve again")]
    fn again(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on(Server::serve, accessor = one)]
    #[depends_on(Server::again, accessor = two)]
    first: Object<Server>,
    #[depends_on(Server::serve, accessor = one)]
    second: Object<Server>,
}

fn main() {}
