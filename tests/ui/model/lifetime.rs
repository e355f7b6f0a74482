use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host<'a> {
    name: &'a str,
}

fn main() {}
