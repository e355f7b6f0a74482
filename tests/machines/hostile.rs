//! A program in the place of a machine that answers in wrong ways. Its first argument selects the way, and the last one is the script
//! that a machine would run.

use std::io::{Write, stderr, stdin, stdout};
use std::time::Duration;

use setup_tasks_agent::protocol::{
    Answer, CallId, Hash, HelloLine, MessageReader, Nonce, Stream, ToAgent, ToController, VERSION, encode,
};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let script = args.last().expect("a script");
    let word =
        |name: &str| script.split([' ', ';']).find_map(|word| word.strip_prefix(name)).expect("it is set").to_owned();
    let (nonce, hash): (Nonce, Hash) = (word("n=").parse().unwrap(), word("h=").parse().unwrap());
    let hello = HelloLine { version: VERSION, nonce, hash }.to_string();
    let way = args[1].as_str();
    match way {
        "noise" => while stdout().write_all(&[b'x'; 4096]).is_ok() {},
        "escapes" => {
            put("\x1b[2J\x1b]0;owned\x07 no such shell\n");
            let _ = stderr().write_all(b"\x1b[31mwent\x07 wrong\x1b[0m\n");
            std::process::exit(255);
        }
        "other version" => put(&HelloLine { version: VERSION + 1, nonce, hash }.to_string()),
        "other program" => put(&HelloLine { version: VERSION, nonce, hash: Hash::of(b"other") }.to_string()),
        "wants the agent for ever" => loop {
            put(&format!("setup-tasks-stage {nonce} short 0 no space\n"));
            std::thread::sleep(Duration::from_millis(1));
        },
        "listens first" => {
            let mut messages = MessageReader::<_, ToAgent>::new(stdin());
            assert!(matches!(messages.receive(), Ok(Some(ToAgent::Begin(_)))));
            let Ok(Some(ToAgent::Call { id, .. })) = messages.receive() else { std::process::exit(9) };
            put(&hello);
            send(&ToController::Facts(Box::default()));
            send(&ToController::Answer { id, answer: Answer::Stat(None) });
        }
        "speaks first" => {
            let (heard, is_heard) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let mut messages = MessageReader::<_, ToAgent>::new(stdin());
                while let Ok(Some(message)) = messages.receive() {
                    let _ = heard.send(message);
                }
            });
            // Whatever comes now would be a wrong password for sudo.
            if is_heard.recv_timeout(Duration::from_millis(500)).is_ok() {
                std::process::exit(9);
            }
            put(&hello);
            send(&ToController::Facts(Box::default()));
            for message in is_heard {
                if let ToAgent::Call { id, .. } = message {
                    send(&ToController::Answer { id, answer: Answer::Stat(None) });
                }
            }
        }
        _ => {
            put(&hello);
            speak(way);
        }
    }
}

/// Exchanges messages in a wrong way.
fn speak(way: &str) {
    let facts = ToController::Facts(Box::default());
    match way {
        "no facts" => return std::thread::sleep(Duration::from_millis(300)),
        "a great frame" => return put_bytes(&[0xff, 0xff, 0xff, 0x7f, 0, 0]),
        "an endless message" => loop {
            // Each frame announces that another one continues the message.
            put_bytes(&[0, 0, 1, 0x80]);
            put_bytes(&vec![7; 1 << 16]);
        },
        "no message" => {
            put_bytes(&[3, 0, 0, 0, 0xff, 0xff, 0xff]);
        }
        _ => send(&facts),
    }
    match way {
        "facts twice" => send(&facts),
        "half a message" => put_bytes(&[9, 0, 0, 0, 1]),
        "silence" => std::thread::sleep(Duration::from_mins(1)),
        _ => {}
    }
    let mut messages = MessageReader::<_, ToAgent>::new(stdin());
    while let Ok(Some(message)) = messages.receive() {
        match message {
            ToAgent::Ping(number) => send(&ToController::Pong(number)),
            ToAgent::Call { id, .. } if way == "more than it may" => {
                let bytes = vec![b'x'; 1 << 16].into();
                let output = ToController::Output { id, stream: Stream::Output, bytes };
                (0..100).for_each(|_| send(&output));
            }
            ToAgent::Call { .. } if way == "calls that nobody made" => {
                send(&ToController::Data { id: CallId(u32::MAX), bytes: vec![0; 1 << 16].into() });
                send(&ToController::Bye("\x1b[31mfarewell".to_owned()));
            }
            _ => {}
        }
    }
}

fn send(message: &ToController) {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).unwrap();
    put_bytes(&bytes);
}

fn put(text: &str) {
    put_bytes(text.as_bytes());
}

/// Writes bytes, and ends when nobody reads them.
fn put_bytes(bytes: &[u8]) {
    if stdout().write_all(bytes).and_then(|()| stdout().flush()).is_err() {
        std::process::exit(0);
    }
}
