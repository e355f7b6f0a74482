use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{nmae}", id = "{address}")]
struct Host {
    name: String,
}

fn main() {}
