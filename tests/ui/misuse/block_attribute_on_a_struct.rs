use setup_tasks::prelude::*;

#[setup_tasks]
#[derive(SetupTasks)]
struct Host;

fn main() {}
