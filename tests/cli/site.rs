//! The binary of the tests of the command line. It has a file server, its clients, and other
//! objects whose tasks follow files in the working directory.

mod appliance;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Deferred, InjectionKey, Layout, Secret};
use setup_tasks_cli::{App, NoOptions, Session};
use setup_tasks_templates::{TemplateTask, template};

/// The key of a value that no injector provides.
const NOBODY: InjectionKey<Object<FileServer>> = InjectionKey::named("nobody");

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "files/{name}", id = "files/{name}")]
struct FileServer {
    name: String,
    words: Vec<String>,
}

#[setup_tasks]
impl FileServer {
    /// Render the words
    #[setup_task]
    const WORDS: TemplateTask = TemplateTask::new(template!("words.tera"));

    #[setup_task("Update the files", inputs = ["wanted.txt", "more/*.txt"], tags = ["files"])]
    async fn update_files(&self, cx: &TaskContext) -> Result<()> {
        cx.log("counting what is wanted");
        cx.command("wc").arg("-l").arg("wanted.txt").run().await?;
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{name}", id = "{name}")]
struct Client {
    name: String,
    #[depends_on(FileServer::update_files)]
    server: Object<FileServer>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", hash = options, undo = unmount)]
    fn mount(&self) {}

    fn unmount(&self) {}

    fn options(&self, cx: &TaskContext) -> String {
        std::fs::read_to_string(cx.layout().config().base_dir.join("options")).unwrap_or_else(|_| "ro".to_owned())
    }

    #[setup_task("Look around", check_completed = looked, tags = ["look"])]
    fn look(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.state_path()?.join("looked"), "")?;
        Ok(())
    }

    fn looked(&self, cx: &TaskContext) -> Result<bool> {
        if std::fs::exists("dark")? {
            return Err(std::io::Error::other("it is dark").into());
        }
        Ok(cx.state_path()?.join("looked").exists())
    }
}

/// A model whose task fails if a file `fail` exists, and waits for a file `go` if a file `wait` exists.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "moody")]
struct Moody;

#[setup_tasks]
impl Moody {
    #[setup_task("Wait for a sign")]
    async fn wait(&self, cx: &TaskContext) -> Result<()> {
        if std::fs::exists("wait")? {
            let script = "echo $$ > waiting.new; mv waiting.new waiting; while [ ! -e go ]; do sleep 0.01; done";
            cx.command("sh").args(["-c", script]).label("wait for the file go").run().await?;
        }
        Ok(())
    }

    #[setup_task("Do what may fail", undo = take_back)]
    async fn act(&self, cx: &TaskContext) -> Result<()> {
        tracing::info!(answer = 42, "thinking");
        assert!(!std::fs::exists("panic")?, "the act panics");
        cx.command("sh").args(["-c", "echo one >&2; echo two >&2; test ! -e fail"]).run().await?;
        Ok(())
    }

    async fn take_back(&self, cx: &TaskContext) -> Result<()> {
        cx.command("sh").args(["-c", "echo taking it back; test ! -e busy"]).run().await?;
        Ok(())
    }

