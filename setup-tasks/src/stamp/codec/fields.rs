//! Optional facts of an entry. Since format 3 they follow its fixed part, each as a tag, a length
//! and that many bytes.
//!
//! To add a fact, add a field to [`Entry`] or [`Stamp`](super::Stamp) whose default means "not
//! known". Then add a line to [`FIELDS`] with the next free tag, a row to the table in
//! docs/src/formats.md, and a strategy to the tests of the codec. A released format gets a new
//! version, so that older programs refuse the database instead of forgetting the fact.

use super::{Entry, Rest, Timestamp, put_bytes, put_number};

/// An optional fact, with its encoder and its decoder.
struct Field {
    /// The tag, which is never reused for another fact.
    tag: u64,
    /// Encodes the fact. Returns `None` if the entry has the fact's default.
    get: fn(&Entry) -> Option<Vec<u8>>,
    /// Decodes the fact into the entry. Returns `None` if the bytes do not encode such a fact.
    set: fn(&mut Entry, &[u8]) -> Option<()>,
}

const FIELDS: &[Field] = &[
    Field { tag: 1, get: get_changed, set: set_changed },
    Field { tag: 2, get: get_inputs, set: set_inputs },
    Field { tag: 3, get: get_kept, set: set_kept },
];

fn get_changed(entry: &Entry) -> Option<Vec<u8>> {
    entry.changed.map(|time| time.0.to_le_bytes().to_vec())
}

fn set_changed(entry: &mut Entry, bytes: &[u8]) -> Option<()> {
    entry.changed = Some(Timestamp(u64::from_le_bytes(bytes.try_into().ok()?)));
    Some(())
}

fn get_inputs(entry: &Entry) -> Option<Vec<u8>> {
    let inputs = &entry.stamp.as_ref()?.inputs;
    // The encoding of an input cannot fail.
    if inputs.is_empty() { None } else { postcard::to_stdvec(inputs).ok() }
}

fn set_inputs(entry: &mut Entry, bytes: &[u8]) -> Option<()> {
    entry.stamp.as_mut()?.inputs = postcard::from_bytes(bytes).ok()?;
    Some(())
}

fn get_kept(entry: &Entry) -> Option<Vec<u8>> {
    let kept = &entry.stamp.as_ref()?.kept;
    if kept.is_empty() { None } else { Some(kept.clone()) }
}

fn set_kept(entry: &mut Entry, bytes: &[u8]) -> Option<()> {
    entry.stamp.as_mut()?.kept = bytes.to_vec();
    Some(())
}

/// Returns whether the entry has a fact outside its fixed part.
pub(super) fn any(entry: &Entry) -> bool {
    FIELDS.iter().any(|field| (field.get)(entry).is_some())
}

/// Writes the number of facts, and then each fact.
pub(super) fn put(bytes: &mut Vec<u8>, entry: &Entry) {
    let facts: Vec<_> = FIELDS.iter().filter_map(|field| Some((field.tag, (field.get)(entry)?))).collect();
    put_number(bytes, facts.len() as u64);
    for (tag, fact) in facts {
        put_number(bytes, tag);
        put_bytes(bytes, &fact);
    }
}

/// Reads the facts that [`put`] wrote. Returns `None` for an unknown tag, which this version never
/// writes.
pub(super) fn read(rest: &mut Rest<'_>, entry: &mut Entry) -> Option<()> {
    for _ in 0..rest.number()? {
        let tag = rest.number()?;
        let fact = rest.bytes()?;
        let field = FIELDS.iter().find(|field| field.tag == tag)?;
        (field.set)(entry, fact)?;
    }
    Some(())
}
