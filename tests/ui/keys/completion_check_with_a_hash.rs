use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", check_completed = done, hash = text)]
    fn paint(&self) {}
    fn done(&self) -> bool {
        true
    }
    fn text(&self) -> String {
        String::new()
    }
}

fn main() {}
