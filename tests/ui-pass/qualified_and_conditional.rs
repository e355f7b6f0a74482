//! Attributes by path, tasks with `cfg`, keys that name such tasks, several modules, lifetimes, and
//! a future without `async fn`.

mod model {
    #[derive(setup_tasks::SetupTasks)]
    #[setup_tasks(subdir = "host")]
    pub struct Host;
}

mod tasks {
    use setup_tasks::prelude::*;
    use std::future::Future;

    #[setup_tasks::setup_tasks]
    impl crate::model::Host {
        #[setup_tasks::setup_task("Paint it", before = absent)]
        fn paint<'a>(self: &'a Self, cx: &'a TaskContext) {
            let _ = cx;
        }

        #[cfg(any())]
        #[setup_task("Not there")]
        fn absent(&self) -> NoSuchType {}

        #[cfg(not(any()))]
        #[setup_task("There")]
        fn either(&self) {}

        #[cfg(any())]
        #[setup_task("There")]
        fn either(&self) {}

        #[setup_task("By hand")]
        fn future(&self) -> impl Future<Output = Result<()>> + Send + use<> {
            std::future::ready(Ok(()))
        }
    }
}

fn main() {
    use setup_tasks::SetupTasks;
    let names: Vec<_> = model::Host::setup_tasks().iter().map(|task| task.name()).collect();
    assert_eq!(names, ["paint", "either", "future"]);
}
