use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "")]
struct Empty;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "./")]
struct Here;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "/var/lib/{name}")]
struct Absolute {
    name: String,
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/../{name}")]
struct Above {
    name: String,
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients\0")]
struct Nul;

#[derive(SetupTasks)]
#[setup_tasks(subdir = ".setup-tasks/{0}")]
struct Ours(String);

fn main() {
    let _ = (Empty.stamp_subdir(), Here.stamp_subdir(), Nul.stamp_subdir());
}
