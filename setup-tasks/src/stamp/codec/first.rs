//! Records of format 1, which is postcard throughout. The types stay as they were when that format
//! was written.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Attempt, RunId, Timestamp};

#[derive(Serialize, Deserialize)]
pub(super) struct Records(Vec<(SmolStr, Entry)>);

#[derive(Serialize, Deserialize)]
struct Entry {
    stamp: Option<Stamp>,
    attempt: Option<Attempt>,
}

#[derive(Serialize, Deserialize)]
struct Stamp {
    time: Timestamp,
    contents: String,
    source: Option<u64>,
    run: RunId,
    duration_us: u64,
    inputs: Vec<Input>,
    changed_while_running: bool,
}

/// An input file in formats 1 and 2.
#[derive(Serialize, Deserialize)]
pub(super) struct Input {
    path: String,
    digest: [u8; 32],
    size: u64,
    modified: Timestamp,
    inode: u64,
    recorded: Timestamp,
}

impl From<Input> for super::InputStamp {
    fn from(first: Input) -> Self {
        let Input { path, digest, size, modified, inode, recorded } = first;
        Self { path, digest, size, modified, inode, recorded, changed: Timestamp::default() }
    }
}

impl From<Stamp> for super::Stamp {
    fn from(first: Stamp) -> Self {
        let Stamp { time, contents, source, run, duration_us, inputs, changed_while_running } = first;
        let inputs = inputs.into_iter().map(Into::into).collect();
        Self { time, contents, source, run, duration_us, inputs, changed_while_running, kept: Vec::new() }
    }
}

impl From<Records> for super::Records {
    fn from(first: Records) -> Self {
        let entry = |first: Entry| super::Entry {
            stamp: first.stamp.map(Into::into),
            attempt: first.attempt.map(Box::new),
            ..super::Entry::default()
        };
        Self(first.0.into_iter().map(|(name, first)| (name, entry(first))).collect())
    }
}

#[cfg(test)]
impl From<super::Records> for Records {
    fn from(now: super::Records) -> Self {
        let stamp = |now: super::Stamp| {
            let super::Stamp { time, contents, source, run, duration_us, inputs, changed_while_running, .. } = now;
            let input = |now: super::InputStamp| {
                let super::InputStamp { path, digest, size, modified, inode, recorded, .. } = now;
                Input { path, digest, size, modified, inode, recorded }
            };
            let inputs = inputs.into_iter().map(input).collect();
            Stamp { time, contents, source, run, duration_us, inputs, changed_while_running }
        };
        let entry =
            |now: super::Entry| Entry { stamp: now.stamp.map(stamp), attempt: now.attempt.map(|attempt| *attempt) };
        Self(now.0.into_iter().map(|(name, now)| (name, entry(now))).collect())
    }
}
