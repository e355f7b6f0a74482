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
    pub async fn fetch(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, MachineError> {
        let mut content = Vec::new();
        self.read(path.as_ref(), |part| {
            content.extend_from_slice(part);
            Ok(())
        })
        .await?;
        Ok(content)
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
            Answer::Stat(None) => {
                let (machine, path) = (self.name().to_owned(), path.display().to_string());
                Err(MachineError::NoFile { machine, path })
            }
            _ => Ok(()),
        }
    }
}
