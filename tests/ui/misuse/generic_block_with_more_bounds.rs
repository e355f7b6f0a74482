use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host<T> {
    value: T,
}

#[setup_tasks]
impl<T: std::fmt::Debug + Send + Sync + 'static> Host<T> {
    #[setup_task("Show it")]
    fn show(&self) {}
}

fn main() {}
