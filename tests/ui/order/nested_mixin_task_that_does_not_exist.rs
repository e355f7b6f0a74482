use setup_tasks::prelude::*;

#[setup_tasks]
trait Base {
    #[setup_task("Power on")]
    fn power(&self) {}
}

#[setup_tasks(mixins(Base))]
trait Machine: Base {
    #[setup_task("Boot", after = Base::powr)]
    fn boot(&self) {}
}

fn main() {}
