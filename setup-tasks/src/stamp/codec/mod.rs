//! The encoding of records: a version, a checksum over the object's name and the bytes after it,
//! then the entries. The parts that every stamp has are of fixed width, because a run that has
//! nothing to do spends much of its time here. The format is described in docs/src/formats.md.

mod fields;
mod first;

use smol_str::SmolStr;

use super::{Attempt, Entry, InputStamp, Records, RunId, Stamp, Timestamp};

/// The format that is written: format 2 with optional facts.
const VERSION: u8 = 3;
/// Format 2, whose entries have no optional facts. It is still read.
const WITHOUT_FIELDS: u8 = 2;
/// Format 1, which is postcard throughout. It is still read.
const POSTCARD: u8 = 1;
const HEAD: usize = 5;

/// The flags in the first byte of an entry.
mod has {
    pub(super) const STAMP: u8 = 1;
    pub(super) const SOURCE: u8 = 2;
    pub(super) const CONTENTS: u8 = 4;
    /// The inputs in format 2. Since format 3 they are an optional fact.
    pub(super) const INPUTS: u8 = 8;
    pub(super) const CHANGED_WHILE_RUNNING: u8 = 16;
    /// The stamp has the same run as the stamp before it.
    pub(super) const SAME_RUN: u8 = 32;
    pub(super) const ATTEMPT: u8 = 64;
    /// Optional facts follow. See [`fields`](super::fields).
    pub(super) const FIELDS: u8 = 128;
}

/// Encodes the records of `object`.
pub(crate) fn encode(object: &str, records: &Records) -> Result<Vec<u8>, String> {
    let mut bytes = vec![VERSION, 0, 0, 0, 0];
    put_number(&mut bytes, records.0.len() as u64);
    let mut last_run = None;
    for (name, entry) in &records.0 {
        put_entry(&mut bytes, name, entry, &mut last_run)?;
    }
    let checksum = checksum(object, VERSION, &bytes[HEAD..]);
    bytes[1..HEAD].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

fn put_entry(bytes: &mut Vec<u8>, name: &str, entry: &Entry, last_run: &mut Option<RunId>) -> Result<(), String> {
    let flag = |is: bool, flag| if is { flag } else { 0 };
    let mut flags = flag(entry.attempt.is_some(), has::ATTEMPT) | flag(fields::any(entry), has::FIELDS);
    if let Some(stamp) = &entry.stamp {
        flags |= has::STAMP
            | flag(stamp.source.is_some(), has::SOURCE)
            | flag(!stamp.contents.is_empty(), has::CONTENTS)
            | flag(stamp.changed_while_running, has::CHANGED_WHILE_RUNNING)
            | flag(last_run.replace(stamp.run) == Some(stamp.run), has::SAME_RUN);
    }
    bytes.push(flags);
    put_bytes(bytes, name.as_bytes());
    if let Some(stamp) = &entry.stamp {
        bytes.extend(stamp.time.0.to_le_bytes());
        if flags & has::SAME_RUN == 0 {
            bytes.extend(stamp.run.began.to_le_bytes());
            bytes.extend(stamp.run.pid.to_le_bytes());
        }
        if let Some(source) = stamp.source {
            bytes.extend(source.to_le_bytes());
        }
        put_number(bytes, stamp.duration_us);
        if flags & has::CONTENTS != 0 {
            put_bytes(bytes, stamp.contents.as_bytes());
        }
    }
    if let Some(attempt) = &entry.attempt {
        put_bytes(bytes, &postcard::to_stdvec(attempt).map_err(|error| error.to_string())?);
    }
    if flags & has::FIELDS != 0 {
        fields::put(bytes, entry);
    }
    Ok(())
}

/// Writes a number as LEB128: seven bits per byte, the lowest first. The highest bit is set if more
/// bytes follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn put_bytes(bytes: &mut Vec<u8>, put: &[u8]) {
    put_number(bytes, put.len() as u64);
    bytes.extend_from_slice(put);
}

/// Decodes the records of `object`. The error describes the damage.
pub(crate) fn decode(object: &str, bytes: &[u8]) -> Result<Records, String> {
    let Some((head, body)) = bytes.split_at_checked(HEAD) else {
        return Err(format!("the record of `{object}` is cut off"));
    };
    if !matches!(head[0], POSTCARD | WITHOUT_FIELDS | VERSION) {
        return Err(format!("the record of `{object}` has version {}, not {VERSION}", head[0]));
    }
    if checksum(object, head[0], body).to_le_bytes() != head[1..] {
        return Err(format!("the record of `{object}` does not match its checksum"));
    }
    if head[0] == POSTCARD {
        let first: Result<first::Records, _> = postcard::from_bytes(body);
        return first.map(Into::into).map_err(|error| format!("the record of `{object}`: {error}"));
    }
    // The decoder also reads format 2. That format has no flag for optional facts, so its flags are
    // at most 127.
    decode_body(body).ok_or_else(|| format!("the record of `{object}` cannot be read"))
}

