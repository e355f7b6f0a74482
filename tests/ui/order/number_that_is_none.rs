use setup_tasks::prelude::*;

const WIDE: usize = 7;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    place: i64,
}

#[setup_tasks]
impl Client {
    #[setup_task("One", order = self.place)]
    fn one(&self) {}

    #[setup_task("Two", order = 1.5)]
    fn two(&self) {}

    #[setup_task("Three", order = "first")]
    fn three(&self) {}

    #[setup_task("Four", order = 100000000000000000000)]
    fn four(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "other")]
struct Other;

#[setup_tasks]
impl Other {
    #[setup_task("One", order = WIDE)]
    fn one(&self) {}
}

fn main() {}
