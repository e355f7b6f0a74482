//! The way of the machines to Debian's packages.
//!
//! The network of the machines leads nowhere. This process listens on the loopback interface of each machine instead, and fetches
//! what apt requests there. It keeps packages beside the Debian root, so that each is fetched once.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use setup_tasks_test::TestNetwork;

/// The port on the loopback interface of each machine.
pub const PORT: u16 = 3142;

/// The only server that requests reach.
const SERVER: &str = "deb.debian.org";

/// Serves the requests of a machine in threads of their own.
pub fn serve(listener: TcpListener) {
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                if let Err(error) = answer(&client) {
                    eprintln!("a request for a package failed: {error}");
                }
            });
        }
    });
}

/// Answers one request. Afterwards, the connection ends.
fn answer(mut client: &TcpStream) -> io::Result<()> {
    let lines = BufReader::new(client).lines().take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()));
    let lines = lines.collect::<io::Result<Vec<_>>>()?;
    let words: Vec<_> = lines.first().map(|line| line.split(' ').collect()).unwrap_or_default();
    let path = match words[..] {
        ["GET", url, _] => url.strip_prefix("http://").and_then(|url| url.strip_prefix(SERVER)),
        _ => None,
    };
    let Some(path) = path.filter(|path| path.starts_with('/')) else {
        return client.write_all(b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    };
    // A path with a version or a hash in it always has the same content.
    if !path.contains("/pool/") && !path.contains("/by-hash/") {
        return io::copy(&mut fetch(path)?, &mut client).map(drop);
    }
    let kept = TestNetwork::cache_directory().join("packages").join(path[1..].replace('/', "_"));
    if !kept.is_file() {
        keep(path, &kept)?;
    }
    io::copy(&mut fs::File::open(&kept)?, &mut client).map(drop)
}

/// Requests a path from the server, and returns its response with the header.
fn fetch(path: &str) -> io::Result<TcpStream> {
    let mut server = TcpStream::connect((SERVER, 80))?;
    server.set_read_timeout(Some(Duration::from_mins(1)))?;
    write!(server, "GET {path} HTTP/1.1\r\nHost: {SERVER}\r\nConnection: close\r\n\r\n")?;
    Ok(server)
}

/// Fetches a response into a file, which gets its name when it is complete.
fn keep(path: &str, kept: &Path) -> io::Result<()> {
    let directory = kept.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut draft = tempfile::NamedTempFile::new_in(directory)?;
    io::copy(&mut fetch(path)?, &mut draft)?;
    if !is_whole(draft.path())? {
        return Err(io::Error::other(format!("the response for {path} is not whole")));
    }
    draft.persist(kept).map(drop).map_err(|error| error.error)
}

/// Returns whether a file contains a successful response of the length that its header has.
fn is_whole(response: &Path) -> io::Result<bool> {
    let mut reader = BufReader::new(fs::File::open(response)?);
    let mut header = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => header.push(line.to_ascii_lowercase()),
        }
    }
    let is_found = header.first().is_some_and(|line| line.split(' ').nth(1) == Some("200"));
    let length = header.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<u64>().ok());
    Ok(is_found && length == Some(io::copy(&mut reader, &mut io::sink())?))
}