pub(crate) fn decode_body(body: &[u8]) -> Option<Records> {
    let mut rest = Rest(body);
    let count = usize::try_from(rest.number()?).ok()?;
    // Each entry has at least two bytes. The limit keeps a damaged count from allocating more
    // memory.
    let mut entries = Vec::with_capacity(count.min(body.len() / 2));
    let mut last_run = None;
    for _ in 0..count {
        let [flags] = rest.take()?;
        let name = SmolStr::new(rest.text()?);
        let stamp = if flags & has::STAMP == 0 { None } else { Some(rest.stamp(flags, &mut last_run)?) };
        let attempt =
            if flags & has::ATTEMPT == 0 { None } else { Some(Box::new(postcard::from_bytes(rest.bytes()?).ok()?)) };
        entries.push((name, Entry { stamp, attempt, changed: None }));
        // The facts are read into the entry in its place in the list. Most entries have no facts,
        // and this spares them another move.
        if flags & has::FIELDS != 0
            && let Some((_, entry)) = entries.last_mut()
        {
            fields::read(&mut rest, entry)?;
        }
    }
    rest.0.is_empty().then_some(Records(entries))
}

/// The bytes that remain to be read. Each method returns `None` if the bytes end too early or
/// cannot have been written.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.take()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn stamp(&mut self, flags: u8, last_run: &mut Option<RunId>) -> Option<Stamp> {
        let time = Timestamp(self.u64()?);
        if flags & has::SAME_RUN == 0 {
            *last_run = Some(RunId { began: self.u64()?, pid: self.take().map(u32::from_le_bytes)? });
        }
        let source = if flags & has::SOURCE == 0 { None } else { Some(self.u64()?) };
        let duration_us = self.number()?;
        let contents = if flags & has::CONTENTS == 0 { String::new() } else { self.text()?.to_owned() };
        let inputs = if flags & has::INPUTS == 0 {
            Vec::new()
        } else {
            let inputs: Vec<first::Input> = postcard::from_bytes(self.bytes()?).ok()?;
            inputs.into_iter().map(Into::into).collect()
        };
        let changed_while_running = flags & has::CHANGED_WHILE_RUNNING != 0;
        let run = (*last_run)?;
        Some(Stamp { time, contents, source, run, duration_us, inputs, changed_while_running, kept: Vec::new() })
    }
}

