//! The directory of a test, and the processes in it.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use test_kit::Scratch;

use crate::request::{Reply, Request};

/// A directory with a layout.
pub struct Place(Scratch);

impl Place {
    /// Creates a directory whose layout has these objects.
    pub fn new(site: &str) -> Self {
        let place = Self(Scratch::new());
        place.write("site.txt", site);
        place
    }

    /// Creates a directory with a server and two clients.
    pub fn small() -> Self {
        Self::new("server files bread\nclient ada files\nclient bob files\n")
    }

    /// Returns a command line of the binary.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_page"));
        command.args(args).current_dir(self.path()).env_remove("RUST_LOG").env("TZ", "UTC");
        command
    }

    /// Runs a command line to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts a command line, whose output nobody reads.
    pub fn start(&self, args: &[&str]) -> Running {
        Running(self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Serves the page on any port.
    pub fn serve(&self, args: &[&str]) -> Served {
        self.serve_on("127.0.0.1:0", args)
    }

    /// Serves the page on an address.
    pub fn serve_on(&self, address: &str, args: &[&str]) -> Served {
        let args = [&["serve", "--listen", address], args].concat();
        let mut child = self.command(&args).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let link = lines.next().expect("`serve` prints a link").unwrap();
        // The output is read until the end, so that the process never waits for it.
        std::thread::spawn(move || lines.for_each(drop));
        let rest = link.strip_prefix("http://").expect("a link");
        let (authority, query) = rest.split_once('/').unwrap();
        let (authority, token) = (authority.to_owned(), query.strip_prefix("?token=").map(str::to_owned));
        Served { process: Running(child), link, authority, token }
    }
}

impl Deref for Place {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        &self.0
    }
}

/// A process that ends with this value.
pub struct Running(Child);

impl Running {
    /// Returns the number of the process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Presses Ctrl-C, and waits for the end of the process. Returns whether it succeeded.
    pub fn interrupt(mut self) -> bool {
        let pid = Pid::from_raw(self.0.id().cast_signed()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        self.0.wait().unwrap().success()
    }

    /// Waits for the end of the process. Returns whether it succeeded.
    pub fn wait(mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A served page.
pub struct Served {
    pub process: Running,
    /// The printed link.
    pub link: String,
    /// The host and port.
    pub authority: String,
    pub token: Option<String>,
}

impl Served {
    /// Returns the address of a page.
    pub fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Returns a request with the token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(&self.authority, method, path);
        match &self.token {
            Some(token) => request.header("authorization", &format!("Bearer {token}")),
            None => request,
        }
    }

    /// Loads a page with the token.
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// Returns the token that each form contains.
    pub fn form_token(&self) -> String {
        let page = self.get("/plan").body;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").expect("a form");
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Sends a form.
    pub fn post(&self, path: &str, fields: &str) -> Reply {
        let form = format!("form_token={}&{fields}", self.form_token());
        self.request("POST", path).form(&form).send()
    }
}
