use setup_tasks::prelude::*;

#[setup_tasks]
trait Base {
    #[setup_task("Do it")]
    fn work(&self) {}
}

#[setup_tasks(mixins(Base))]
trait Machine: Base {
    #[setup_task("Do more")]
    fn more(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host", mixins(Machine))]
struct Host;

impl Base for Host {}
impl Machine for Host {}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "other")]
struct Other;

impl Base for Other {}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "generic/{0}", mixins(Base))]
struct Generic<T: std::fmt::Display>(T);

#[setup_tasks]
impl<T: std::fmt::Display + Send + Sync + 'static> Generic<T> {}

impl<T: std::fmt::Display + Send + Sync + 'static> Base for Generic<T> {}
impl<T: std::fmt::Display + Send + Sync + 'static> Machine for Generic<T> {}

fn main() {}
