use setup_tasks::prelude::*;

struct Host;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on(Host::update_files)]
    host: Object<Host>,
}

fn main() {}
