//! Sockets with paths of any length, and connections that never block.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// The maximum length of a socket path that every system accepts.
const LONGEST: usize = 100;

/// Creates a listening socket. It appears at its path only when it is listening, because other
/// processes remove a socket without a listener.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    let draft = path.with_extension("new");
    let listener = with_short(&draft, |draft| UnixListener::bind(draft))?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
    fs::rename(&draft, path).inspect_err(|_| {
        // Nothing reads a leftover draft.
        let _ = fs::remove_file(&draft);
    })?;
    Ok(listener)
}

/// Connects without waiting. A stopped process accepts connections until its queue is full. After
/// that, the error is [`WouldBlock`](io::ErrorKind::WouldBlock).
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short(path, |path| {
        let stream: UnixStream = socket()?.into();
        stream.set_nonblocking(true)?;
        rustix::net::connect(&stream, &SocketAddrUnix::new(path)?)?;
        Ok(stream)
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn socket() -> io::Result<std::os::fd::OwnedFd> {
    let flags = rustix::net::SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn socket() -> io::Result<std::os::fd::OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

/// Calls a function with a path that is short enough for a socket. A longer path is replaced by one
/// through the open directory.
fn with_short<A>(path: &Path, call: impl FnOnce(&Path) -> io::Result<A>) -> io::Result<A> {
    if path.as_os_str().len() <= LONGEST {
        return call(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return call(path) };
    let directory = File::open(directory)?;
    call(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}
