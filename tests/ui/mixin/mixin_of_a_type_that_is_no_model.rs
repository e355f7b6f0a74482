use setup_tasks::prelude::*;

#[setup_tasks]
trait Machine {
    #[setup_task("Power on")]
    fn power(&self) {}
}

struct Host;
impl Machine for Host {}

fn main() {}
