use setup_tasks::prelude::*;
use setup_tasks_templates::InstallTemplates;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task]
    const INSTALL: InstallTemplates<Host, Host> = InstallTemplates::own();
}

fn main() {}
