use setup_tasks::prelude::*;

#[setup_tasks]
trait Machine {
    #[setup_task("No task")]
    type Kind;
}

fn main() {}
