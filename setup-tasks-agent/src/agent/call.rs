//! An open call, as the threads that work on it see it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_bytes::ByteBuf;

use super::data::{CallData, InputStop};
use super::lock::Lock;
use super::outbox::Outbox;
use crate::Result;
use crate::far::{Base, Far, OutputSink};
use crate::process::Cancel;
use crate::protocol::{CHUNK, CallId, FileTarget, Stream, ToController};

/// An open call.
#[derive(Clone)]
pub(super) struct OpenCall {
    pub(super) id: CallId,
    pub(super) cancel: Cancel,
    pub(super) data: Arc<CallData>,
    pub(super) outbox: Outbox,
    pub(super) base: Arc<Base>,
    pub(super) lock: Arc<Lock>,
}

impl OpenCall {
    pub(super) fn new(id: CallId, outbox: Outbox, base: Arc<Base>, lock: Arc<Lock>) -> Self {
        Self { id, cancel: Cancel::default(), data: Arc::default(), outbox, base, lock }
    }

    /// Cancels the call: its programs are ended, and its waits.
    pub(super) fn cancel(&self) {
        self.data.stop();
        self.cancel.cancel();
    }

    /// Returns the machine for this call. The output of programs goes to the controller.
    pub(super) fn far(&self) -> Far {
        let call = self.clone();
        let output: OutputSink = Arc::new(move |stream, bytes| call.send_output(stream, bytes));
        self.base.for_call(self.cancel.clone(), Some(output))
    }

    /// Sends a message. A message that is too long would be a mistake of this program, and is dropped.
    pub(super) fn send(&self, message: &ToController) {
        let sent = self.outbox.send(message);
        debug_assert!(sent.is_ok(), "{sent:?}");
    }

    /// Sends output of a program, as far as the controller gives credit. Returns false once nobody wants more.
    pub(super) fn send_output(&self, stream: Stream, bytes: &[u8]) -> bool {
        let id = self.id;
        self.send_chunks(bytes, |bytes| ToController::Output { id, stream, bytes })
    }

    /// Sends content of a file, as far as the controller gives credit. Returns whether all of it was sent.
    pub(super) fn send_data(&self, bytes: &[u8]) -> bool {
        let id = self.id;
        self.send_chunks(bytes, |bytes| ToController::Data { id, bytes })
    }

    fn send_chunks(&self, mut bytes: &[u8], message: impl Fn(ByteBuf) -> ToController) -> bool {
        while !bytes.is_empty() {
            let credit = self.data.spend(bytes.len().min(CHUNK));
            if credit == 0 {
                return false;
            }
            let (chunk, rest) = bytes.split_at(credit);
            self.send(&message(ByteBuf::from(chunk)));
            self.data.sent();
            bytes = rest;
        }
        true
    }

    /// Passes the data of the call to `consume`, up to its end.
    pub(super) fn receive(&self, mut consume: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            match self.data.next() {
                Ok(chunk) => {
                    consume(&chunk.bytes)?;
                    self.give_credit(chunk.credit);
                }
                Err(InputStop::Ended) => return Ok(()),
                Err(InputStop::Cancelled) => return Err(io::ErrorKind::Interrupted.into()),
            }
        }
    }

    /// Drops the data of the call that is still to come.
    pub(super) fn refuse_input(&self) {
        self.give_credit(self.data.refuse_input());
    }

    pub(super) fn give_credit(&self, credit: Option<u32>) {
        credit.into_iter().for_each(|bytes| self.outbox.send_at_once(&ToController::Credit { id: self.id, bytes }));
    }

    /// Returns the machine with a directory as root, if there is one, and the path in it.
    pub(super) fn locate(&self, target: &FileTarget) -> Result<(Far, PathBuf)> {
        let path = |bytes: &ByteBuf| PathBuf::from(OsStr::from_bytes(bytes));
        let far = self.far();
        match &target.root {
            Some(root) => Ok((far.rooted(&path(root))?, path(&target.path))),
            None => Ok((far, path(&target.path))),
        }
    }
}
