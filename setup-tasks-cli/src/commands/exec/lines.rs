//! The output of a command, line by line, behind the name of an object.

use serde::Serialize;
use setup_tasks::command::OutputStream;
use setup_tasks::fleet::Stop;

use crate::output::{self, FAINT, NAME, line, note, printable};

/// The length in bytes at which a line is broken.
const MAX_LINE: usize = 64 << 10;

/// Prints the outputs of a command on a machine. Each stream goes to the same stream of this process.
pub(super) struct Lines {
    name: String,
    /// The name in its column.
    head: String,
    json: bool,
    /// The stop of the run, which is requested once nobody reads the output.
    stop: Stop,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// A line as JSON.
#[derive(Serialize)]
struct JsonLine<'a> {
    version: u32,
    event: &'static str,
    object: &'a str,
    stream: &'static str,
    line: &'a str,
}

impl Lines {
    pub(super) fn new(name: &str, width: usize, json: bool, stop: Stop) -> Self {
        let shown = printable(name);
        let padding = width.saturating_sub(console::measure_text_width(&shown));
        let head = format!("{NAME}{shown}{NAME:#}{:padding$}  {FAINT}|{FAINT:#} ", "");
        Self { name: name.to_owned(), head, json, stop, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Adds a part of an output, and prints its complete lines.
    pub(super) fn push(&mut self, stream: OutputStream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.rest(stream).extend_from_slice(&bytes[..end]);
            self.print(stream);
            bytes = &bytes[end + 1..];
        }
        self.rest(stream).extend_from_slice(bytes);
        if self.rest(stream).len() >= MAX_LINE {
            self.print(stream);
        }
    }

    fn rest(&mut self, stream: OutputStream) -> &mut Vec<u8> {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }

    fn print(&mut self, stream: OutputStream) {
        let bytes = std::mem::take(self.rest(stream));
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        if self.json {
            self.print_json(stream, text);
        } else {
            let text = format!("{}{}", self.head, printable(text));
            match stream {
                OutputStream::Stdout => line(text.trim_end()),
                OutputStream::Stderr => note(text.trim_end()),
            }
        }
        if output::has_no_reader() {
            self.stop.request();
        }
    }

    fn print_json(&self, stream: OutputStream, line: &str) {
        let stream = match stream {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        };
        print_json(&JsonLine { version: super::VERSION, event: "output", object: &self.name, stream, line });
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            if !self.rest(stream).is_empty() {
                self.print(stream);
            }
        }
    }
}

/// Prints a value as a line of JSON.
pub(super) fn print_json(value: &impl Serialize) {
    if let Err(error) = output::json(value) {
        tracing::warn!("an output cannot be written as JSON: {error}");
    }
}
