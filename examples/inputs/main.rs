//! A task that reads files and writes one. It runs again if the content of an input changes, or if
//! the output is missing. `cargo run --bin inputs`
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::fs;

use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "book")]
struct Book;

#[setup_tasks]
impl Book {
    #[setup_task("Bind the chapters", inputs = ["chapters/*.txt"], outputs = ["book.txt"])]
    fn bind(&self, cx: &TaskContext, reason: Reason) -> Result<()> {
        println!("  binding, because: {reason}");
        let base = &cx.layout().config().base_dir;
        let mut chapters = fs::read_dir(base.join("chapters"))?.collect::<Result<Vec<_>, _>>()?;
        chapters.sort_by_key(fs::DirEntry::path);
        let texts = chapters.iter().map(|chapter| fs::read_to_string(chapter.path())).collect::<Result<Vec<_>, _>>()?;
        fs::write(base.join("book.txt"), texts.concat())?;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("chapters"))?;
    fs::write(path("chapters/1.txt"), "It was a dark night.\n")?;
    let layout = Layout::new(Config::new(directory.path()));
    let book = layout.add(Book)?;

    println!("the first time:");
    book.run_setup_tasks().await?;
    println!("touched, with the same content:");
    fs::write(path("chapters/1.txt"), "It was a dark night.\n")?;
    book.run_setup_tasks().await?;
    println!("a new chapter:");
    fs::write(path("chapters/2.txt"), "Then it was day.\n")?;
    book.run_setup_tasks().await?;
    println!("the book was lost:");
    fs::remove_file(path("book.txt"))?;
    book.run_setup_tasks().await?;
    print!("it reads:\n{}", fs::read_to_string(path("book.txt"))?);
    Ok(())
}
