//! The output of a program, in chunks that end with a line where possible.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};

use crate::protocol::CHUNK;

/// The time after which the beginning of a line is passed on.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Passes the bytes of a pipe to `chunk` until its end, or until `chunk` returns false. Each chunk ends at the end of a line, unless the line is longer than a
/// chunk or the pipe is quiet for a while.
pub(super) fn copy(pipe: &OwnedFd, mut chunk: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; CHUNK];
    let mut held = 0;
    loop {
        if held > 0 && is_quiet(pipe) {
            if !chunk(&buffer[..held]) {
                return;
            }
            held = 0;
        }
        let count = match read(pipe, &mut buffer[held..]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(_) => break,
        };
        let all = held + count;
        let end = match buffer[held..all].iter().rposition(|byte| *byte == b'\n') {
            Some(at) => held + at + 1,
            None if all == buffer.len() => all,
            None => 0,
        };
        if end > 0 {
            if !chunk(&buffer[..end]) {
                return;
            }
            buffer.copy_within(end..all, 0);
        }
        held = all - end;
    }
    if held > 0 {
        chunk(&buffer[..held]);
    }
}

fn is_quiet(pipe: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(pipe, PollFlags::IN)];
    matches!(poll(&mut polled, Some(&QUIET)), Ok(0))
}
