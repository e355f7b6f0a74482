//! Files that the controller reads and writes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::PoisonError;

use serde_bytes::ByteBuf;

use super::call::OpenCall;
use crate::Result;
use crate::far::{Attributes, Far, Kind, Receiving, Source, Stat};
use crate::protocol::{Answer, CHUNK, Cause, Failure, FileKind, FileStat, FileTarget, Hash, PutFile};

/// The greatest number of names in an answer.
const MAX_NAMES: usize = 10_000;

/// Receives content for resources.
pub(super) fn put_blob(open: &OpenCall, hash: Hash, size: u64) -> Result<Answer> {
    let blobs = open.base.blobs();
    if blobs.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).is_some() {
        return Ok(Answer::Changed(false));
    }
    let received = || {
        let mut receiving = Receiving::new(size)?;
        open.receive(|bytes| receiving.add(bytes))?;
        receiving.finish(&hash)
    };
    let file = received().map_err(|error| failed("receive content", error))?;
    blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, file);
    Ok(Answer::Changed(true))
}

/// Writes a file.
pub(super) fn put(open: &OpenCall, put: &PutFile) -> Result<Answer> {
    let (mut far, path) = open.locate(&put.target)?;
    let wanted = attributes(&mut far_of_machine(open), put.mode, put.owner.as_deref(), put.group.as_deref())?;
    let old = far.stat(&path)?;
    if let Some(old) = old.filter(|old| old.kind == Kind::File && old.size == put.size)
        && far.hash(&path)? == Some(put.hash)
    {
        return set_if_different(&far, &path, &old, wanted).map(Answer::Changed);
    }
    far.make_parents(&path)?;
    let mut write = |target: &mut File| {
        let (mut hasher, mut missing) = (blake3::Hasher::new(), put.size);
        open.receive(|bytes| {
            let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the content is longer than announced");
            missing = missing.checked_sub(bytes.len() as u64).ok_or_else(wrong)?;
            hasher.update(bytes);
            target.write_all(bytes)
        })?;
        let complete = missing == 0 && hasher.finalize().as_bytes() == &put.hash.0;
        let wrong =
            || io::Error::new(io::ErrorKind::InvalidData, "the content has another length or hash than announced");
        complete.then_some(()).ok_or_else(wrong)
    };
    far.write(&path, Source::Writer(&mut write), wanted)?;
    far.forget_shared();
    Ok(Answer::Changed(true))
}

/// Sends the content of a file.
pub(super) fn get(open: &OpenCall, target: &FileTarget) -> Result<Answer> {
    let (far, path) = open.locate(target)?;
    let Some(stat) = far.stat(&path)? else { return Ok(Answer::Stat(None)) };
    let described = describe(open, &far, &path, &stat)?;
    let Some(mut file) = far.open(&path)? else { return Ok(Answer::Stat(None)) };
    let (mut buffer, mut hasher, mut size) = (vec![0; CHUNK], blake3::Hasher::new(), 0);
    loop {
        let read = file.read(&mut buffer).map_err(|error| failed(&format!("read `{}`", path.display()), error))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
        if !open.send_data(&buffer[..read]) {
            return Err(Failure::new(format!("read `{}`", path.display()), Cause::Cancelled));
        }
    }
    let hash = Some(Hash(*hasher.finalize().as_bytes()));
    Ok(Answer::Stat(Some(FileStat { size, hash, ..described })))
}

pub(super) fn stat(open: &OpenCall, target: &FileTarget, hash: bool) -> Result<Answer> {
    let (far, path) = open.locate(target)?;
    let Some(stat) = far.stat(&path)? else { return Ok(Answer::Stat(None)) };
    let hash = if hash && stat.kind == Kind::File { far.hash(&path)? } else { None };
    Ok(Answer::Stat(Some(FileStat { hash, ..describe(open, &far, &path, &stat)? })))
}

