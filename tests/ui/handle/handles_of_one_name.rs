#![allow(non_snake_case)]

use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    #[setup_task("Pave the road")]
    fn straße(&self) {}

    #[setup_task("Pave it again")]
    fn strasse(&self) {}

    #[setup_task("Mount the share")]
    fn mount(&self) {}

    fn MOUNT(&self) {}
}

fn main() {
    Client.straße();
}
