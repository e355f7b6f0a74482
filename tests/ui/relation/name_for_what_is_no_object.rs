use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on("publish")]
    server: u8,
    #[depends_on("")]
    other: Object<Server>,
}

fn main() {}
