use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", hash = colr, invalidator = nothing_like_it)]
    fn paint(&self) {}
    fn color(&self) -> u64 {
        1
    }
}

fn main() {}
