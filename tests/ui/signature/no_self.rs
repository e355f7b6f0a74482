use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it")]
    fn paint() {}
    #[setup_task("Hang it", hash = text)]
    fn hang(&self) {}
    fn text() -> String {
        String::new()
    }
}

fn main() {}
