//! The transfer of content that resources name by its hash.

use std::fs::File;
use std::sync::Arc;

use setup_tasks_agent::protocol::Call;
use setup_tasks_agent::resources::{Blob, BlobSource};

use super::list::Listed;
use super::observer::observe;
use crate::error::MachineError;
use crate::session::Session;

/// Transfers the content of those resources that differ on the machine.
pub(super) async fn transfer(session: &Session, resources: &[Listed]) -> Result<(), MachineError> {
    let with_content: Vec<_> = resources.iter().filter(|listed| !listed.blobs().is_empty()).collect();
    if with_content.is_empty() {
        return Ok(());
    }
    let ids = session.declare(with_content.iter().map(|listed| &listed.data))?;
    let observations = observe(session, ids.clone()).await?;
    for (listed, id) in with_content.iter().zip(&ids) {
        if matches!(observations.get(id), Some(Ok(differences)) if differences.is_empty()) {
            continue;
        }
        for blob in &listed.blobs() {
            put(session, blob).await?;
        }
    }
    Ok(())
}

async fn put(session: &Session, blob: &Blob) -> Result<(), MachineError> {
    let mut call = session.call(Call::PutBlob { hash: blob.hash, size: blob.size }).await?;
    match &blob.source {
        BlobSource::Bytes(bytes) => call.transfer(&mut &bytes[..]).await,
        BlobSource::File(path) => {
            let failed = |source| MachineError::OpenFile { path: path.clone(), source: Arc::new(source) };
            let mut file = File::open(path).map_err(failed)?;
            call.transfer(&mut file).await
        }
    }
    .map(drop)
}
