//! Plain requests, also such as no browser sends.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request.
pub struct Request {
    authority: String,
    line: String,
    host: Option<String>,
    headers: String,
    body: String,
}

/// The reply to a request.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: String,
    pub body: String,
}

impl Request {
    pub fn new(authority: &str, method: &str, path: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            line: format!("{method} {path} HTTP/1.1"),
            host: Some(authority.to_owned()),
            headers: String::new(),
            body: String::new(),
        }
    }

    /// Sets the name of the host, or leaves it out.
    pub fn host(mut self, host: Option<&str>) -> Self {
        self.host = host.map(str::to_owned);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        // Writing to a string does not fail.
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    pub fn form(mut self, form: &str) -> Self {
        form.clone_into(&mut self.body);
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends the request, and returns the connection.
    pub fn open(self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let host = self.host.map(|host| format!("host: {host}\r\n")).unwrap_or_default();
        let Self { line, headers, body, .. } = self;
        let length = body.len();
        let text = format!("{line}\r\n{host}connection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    /// Sends the request, and waits for the whole reply.
    pub fn send(self) -> Reply {
        let mut bytes = Vec::new();
        self.open().read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (headers, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Reply { status, headers: headers.to_lowercase(), body: unchunked(headers, body) }
    }
}

impl Reply {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn unchunked(headers: &str, body: &str) -> String {
    if !headers.to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, next)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        if size == 0 || !next.is_char_boundary(size) {
            break;
        }
        whole += &next[..size];
        rest = next[size..].trim_start_matches("\r\n");
    }
    whole
}
