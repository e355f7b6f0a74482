use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Mount it", undo = unmount)]
    fn mount(&self) {}
    fn unmount(&self) -> bool {
        true
    }

    #[setup_task("Install it", undo = remove)]
    fn install(&self) {}
    async fn remove(&self, cx: &TaskContext) -> Result<Outcome> {
        cx.log("removed");
        Ok(Outcome::Done)
    }

    #[setup_task("Start it", undo = stop)]
    fn start(&self) {}
    fn stop(&mut self) {}
}

fn main() {}
