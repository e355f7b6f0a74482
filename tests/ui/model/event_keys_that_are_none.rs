use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client", event_keys = keys)]
struct Client;

impl Client {
    fn keys(&self) -> Vec<String> {
        Vec::new()
    }
}

fn main() {}
