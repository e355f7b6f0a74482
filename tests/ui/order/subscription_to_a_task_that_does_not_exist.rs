use setup_tasks::prelude::*;

#[setup_tasks]
trait Wooden {
    #[setup_task("Saw it")]
    fn saw(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door", mixins(Wooden))]
struct Door;

impl Wooden for Door {}

#[setup_tasks]
impl Door {
    #[setup_task("Prime it")]
    fn prime(&self) {}

    #[setup_task("Paint it", subscribe = [prmie])]
    fn paint(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "gate", mixins(Wooden))]
struct Gate;

impl Wooden for Gate {}

#[setup_tasks]
impl Gate {
    #[setup_task("Paint it", subscribe = [Wooden::sew])]
    fn paint(&self) {}
}

fn main() {}
