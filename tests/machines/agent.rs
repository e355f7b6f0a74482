//! An agent that announces itself and nothing else, for tests of connections.

use std::io::{Write, stdin, stdout};
use std::process::Command;

use setup_tasks_agent::protocol::{
    Facts, Hash, HelloLine, MessageReader, Nonce, ToAgent, ToController, VERSION, encode,
};

fn main() {
    let nonce: Nonce = std::env::args().nth(2).expect("a nonce").parse().unwrap();
    let hash = Hash::of(&std::fs::read(std::env::current_exe().unwrap()).unwrap());
    let hello = HelloLine { version: VERSION, nonce, hash }.to_string();
    stdout().write_all(hello.as_bytes()).unwrap();
    let (user, hostname) = (answer("id", &["-un"]), answer("hostname", &[]));
    send(&ToController::Facts(Box::new(Facts { user, hostname, ..Facts::default() })));
    let mut messages = MessageReader::<_, ToAgent>::new(stdin());
    while let Ok(Some(message)) = messages.receive() {
        if let ToAgent::Ping(number) = message {
            send(&ToController::Pong(number));
        }
    }
}

fn answer(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn send(message: &ToController) {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).unwrap();
    stdout().write_all(&bytes).and_then(|()| stdout().flush()).unwrap();
}
