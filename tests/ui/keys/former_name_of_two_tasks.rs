use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", formerly = "varnish")]
    fn paint(&self) {}
    #[setup_task("Polish it", formerly = ["wax", "varnish"])]
    fn polish(&self) {}
}

fn main() {}
