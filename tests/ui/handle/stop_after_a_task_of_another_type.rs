use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "other")]
struct Other;

#[setup_tasks]
impl Other {
    #[setup_task("Paint it")]
    fn paint(&self) {}
}

fn run(host: Object<Host>) {
    let _ = host.run_setup_tasks().stop_after(Other::PAINT);
}

fn main() {}
