use setup_tasks::Customization;
use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host;

#[setup_tasks]
impl Host {
    #[setup_task("Make it a web server", undo = remove_web)]
    const WEB: Customization<Host, Web> = Customization::new(|_| Web);
    fn remove_web(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web;

#[setup_tasks]
impl Web {}

fn main() {}
