use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", timeout = "5m", retries = 2)]
    fn paint(&self) {}

    #[setup_task("Dry it", timeout = "5m")]
    async fn dry(&self) {}
}

#[setup_tasks]
trait Hung {
    #[setup_task("Hang it", timeout = "1h")]
    fn hang(&self) -> Result<()>;

    #[setup_task("Oil it", timeout = "1h")]
    fn oil(&self) -> impl Future<Output = ()> + Send;
}

fn main() {}
