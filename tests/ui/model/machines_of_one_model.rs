use setup_tasks::prelude::*;

struct Machine;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web {
    #[machine]
    first: Machine,
    #[machine]
    second: Machine,
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "mail")]
struct Mail {
    #[machine(first)]
    first: Machine,
}

fn main() {}
