use setup_tasks::prelude::*;

#[derive(SetupTasks, Clone)]
#[setup_tasks(subdir = "host", mixins(Clone))]
struct Host;

fn main() {}
