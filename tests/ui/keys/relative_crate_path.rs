use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks(crate = elsewhere::setup_tasks)]
impl Host {
}

fn main() {}
