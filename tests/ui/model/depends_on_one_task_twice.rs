use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[setup_tasks]
impl Server {
    #[setup_task("Serve")]
    fn serve(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on(Server::serve)]
    #[depends_on(Server::serve, ready)]
    server: Object<Server>,
}

fn main() {}
