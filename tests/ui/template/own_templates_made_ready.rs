use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks_templates::{FilesystemAccess, InstallTemplates, RootedDirectory};

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "host")]
struct Host {
    name: String,
}

#[setup_tasks]
impl Host {
    #[setup_task]
    const INSTALL: InstallTemplates<Host, Host> = InstallTemplates::own().relationship_ready(true);
}

impl FilesystemAccess for Host {
    type Filesystem = RootedDirectory;

    async fn filesystem(&self, _cx: &TaskContext) -> Result<RootedDirectory> {
        Ok(RootedDirectory::new("root"))
    }
}

fn main() {}
