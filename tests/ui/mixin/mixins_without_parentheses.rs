use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins = Machine)]
struct Host;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins(Machine(omit(power))))]
struct Other;

fn main() {}
