use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it", hash = text, invalidator = holds)]
    fn paint(&self) {}
    fn text(&self) -> f32 {
        1.0
    }
    fn holds(&self) -> u8 {
        1
    }
    #[setup_task("Hang it", check_completed = done)]
    fn hang(&self) {}
    async fn done(&self) -> u8 {
        1
    }
}

fn main() {}
