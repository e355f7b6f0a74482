use setup_tasks::prelude::*;

#[derive(SetupTasks)]
struct Host {
    name: String,
}

fn main() {}
