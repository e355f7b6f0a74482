//! A program in the place of a machine that answers in wrong ways. Its first argument selects the way, and the last one is the script
//! that a machine would run.

use std::io::{Write, stderr, stdin, stdout};
use std::time::Duration;

use setup_tasks_agent::protocol::{
    Answer, Call, CallId, Cause, Difference, Facts, Failure, Hash, HelloLine, MessageReader, Nonce, Outcome,
    ResourceId, Stream, Texts, ToAgent, ToController, VERSION, encode,
};
use test_kit::Numbers;

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
        "requests the agent twice" => {
            let need = format!("setup-tasks-stage {nonce} need 1 Linux {}\n", std::env::consts::ARCH);
            put(&need.repeat(2));
            let _ = std::io::copy(&mut stdin(), &mut std::io::sink());
        }
        _ => {
            put(&hello);
            match way.strip_prefix("random ") {
                Some(seed) => speak_at_random(Numbers::new(seed.parse().unwrap())),
                None => speak(way),
            }
        }
    }
}

/// Exchanges messages in a wrong way.
fn speak(way: &str) {
    let facts = if way == "escapes everywhere" { steering_facts() } else { Facts::default() };
    let facts = ToController::Facts(Box::new(facts));
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
            ToAgent::Call { id, .. } if way == "endless reports" => loop {
                let texts = Some(Texts { old: Some("x".repeat(1 << 20)), new: Some("y".repeat(1 << 20)) });
                let difference = Difference { texts, ..Difference::new("a file", "differs") };
                send(&ToController::Observed { id, resource: ResourceId(7), observation: Ok(vec![difference]) });
            },
            ToAgent::Call { id, .. } if way == "content without an end" => send_data(id, 512 << 10),
            ToAgent::Credit { id, bytes } if way == "content without an end" => send_data(id, bytes as usize),
            ToAgent::Call { id, call } if way == "escapes everywhere" => answer_with_escapes(id, call),
            ToAgent::Call { .. } if way == "calls that nobody made" => {
                send(&ToController::Data { id: CallId(u32::MAX), bytes: vec![0; 1 << 16].into() });
                send(&ToController::Bye("\x1b[31mfarewell".to_owned()));
            }
            _ => {}
        }
    }
}

/// A text with characters that steer a terminal, or change how the rest is read.
const STEERING: &str = "\x1b[2J\x1b]0;owned\x07\r\u{9b}31m\u{202e}evil\u{200b}";

fn steering_facts() -> Facts {
    let text = || STEERING.to_owned();
    Facts {
        os: text(),
        os_like: vec![text()],
        os_version: text(),
        os_codename: text(),
        architecture: text(),
        kernel: text(),
        kernel_release: text(),
        hostname: text(),
        user: text(),
        boot_id: text(),
        ..Facts::default()
    }
}

/// Answers a call with texts that steer a terminal, in all places that can have a text.
fn answer_with_escapes(id: CallId, call: Call) {
    let text = || STEERING.to_owned();
    let failure = || Failure { resource: Some(text()), tried: text(), cause: Cause::Refused(text()) };
    let texts = Some(Texts { old: Some(format!("{STEERING}\n")), new: Some(format!("{STEERING} new\n")) });
    let difference = || Difference { texts: texts.clone(), ..Difference::new(text(), text()).instead_of(text()) };
    let output =
        |stream| send(&ToController::Output { id, stream, bytes: format!("{STEERING}\n").into_bytes().into() });
    let answer = match call {
        Call::Observe { resources } => {
            for resource in resources {
                send(&ToController::Observed { id, resource, observation: Ok(vec![difference()]) });
            }
            Answer::Done
        }
        Call::Apply(apply) => {
            send(&ToController::Waiting { id, holder: text() });
            output(Stream::Output);
            for resource in apply.resources {
                send(&ToController::Applied { id, resource, outcome: Ok(Outcome::Changed(vec![difference()])) });
            }
            for resource in apply.then_observe {
                send(&ToController::Observed { id, resource, observation: Err(failure()) });
            }
            Answer::Done
        }
        Call::Run(_) => {
            output(Stream::Output);
            output(Stream::Error);
            Answer::Failed(failure())
        }
        _ => Answer::Failed(failure()),
    };
    send(&ToController::Answer { id, answer });
}

fn send_data(id: CallId, mut bytes: usize) {
    while bytes > 0 {
        let part = bytes.min(64 << 10);
        send(&ToController::Data { id, bytes: vec![b'x'; part].into() });
        bytes -= part;
    }
}

/// Answers each message by good messages of which some are changed, cut, repeated or replaced by random bytes.
fn speak_at_random(mut numbers: Numbers) {
    let id = CallId(u32::try_from(numbers.below(3)).unwrap());
    let failure = || Failure::new("do it", Cause::Refused("no".into()));
    let resource = ResourceId(0);
    let good: Vec<Vec<u8>> = [
        ToController::Facts(Box::default()),
        ToController::Pong(1),
        ToController::Observed { id, resource, observation: Ok(vec![Difference::new("a", "b").instead_of("c")]) },
        ToController::Observed { id, resource, observation: Err(failure()) },
        ToController::Applied { id, resource, outcome: Ok(Outcome::Done) },
        ToController::Waiting { id, holder: "somebody".into() },
        ToController::Output { id, stream: Stream::Error, bytes: vec![7; 300].into() },
        ToController::Data { id, bytes: vec![7; 3000].into() },
        ToController::Credit { id, bytes: u32::MAX },
        ToController::Answer { id, answer: Answer::Stat(None) },
        ToController::Answer { id, answer: Answer::Failed(failure()) },
        ToController::Bye("farewell".into()),
    ]
    .iter()
    .map(|message| {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        bytes
    })
    .collect();
    if numbers.below(8) > 0 {
        put_bytes(&good[0]);
    }
    let mut messages = MessageReader::<_, ToAgent>::new(stdin());
    for _ in 0..200 {
        if numbers.below(4) == 0 && !matches!(messages.receive(), Ok(Some(_))) {
            return;
        }
        let mut bytes = good[numbers.index(good.len())].clone();
        match numbers.below(6) {
            0 => {
                let at = numbers.index(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
            }
            1 => bytes.truncate(numbers.index(bytes.len())),
            2 if numbers.below(8) == 0 => bytes.fill_with(|| u8::try_from(numbers.below(256)).unwrap()),
            _ => {}
        }
        put_bytes(&bytes);
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
