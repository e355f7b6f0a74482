//! Objects that depend on each other's tasks. A change of one object runs the tasks that depend on
//! it, and no others. `cargo run --bin dependencies`
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::sync::{Arc, Mutex};

use setup_tasks::Layout;
use setup_tasks::prelude::*;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct FileServer {
    name: String,
    share: Arc<Mutex<String>>,
}

#[setup_tasks]
impl FileServer {
    #[setup_task("Publish the share", hash = share)]
    fn publish(&self) {}

    fn share(&self) -> String {
        self.share.lock().map(|share| share.clone()).unwrap_or_default()
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Client {
    name: String,
    #[depends_on(FileServer::publish)]
    server: Object<FileServer>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share")]
    fn mount(&self) {}
}

#[tokio::main]
async fn main() -> Result<()> {
    let layout = Layout::in_memory()?;
    let shares = [Arc::new(Mutex::new("/srv/a".to_owned())), Arc::new(Mutex::new("/srv/b".to_owned()))];
    for (name, share) in ["north", "south"].into_iter().zip(&shares) {
        let server = layout.add(FileServer { name: name.into(), share: share.clone() })?;
        layout.add(Client { name: format!("{name}-client"), server })?;
    }
    println!("first:  {}", layout.run().await?.summary());
    println!("second: {}", layout.run().await?.summary());

    if let Ok(mut share) = shares[1].lock() {
        *share = String::from("/srv/c");
    }
    println!("the share of south has moved:\n{}", layout.run().await?);
    Ok(())
}
