//! A proxy in front of the server, which cuts a connection in the middle of a statement.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The moment at which a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The server does not receive the statement.
    Request,
    /// The server executes the statement, and its answer is lost.
    Answer,
}

/// A proxy that cuts the first connection on which a statement with a certain text is executed, and forwards everything else.
pub struct Proxy {
    pub port: u16,
    /// The number of connections that were cut.
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(server: u16, text: &'static str, lost: Lost) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, cuts) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let of_proxy = cuts.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await;
                let cuts = of_proxy.clone();
                tokio::spawn(async move {
                    if let Ok(server) = server {
                        forward(client, server, (text, lost), &cuts).await;
                    }
                });
            }
        });
        Self { port, cuts }
    }

    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// The state of a connection.
#[derive(Clone, Copy, Default)]
struct State {
    /// The numbers of requests that the client has ended, and of those that the server has answered.
    requests: usize,
    answers: usize,
    /// Whether answers are dropped, and the number of requests after which the connection ends.
    dropping: bool,
    ends_after: Option<usize>,
}

async fn forward(client: TcpStream, server: TcpStream, rule: (&'static str, Lost), cuts: &AtomicUsize) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let state = Arc::new(Mutex::new(State::default()));
    let (ended, mut end) = watch::channel(());
    let answers = tokio::spawn(answers(from_server, to_client, state.clone(), ended));
    tokio::select! {
        () = requests(from_client, to_server, rule, &state, cuts) => {}
        _ = end.changed() => {}
    }
    answers.abort();
}

/// Forwards the messages of the client. Returns when the connection is to be closed.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (text, lost): (&'static str, Lost),
    state: &Mutex<State>,
    cuts: &AtomicUsize,
) {
    let mut statements: HashMap<Vec<u8>, bool> = HashMap::new();
    let mut is_first = true;
    loop {
        let Some(message) = read_message(&mut from, is_first).await else { return };
        let kind = if is_first { b'Q' } else { message[0] };
        is_first = false;
        let body = message.get(5..).unwrap_or_default();
        let mut parts = body.split(|byte| *byte == 0);
        let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_it = |sql: &[u8]| String::from_utf8_lossy(sql).contains(text);
        let executes = match kind {
            b'P' => {
                statements.insert(first.to_vec(), is_it(second));
                false
            }
            b'B' => statements.get(second) == Some(&true),
            b'Q' => is_it(first),
            _ => false,
        };
        if executes && cuts.load(Ordering::SeqCst) == 0 {
            cuts.fetch_add(1, Ordering::SeqCst);
            if lost == Lost::Request {
                return;
            }
            state.lock().unwrap().dropping = true;
        }
        {
            let mut state = state.lock().unwrap();
            if kind == b'Q' || kind == b'S' {
                state.requests += 1;
                if state.dropping && state.ends_after.is_none() {
                    state.ends_after = Some(state.requests);
                }
            }
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Forwards the messages of the server, until the answer that is to be lost has come.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<Mutex<State>>, _ended: watch::Sender<()>) {
    loop {
        let Some(message) = read_message(&mut from, false).await else { return };
        let now = {
            let mut state = state.lock().unwrap();
            // The server is ready for the next request.
            state.answers += usize::from(message[0] == b'Z');
            *state
        };
        if now.ends_after.is_some_and(|end| now.answers >= end) {
            return;
        }
        if !now.dropping && to.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Reads one message. The first one of a client has no kind.
async fn read_message(from: &mut OwnedReadHalf, is_first: bool) -> Option<Vec<u8>> {
    let mut message = vec![0; if is_first { 4 } else { 5 }];
    from.read_exact(&mut message).await.ok()?;
    let length = message[message.len() - 4..].try_into().map(u32::from_be_bytes).ok()?;
    let (start, rest) = (message.len(), usize::try_from(length).ok()?.checked_sub(4)?);
    message.resize(start + rest, 0);
    from.read_exact(&mut message[start..]).await.ok()?;
    Some(message)
}

/// A wire to the server that can be cut. Then it carries nothing in either direction, and no connection is closed.
pub struct Wire {
    pub port: u16,
    is_cut: watch::Sender<bool>,
}

impl Wire {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut, cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cut = cut.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::join!(carry(from_client, to_server, cut.clone()), carry(from_server, to_client, cut));
                });
            }
        });
        Self { port, is_cut }
    }

    pub fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

/// Carries bytes in one direction.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if cut.wait_for(|cut| !cut).await.is_err() || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