/// Returns the checksum of a record. Since format 3 it covers the version. Otherwise a record whose
/// version byte changed to 2 would still match.
fn checksum(object: &str, version: u8, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(object.as_bytes());
    if version >= VERSION {
        hasher.update(&[version]);
    }
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Bytes that a program of the first format wrote. Every later version must read them.
    const FIRST_FORMAT: &str = "01b5c24eed02056d6f756e740180c0a0c898dbc5f51802726f010780acb5eb94dbc5f518e724ac020000000662616e6e65\
                                7200010181c0a0c898dbc5f51880acb5eb94dbc5f518e724026e6f";

    fn input(path: &str, digest: [u8; 32], changed: u64) -> InputStamp {
        let mut fields = json!({"path": path, "digest": digest, "size": 3, "modified": 4, "inode": 5, "recorded": 6});
        if changed > 0 {
            fields["changed"] = changed.into();
        }
        serde_json::from_value(fields).unwrap()
    }

    fn stamp() -> impl Strategy<Value = Stamp> {
        let run = (0u64..3, any::<u32>()).prop_map(|(began, pid)| RunId { began, pid: pid % 2 });
        let input = any::<(String, [u8; 32], u64)>().prop_map(|(path, digest, changed)| input(&path, digest, changed));
        let inputs = proptest::collection::vec(input, 0..3);
        let kept = proptest::collection::vec(any::<u8>(), 0..9);
        (any::<u64>(), ".{0,80}", any::<Option<u64>>(), run, any::<u64>(), inputs, any::<bool>(), kept).prop_map(
            |(time, contents, source, run, duration_us, inputs, changed_while_running, kept)| Stamp {
                time: Timestamp(time),
                contents,
                source,
                run,
                duration_us,
                inputs,
                changed_while_running,
                kept,
            },
        )
    }

    fn attempt() -> impl Strategy<Value = Attempt> {
        let run = RunId { began: 1, pid: 2 };
        prop_oneof![
            any::<u64>().prop_map(move |since| Attempt::Running { since: Timestamp(since), run }),
            (any::<u64>(), ".{0,9}").prop_map(move |(time, error)| Attempt::Failed {
                time: Timestamp(time),
                run,
                error
            }),
        ]
    }

    fn records() -> impl Strategy<Value = Records> {
        let changed = any::<Option<u64>>().prop_map(|time| time.map(Timestamp));
        let entry = (proptest::option::of(stamp()), proptest::option::of(attempt()), changed);
        let entry =
            entry.prop_map(|(stamp, attempt, changed)| Entry { stamp, attempt: attempt.map(Box::new), changed });
        proptest::collection::vec((".{0,30}".prop_map(SmolStr::from), entry), 0..5).prop_map(Records)
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(records in records()) {
            prop_assert_eq!(decode("a/b", &encode("a/b", &records).unwrap()).unwrap(), records);
        }

        #[test]
        fn what_the_first_format_keeps_is_decoded(mut records in records()) {
            for (_, entry) in &mut records.0 {
                entry.changed = None;
                if let Some(stamp) = &mut entry.stamp {
                    stamp.kept.clear();
                    stamp.inputs.iter_mut().for_each(|input| input.changed = Timestamp::default());
                }
            }
            let body = postcard::to_stdvec(&first::Records::from(records.clone())).unwrap();
            let mut bytes = vec![POSTCARD];
            bytes.extend(checksum("a/b", POSTCARD, &body).to_le_bytes());
            bytes.extend(body);
            prop_assert_eq!(decode("a/b", &bytes).unwrap(), records);
        }

        #[test]
        fn a_changed_byte_is_noticed(records in records(), at: prop::sample::Index, flip in 1u8..) {
            let mut bytes = encode("a/b", &records).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(decode("a/b", &bytes).is_err());
        }

        #[test]
        fn any_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            prop_assert!(decode("a/b", &bytes).is_err());
        }
    }

    #[test]
    fn records_of_another_object_are_refused() {
        assert!(decode("b", &encode("a", &Records::default()).unwrap()).is_err());
    }

    #[test]
    fn a_newer_version_is_refused_by_its_number() {
        let mut bytes = encode("a", &Records::default()).unwrap();
        bytes[0] = 4;
        assert_eq!(decode("a", &bytes).unwrap_err(), "the record of `a` has version 4, not 3");
    }

    #[test]
    fn a_record_of_the_second_format_is_read() {
        let stamp = Stamp { contents: "ro".to_owned(), ..Stamp::default() };
        let mut records = Records::default();
        records.set("mount", Some(Entry::completed(stamp)));
        let mut bytes = encode("a", &records).unwrap();
        // Without optional facts, the bytes after the version are the same in both formats.
        bytes[0] = WITHOUT_FIELDS;
        assert!(decode("a", &bytes).is_err(), "the version is not to be changed alone");
        let checksum = checksum("a", WITHOUT_FIELDS, &bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode("a", &bytes).unwrap(), records);
    }

    #[test]
    fn inputs_of_the_second_format_are_read() {
        let stamp = Stamp { inputs: vec![input("conf", [7; 32], 0)], ..Stamp::default() };
        let mut records = Records::default();
        records.set("mount", Some(Entry::completed(stamp)));
        let mut bytes = vec![WITHOUT_FIELDS, 0, 0, 0, 0, 1, has::STAMP | has::INPUTS];
        put_bytes(&mut bytes, b"mount");
        // The time, the run and the duration.
        bytes.extend([0; 8 + 12 + 1]);
        let mut kept = vec![1];
        put_bytes(&mut kept, b"conf");
        kept.extend([7; 32]);
        kept.extend([3, 4, 5, 6]);
        put_bytes(&mut bytes, &kept);
        let checksum = checksum("a", WITHOUT_FIELDS, &bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode("a", &bytes).unwrap(), records);
    }

    #[test]
    fn a_fact_of_an_unknown_tag_is_refused() {
        let mut records = Records::default();
        records.set("mount", Some(Entry { changed: Some(Timestamp(7)), ..Entry::default() }));
        let mut bytes = encode("a", &records).unwrap();
        let tag = bytes.len() - 10;
        assert_eq!(bytes[tag], 1);
        bytes[tag] = 99;
        let checksum = checksum("a", VERSION, &bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode("a", &bytes).unwrap_err(), "the record of `a` cannot be read");
    }

    #[test]
    fn a_record_of_the_first_format_is_read() {
        let byte = |at| u8::from_str_radix(&FIRST_FORMAT[at..at + 2], 16).unwrap();
        let bytes: Vec<_> = (0..FIRST_FORMAT.len()).step_by(2).map(byte).collect();
        let records = decode("hosts/ada", &bytes).unwrap();
        let stamp = records.get("mount").and_then(Entry::valid).unwrap();
        assert_eq!((stamp.time.0, &*stamp.contents, stamp.source), (1_795_554_000_000_000_000, "ro", Some(7)));
        assert!(
            matches!(records.get("banner").unwrap().attempt.as_deref(), Some(Attempt::Failed { error, .. }) if error == "no")
        );
    }
}
