use setup_tasks::prelude::*;

#[setup_tasks]
trait Furniture {
    #[setup_task("Paint it", formerly = "varnish")]
    fn paint(&self) {}
}
impl Furniture for Chair {}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "chair", mixins(Furniture))]
struct Chair;

#[setup_tasks]
impl Chair {
    #[setup_task("Paint it red")]
    fn paint(&self) {}
    #[setup_task("Varnish it")]
    fn varnish(&self) {}
}

fn main() {}
