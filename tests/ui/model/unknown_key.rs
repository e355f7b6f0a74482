use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdri = "host")]
struct Host;

fn main() {}
