use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[setup_tasks]
impl Server {
    #[setup_task("Serve")]
    fn serve(&self) {}
    #[setup_task("Serve twice")]
    fn b_serve(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on(Server::b_serve)]
    a: Object<Server>,
    #[depends_on(Server::serve)]
    a_b: Object<Server>,
}

fn main() {}
