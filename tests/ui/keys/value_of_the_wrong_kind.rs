use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", order = "first", retries = -1, timeout = "soon", tags = 5, check_source = maybe)]
    fn paint(&self) {}
}

fn main() {}