    #[setup_task("Block the thread")]
    fn block(&self) {
        while std::path::Path::new("block").exists() {
            std::fs::write("blocking", "").ok();
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[setup_task("Rest")]
    async fn rest(&self) {
        if std::path::Path::new("slow").exists() {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    }
}

/// An object with any id, from a line of the file `odd.txt`.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "odd/{number}", id = "{id}")]
struct Odd {
    number: usize,
    id: String,
}

#[setup_tasks]
impl Odd {
    #[setup_task("Say its id")]
    fn b(&self, cx: &TaskContext) {
        cx.log(format!("I am {}", self.id));
    }
}

/// A model that naps at each place for which there is a file `nap.PLACE`. A nap runs commands that
/// do not end before a file `go` exists. The text of the file is one of their arguments.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "sleeper")]
struct Sleeper;

#[setup_tasks]
impl Sleeper {
    #[depends_on(FileServer::update_files)]
    async fn friend(&self, cx: &TaskContext) -> Result<Option<Object<FileServer>>> {
        nap(cx, "relation").await?;
        Ok(None)
    }

    #[setup_task("Sleep", hash = dream, invalidator = is_tired)]
    async fn sleep(&self, cx: &TaskContext) -> Result<()> {
        nap(cx, "task").await
    }

    async fn dream_away(&self, cx: &TaskContext) -> Result<()> {
        nap(cx, "undo").await?;
        Ok(setup_tasks::fs::found(std::fs::remove_file(cx.state_path()?.join("awake"))).map(drop)?)
    }

    async fn dream(&self, cx: &TaskContext) -> Result<String> {
        nap(cx, "hash").await?;
        Ok("a dream".to_owned())
    }

    async fn is_tired(&self, cx: &TaskContext) -> Result<bool> {
        nap(cx, "invalidator").await?;
        Ok(true)
    }

    #[setup_task("Wake up", check_completed = is_awake, undo = dream_away)]
    async fn wake(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.state_path()?.join("awake"), "")?;
        Ok(())
    }

    async fn is_awake(&self, cx: &TaskContext) -> Result<bool> {
        nap(cx, "completion").await?;
        Ok(cx.state_path()?.join("awake").exists())
    }

    #[setup_task("Get up")]
    fn get_up(&self) {}
}

async fn nap(cx: &TaskContext, place: &str) -> Result<()> {
    if let Ok(name) = std::fs::read_to_string(format!("nap.{place}")) {
        std::fs::write("site.pid", std::process::id().to_string())?;
        let wait = "while [ ! -e go ]; do sleep 0.01; done";
        let stubborn = if std::fs::exists("stubborn")? { "trap '' TERM; " } else { "" };
        // One process is in the command's group, and one in its own session.
        let script = format!(
            "{stubborn}({wait}) & setsid sh -c '{wait}' \"$0\" & echo > napping.new; mv napping.new napping; {wait}; wait"
        );
        // The error is ignored. If a stop returned it to the task, the task would continue and get a stamp.
        let _ = cx.command("sh").args(["-c", &script, &name]).run().await;
    }
    Ok(())
}

/// A model that runs the shell script in the file `script`, in the way that the file `way` names.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "scripted")]
struct Scripted;

#[setup_tasks]
impl Scripted {
    #[setup_task("Run the script")]
    async fn run(&self, cx: &TaskContext) -> Result<()> {
        let command = cx.command("sh").arg("-c").arg(std::fs::read_to_string("script")?);
        match &*std::fs::read_to_string("way").unwrap_or_default() {
            "interactive" => command.interactive().run().await?,
            "dialog" => cx.log(format!("the answer is {:?}", command.interactive().status().await?.code())),
            "output" => drop(command.output().await?),
            _ => command.run().await?,
        }
        // This is the peak memory of the process.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        std::fs::write("peak", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default())?;
        Ok(())
    }
}

/// A model whose first task depends on the file `mess`, and changes nothing if a file `same` exists.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "floor")]
struct Floor;

#[setup_tasks]
impl Floor {
    #[setup_task("Sweep the floor", hash = mess)]
    fn sweep(&self) -> Result<Outcome> {
        Ok(if std::fs::exists("same")? { Outcome::Unchanged } else { Outcome::Done })
    }

    #[setup_task("Wax the floor")]
    fn wax(&self) {}

    fn mess(&self) -> String {
        std::fs::read_to_string("mess").unwrap_or_default()
    }
}

/// A model whose task fails in each of its attempts.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "flaky")]
struct Flaky;

#[setup_tasks]
impl Flaky {
    #[setup_task("Try three times", retries = 2)]
    async fn attempt(&self, cx: &TaskContext) -> Result<()> {
        cx.command("sh").args(["-c", "echo trying; exit 3"]).label("try it").run().await?;
        Ok(())
    }
}

/// A model that prints the text in the file `leak` in every way. The file `password` contains the
/// secret within the text, and `leak.way` the kind of end.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "leaky", id = "leaky")]
struct Leaky {
    _password: Secret<String>,
    text: String,
}

#[setup_tasks]
impl Leaky {
    #[setup_task("Say the password", hash = hash)]
    fn say(&self, cx: &TaskContext) -> Result<()> {
        let text = &self.text;
        tracing::info!(%text, debug = ?text, "{text}");
        let (line, _context) = (text.clone(), cx.clone());
        // The text is logged outside of the task, so it goes to the terminal.
        std::thread::spawn(move || tracing::error!("{line}")).join().unwrap();
        cx.log(&**text);
        match &*std::fs::read_to_string("leak.way").unwrap_or_default() {
            "panic" => panic!("{text}"),
            "thread" => {
                std::thread::scope(|scope| drop(scope.spawn(|| panic!("{text}")).join()));
                Ok(())
            }
            "fail" => Err(anyhow::anyhow!("{text}").context(format!("{text:?}"))),
            _ => Ok(()),
        }
    }

    fn hash(&self) -> String {
        self.text.clone()
    }

    #[setup_task("Check the password", invalidator = check)]
    fn after(&self) {}

    fn check(&self) -> Result<bool> {
        anyhow::ensure!(!std::fs::exists("leak.check")?, "{}", self.text);
        Ok(true)
    }
}

/// A model that depends on a value that no injector provides.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "lost")]
struct Lost {
    #[depends_on(FileServer::update_files)]
    server: Deferred<FileServer>,
}

#[setup_tasks]
impl Lost {}

fn build_layout() -> Result<Layout> {
    if std::fs::exists("nap.build")? {
        std::fs::write("napping", "")?;
        while !std::fs::exists("go")? {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let layout = Layout::new(Config::builder().environment("SITE").load()?);
    if std::fs::exists("site.txt")? {
        layout.add_source("site.txt");
    }
    let names = std::fs::read_to_string("site.txt").unwrap_or_else(|_| "ada\ngrace\n".to_owned());
    let retired = std::fs::read_to_string("retired.txt").unwrap_or_default();
    let renamed = std::fs::read_to_string("renamed.txt").unwrap_or_default();
    let words = vec!["good".to_owned(), "morning".to_owned()];
    let server = layout.add(FileServer { name: "main".into(), words })?;
    for name in names.lines() {
        anyhow::ensure!(name.chars().all(char::is_alphanumeric), "site.txt: {name:?} is no name of a client");
        let client = layout.object_builder(Client { name: name.into(), server: server.clone() });
        let client = client.readonly(name == "frozen").group("clients");
        let client = if retired.lines().any(|retired| retired == name) { client.retired() } else { client };
        match renamed.split_once(' ').filter(|(new, _)| *new == name) {
            Some((_, old)) => client.formerly(format!("clients/{old}")).add()?,
            None => client.add()?,
        };
    }
    layout.add(Moody)?;
    for (number, id) in std::fs::read_to_string("odd.txt").unwrap_or_default().lines().enumerate() {
        layout.add(Odd { number, id: id.to_owned() })?;
    }
    if std::fs::exists("sleeper")? {
        layout.add(Sleeper)?;
    }
    if let Ok(text) = std::fs::read_to_string("leak") {
        layout.add(Leaky { _password: Secret::new(std::fs::read_to_string("password")?), text })?;
    }
    if std::fs::exists("mess")? {
        layout.add(Floor)?;
    }
    if std::fs::exists("flaky")? {
        layout.add(Flaky)?;
    }
    if let Ok(text) = std::fs::read_to_string("appliance") {
        let machine = appliance::Machine;
        layout.object_builder(appliance::Appliance { machine }).readonly(text == "frozen").add()?;
    }
    if std::fs::exists("script")? {
        layout.add(Scripted)?;
    }
    if std::fs::exists("lost")? {
        layout.add(Lost { server: Deferred::new(NOBODY) })?;
    }
    Ok(layout)
}

fn main() -> ExitCode {
    App::new(build_layout).command("sleep", "Run the sleeper alone, without a fleet", sleep).run()
}

async fn sleep(session: Session<NoOptions>) -> Result<ExitCode> {
    let sleeper = session.layout().get("sleeper").context("there is no sleeper")?;
    sleeper.run_setup_tasks().await?;
    Ok(ExitCode::SUCCESS)
}
