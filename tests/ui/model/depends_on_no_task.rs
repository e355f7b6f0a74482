use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    #[depends_on(update_files)]
    host: u8,
    #[depends_on]
    other: u8,
}

fn main() {}
