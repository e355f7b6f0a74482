use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("a", before = b)]
    fn a(&self) {}
    #[setup_task("b", before = c)]
    fn b(&self) {}
    #[setup_task("c", before = a)]
    fn c(&self) {}
    #[setup_task("d", after = d)]
    fn d(&self) {}
}

fn main() {}