fn describe(open: &OpenCall, far: &Far, path: &Path, stat: &Stat) -> Result<FileStat> {
    let kind = match stat.kind {
        Kind::File => FileKind::File,
        Kind::Directory => FileKind::Directory,
        Kind::Symlink => FileKind::Symlink(ByteBuf::from(far.read_link(path)?.unwrap_or_default().as_bytes())),
        Kind::Other => FileKind::Other,
    };
    let Stat { mode, uid, gid, size, modified, .. } = *stat;
    let mut machine = open.far();
    let (owner, group) = (machine.user_name(uid)?, machine.group_name(gid)?);
    Ok(FileStat { kind, mode, uid, gid, owner, group, size, modified, hash: None })
}

pub(super) fn list(open: &OpenCall, target: &FileTarget) -> Result<Answer> {
    let (far, path) = open.locate(target)?;
    let names = far.list(&path)?;
    if names.len() > MAX_NAMES {
        let reason = format!("it has more than {MAX_NAMES} names");
        return Err(Failure::new(format!("list `{}`", path.display()), Cause::Refused(reason)));
    }
    Ok(Answer::Names(names.into_iter().map(|name| ByteBuf::from(name.as_bytes())).collect()))
}

pub(super) fn remove(open: &OpenCall, target: &FileTarget) -> Result<Answer> {
    let (far, path) = open.locate(target)?;
    far.remove(&path).map(Answer::Changed)
}

pub(super) fn make_directory(
    open: &OpenCall,
    target: &FileTarget,
    mode: Option<u32>,
    owner: Option<String>,
    group: Option<String>,
) -> Result<Answer> {
    let (far, path) = open.locate(target)?;
    let wanted = attributes(&mut far_of_machine(open), mode, owner.as_deref(), group.as_deref())?;
    match far.stat(&path)? {
        Some(old) if old.kind == Kind::Directory => set_if_different(&far, &path, &old, wanted).map(Answer::Changed),
        Some(old) => {
            let tried = format!("create the directory `{}`", path.display());
            Err(Failure::new(tried, Cause::Refused(format!("it is {}", old.kind.words()))))
        }
        None => {
            far.make_parents(&path)?;
            far.make_directory(&path, wanted)?;
            Ok(Answer::Changed(true))
        }
    }
}

pub(super) fn symlink(open: &OpenCall, target: &FileTarget, to: &[u8]) -> Result<Answer> {
    let (far, path) = open.locate(target)?;
    let to = OsStr::from_bytes(to);
    match far.stat(&path)? {
        Some(old) if old.kind != Kind::Symlink => {
            let tried = format!("create the link `{}`", path.display());
            Err(Failure::new(tried, Cause::Refused(format!("it is {}", old.kind.words()))))
        }
        Some(_) if far.read_link(&path)?.as_deref() == Some(to) => Ok(Answer::Changed(false)),
        _ => {
            far.make_parents(&path)?;
            far.link(&path, to)?;
            Ok(Answer::Changed(true))
        }
    }
}

/// Returns the machine itself, in which accounts are looked up, also for a path in a directory.
fn far_of_machine(open: &OpenCall) -> Far {
    open.far()
}

fn attributes(far: &mut Far, mode: Option<u32>, owner: Option<&str>, group: Option<&str>) -> Result<Attributes> {
    Ok(Attributes {
        mode: mode.map(|mode| mode & 0o7777),
        uid: owner.map(|owner| far.uid(owner)).transpose()?,
        gid: group.map(|group| far.gid(group)).transpose()?,
    })
}

fn set_if_different(far: &Far, path: &Path, old: &Stat, wanted: Attributes) -> Result<bool> {
    let differs = wanted.mode.is_some_and(|mode| mode != old.mode)
        || wanted.uid.is_some_and(|uid| uid != old.uid)
        || wanted.gid.is_some_and(|gid| gid != old.gid);
    if differs {
        far.set(path, wanted)?;
    }
    Ok(differs)
}

fn failed(tried: &str, error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::Interrupted => Failure::new(tried, Cause::Cancelled),
        _ => Failure::new(tried, error),
    }
}
