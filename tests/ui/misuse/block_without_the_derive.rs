use setup_tasks::prelude::*;

struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Paint it")]
    fn paint(&self) {}
}

fn main() {}
