//! Files of a machine.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use serde_bytes::ByteBuf;
use setup_tasks_agent::protocol::{Answer, Call, FileTarget};

use crate::error::MachineError;
use crate::machine::Machine;

impl Machine {
    /// Returns the content of a file on the machine. The path is absolute.
    ///
    /// # Errors
    ///
    /// There is no such file, it cannot be read, or it has more than 256 MiB. [`fetch_to`](Self::fetch_to) copies longer files.
    pub async fn fetch(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, MachineError> {
        let path = path.as_ref();
        let target = FileTarget { root: None, path: ByteBuf::from(path.as_os_str().as_bytes()) };
        let content = self.session()?.read(target).await?;
        content.ok_or_else(|| self.no_file(path))
    }

    /// Copies a file of the machine to a local path, whole or not at all. Neither side keeps more than a part of it in memory.
    pub async fn fetch_to(&self, path: impl AsRef<Path>, local: impl AsRef<Path>) -> Result<(), MachineError> {
        let local = local.as_ref();
        let failed = |source| MachineError::LocalFile { path: local.to_owned(), source: Arc::new(source) };
        let directory = local.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut draft = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
        self.read(path.as_ref(), |part| draft.write_all(part).map_err(failed)).await?;
        draft.persist(local).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Reads a file and passes its parts on.
    async fn read(
        &self,
        path: &Path,
        mut put: impl FnMut(&[u8]) -> Result<(), MachineError>,
    ) -> Result<(), MachineError> {
        let target = FileTarget { root: None, path: ByteBuf::from(path.as_os_str().as_bytes()) };
        let mut call = self.session()?.call(Call::Get(target)).await?;
        match call.receive(&mut put).await? {
            Answer::Stat(None) => Err(self.no_file(path)),
            _ => Ok(()),
        }
    }

    fn no_file(&self, path: &Path) -> MachineError {
        MachineError::NoFile { machine: self.name().to_owned(), path: path.display().to_string() }
    }
}
