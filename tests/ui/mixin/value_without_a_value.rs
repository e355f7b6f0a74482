use setup_tasks::prelude::*;

#[setup_tasks]
trait Machine {
    #[setup_task("Say it")]
    const SAY: u8;
}

fn main() {}
