use std::error::Error;

use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client;

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", hash = options)]
    async fn mount(&self) -> Result<(), Box<dyn Error>> {
        Ok(())
    }

    #[setup_task("Show it", invalidator = is_shown)]
    fn show(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }

    fn options(&self) -> Result<String, String> {
        Ok(String::new())
    }

    fn is_shown(&self) -> Result<bool, &'static str> {
        Ok(true)
    }
}

fn main() {}
