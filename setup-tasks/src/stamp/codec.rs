//! Records as bytes: a version, a checksum over the object's name and what follows, then postcard.

use super::Records;

/// The format that is written.
pub(super) const VERSION: u8 = 1;
const HEAD: usize = 5;

/// Encodes the records of `object`.
pub(crate) fn encode(object: &str, records: &Records) -> Result<Vec<u8>, String> {
    let body = postcard::to_stdvec(records).map_err(|error| error.to_string())?;
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    bytes.push(VERSION);
    bytes.extend(checksum(object, &body).to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

/// Decodes the records of `object`, or says what is wrong with the bytes.
pub(crate) fn decode(object: &str, bytes: &[u8]) -> Result<Records, String> {
    let Some((head, body)) = bytes.split_at_checked(HEAD) else {
        return Err(format!("the record of `{object}` is cut off"));
    };
    if head[0] != VERSION {
        return Err(format!("the record of `{object}` has version {}, not {VERSION}", head[0]));
    }
    if checksum(object, body).to_le_bytes() != head[1..] {
        return Err(format!("the record of `{object}` does not match its checksum"));
    }
    postcard::from_bytes(body).map_err(|error| format!("the record of `{object}`: {error}"))
}

fn checksum(object: &str, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(object.as_bytes());
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Entry, Moment, RunId, Stamp};
    use super::*;

    fn records(text: &str, time: u64) -> Records {
        let stamp = Stamp {
            time: Moment(time),
            contents: text.to_owned(),
            source: Some(time),
            run: RunId { began: 1, pid: 2 },
            duration_us: 3,
            inputs: vec![],
            changed_while_running: false,
        };
        let mut records = Records::default();
        records.set("mount", Some(Entry { stamp: Some(stamp), attempt: None }));
        records
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".{0,80}", time: u64) {
            let records = records(&text, time);
            prop_assert_eq!(decode("a/b", &encode("a/b", &records).unwrap()).unwrap(), records);
        }

        #[test]
        fn a_changed_byte_is_noticed(at: prop::sample::Index, flip in 1u8..) {
            let mut bytes = encode("a/b", &records("text", 7)).unwrap();
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
        assert!(decode("b", &encode("a", &records("text", 7)).unwrap()).is_err());
    }
}
