//! The standard input of a command.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::CommandError;

/// The size of the parts in which a reader's data is passed on.
const PART: usize = 64 * 1024;

/// A reader. The mutex is never locked. It lets threads share a command whose reader they could not
/// share.
type Reader = Mutex<Pin<Box<dyn AsyncRead + Send>>>;

/// The source of a command's standard input.
#[derive(Default)]
pub(super) enum Stdin {
    #[default]
    Empty,
    Bytes(Vec<u8>),
    File(PathBuf),
    Reader(Reader),
}

/// The data that this process writes to a command.
#[derive(Default)]
pub(super) enum Feed {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    Reader(Reader),
}

impl Stdin {
    pub(super) fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::Reader(Mutex::new(Box::pin(reader)))
    }

    /// Returns the standard input for the process, and the data that is written to it.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened. `command` is the text of the command.
    pub(super) fn open(self, command: &str) -> Result<(Stdio, Feed), CommandError> {
        match self {
            Self::Empty => Ok((Stdio::null(), Feed::Nothing)),
            Self::Bytes(bytes) => Ok((Stdio::piped(), Feed::Bytes(bytes))),
            Self::Reader(reader) => Ok((Stdio::piped(), Feed::Reader(reader))),
            Self::File(path) => match open(&path) {
                Ok(file) => Ok((Stdio::from(file), Feed::Nothing)),
                Err(source) => Err(CommandError::StdinFile { command: command.to_owned(), path, source }),
            },
        }
    }
}

/// Opens a regular file. Opening any other kind of file could block, and a command could wait
/// forever for the file's end.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A named pipe without a writer would block. The flag has no effect on a regular file.
        options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
}

impl Feed {
    /// Writes the data to the process.
    ///
    /// # Errors
    ///
    /// If the reader fails. A process may read only a part of the data. Its exit status shows
    /// whether the rest mattered.
    pub(super) async fn write_to(self, process: &mut (impl tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
        match self {
            Self::Nothing => {}
            Self::Bytes(bytes) => {
                let _ = process.write_all(&bytes).await;
            }
            Self::Reader(reader) => {
                let mut reader = reader.into_inner().unwrap_or_else(PoisonError::into_inner);
                let mut part = vec![0; PART];
                loop {
                    let count = match reader.read(&mut part).await {
                        Ok(0) => return Ok(()),
                        Ok(count) => count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) => return Err(error),
                    };
                    if process.write_all(&part[..count]).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
