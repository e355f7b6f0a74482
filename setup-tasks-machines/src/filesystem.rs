//! The files of a machine as a filesystem for templates.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_bytes::ByteBuf;
use setup_tasks::observer::{Answer, Question};
use setup_tasks::{Result, TaskContext};
use setup_tasks_agent::protocol::{self, Answer as Reply, Call, FileTarget, Hash, PutFile};
use setup_tasks_templates::{ExpectedFile, FileAttributes, FileKind, FileStat, FileState, Filesystem, InstallError};

use crate::machine::Machine;
use crate::resource::Asked;
use crate::session::Session;

/// The largest content that an answer contains, in bytes.
const MAX_CONTENT: u64 = 1 << 20;

/// The root of a machine. No symbolic link leads out of it.
impl Filesystem for Machine {
    async fn read(&self, _cx: &TaskContext, path: &Path) -> Result<Option<Vec<u8>>> {
        Ok(self.session()?.read(target(path)?).await?)
    }

    async fn stat(&self, _cx: &TaskContext, path: &Path) -> Result<Option<FileStat>> {
        let call = Call::Stat { target: target(path)?, hash: false };
        let reply = self.session()?.call(call).await?.answer().await?;
        Ok(match reply {
            Reply::Stat(Some(stat)) => Some(described(&stat)),
            _ => None,
        })
    }

    async fn install(
        &self,
        _cx: &TaskContext,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> Result<bool> {
        let put = PutFile {
            target: target(path)?,
            hash: Hash::of(content),
            size: content.len() as u64,
            mode: attributes.mode,
            owner: attributes.owner.clone(),
            group: attributes.group.clone(),
        };
        let mut call = self.session()?.call(Call::Put(put)).await?;
        Ok(call.transfer(&mut &*content).await? == Reply::Changed(true))
    }

    async fn symlink(&self, _cx: &TaskContext, path: &Path, to: &Path) -> Result<bool> {
        let call = Call::Symlink { target: target(path)?, to: bytes(to.as_os_str()) };
        Ok(self.session()?.call(call).await?.answer().await? == Reply::Changed(true))
    }

    async fn remove(&self, _cx: &TaskContext, path: &Path) -> Result<bool> {
        let call = Call::Remove(target(path)?);
        Ok(self.session()?.call(call).await?.answer().await? == Reply::Changed(true))
    }

    fn question(&self, _cx: &TaskContext, files: &[ExpectedFile]) -> Option<Question> {
        Some(Question::new(Arc::new(self.clone()), Asked::Files(files.to_vec())))
    }
}

/// Returns the state of files. All calls are open at the same time.
pub(crate) async fn states(session: &Session, files: &[ExpectedFile]) -> Result<Answer> {
    let states = files.iter().map(|file| state(session, file));
    Ok(Answer::new(futures_util::future::try_join_all(states).await?))
}

async fn state(session: &Session, file: &ExpectedFile) -> Result<FileState> {
    let target = target(&file.path)?;
    let call = Call::Stat { target: target.clone(), hash: true };
    let Reply::Stat(Some(stat)) = session.call(call).await?.answer().await? else { return Ok(FileState::Missing) };
    let hash = stat.hash.map(|hash| hash.0);
    let is_shown = file.hash.is_some() && file.hash != hash && hash.is_some() && stat.size <= MAX_CONTENT;
    let content = if is_shown { session.read(target).await? } else { None };
    Ok(FileState::Present { stat: described(&stat), hash, content })
}

/// Returns the path as the agent receives it.
fn target(path: &Path) -> Result<FileTarget> {
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !is_inside {
        return Err(InstallError::Outside { path: path.to_owned() }.into());
    }
    Ok(FileTarget { root: Some(ByteBuf::from("/")), path: bytes(path.as_os_str()) })
}

fn bytes(text: &OsStr) -> ByteBuf {
    ByteBuf::from(text.as_bytes())
}

/// Returns the attributes as the templates know them.
fn described(stat: &protocol::FileStat) -> FileStat {
    let kind = match &stat.kind {
        protocol::FileKind::File => FileKind::File,
        protocol::FileKind::Directory => FileKind::Directory,
        protocol::FileKind::Symlink(to) => FileKind::Symlink(PathBuf::from(OsStr::from_bytes(to))),
        protocol::FileKind::Other => FileKind::Other("a device, a socket or a pipe".to_owned()),
    };
    let attributes = FileAttributes::new().mode(stat.mode).owner(&*stat.owner).group(&*stat.group);
    FileStat::new(kind, stat.size, attributes).numbers(stat.uid, stat.gid)
}
