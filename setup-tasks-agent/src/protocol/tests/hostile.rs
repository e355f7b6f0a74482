//! Input that is malformed, truncated or endless: it ends in an error, and needs little memory.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{cases, decode_all, messages};
use crate::protocol::*;

/// An input without an end, which repeats these bytes.
struct Endless {
    bytes: Vec<u8>,
    at: usize,
    delivered: usize,
}

impl Endless {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), at: 0, delivered: 0 }
    }
}

impl Read for &mut Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.bytes[self.at % self.bytes.len()];
            self.at += 1;
        }
        self.delivered += buffer.len();
        Ok(buffer.len())
    }
}

proptest! {
    #![proptest_config(cases("bytes of a connection", 256))]

    #[test]
    fn fuzz_random_bytes_end_in_an_error_or_in_messages(bytes: Vec<u8>, pieces in proptest::collection::vec(1..50_usize, 1..4)) {
        let _ = decode_all(&bytes, &pieces);
        let mut reader = MessageReader::<_, ToAgent>::new(&bytes[..]);
        while let Ok(Some(_)) = reader.receive() {}
    }

    #[test]
    fn fuzz_random_payloads_in_good_frames_end_in_an_error_or_in_messages(payload in proptest::collection::vec(any::<u8>(), 1..400)) {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(payload);
        let _ = decode_all(&bytes, &[7]);
        let _ = MessageReader::<_, ToAgent>::new(&bytes[..]).receive();
    }

    #[test]
    fn fuzz_each_truncated_message_is_an_error(message in messages::to_controller(), cut: prop::sample::Index) {
        let mut bytes = Vec::new();
        encode(&message, &mut bytes).unwrap();
        let cut = 1 + cut.index(bytes.len() - 1);
        prop_assert!(matches!(decode_all(&bytes[..cut], &[3]), Err(FrameError::Truncated)));
    }

    #[test]
    fn fuzz_a_changed_byte_ends_in_an_error_or_in_another_message(message in messages::to_agent(), at: prop::sample::Index, byte: u8) {
        let mut bytes = Vec::new();
        encode(&message, &mut bytes).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = MessageReader::<_, ToAgent>::new(&bytes[..]).receive();
    }
}

#[test]
fn a_frame_of_no_bytes_or_too_many_is_refused_at_its_header() {
    for length in [0_u32, (1 << 20) + 1, u32::MAX, 1 << 31] {
        let mut input = &length.to_le_bytes()[..];
        assert!(matches!(Decoder::<ToAgent>::new().decode(&mut input), Err(FrameError::Length(_))), "{length}");
    }
}

#[test]
fn a_message_without_an_end_is_refused_after_4_mib() {
    let mut frame = ((1_u32 << 31) | 1024).to_le_bytes().to_vec();
    frame.extend([0; 1024]);
    let mut input = Endless::new(frame);
    let error = MessageReader::<_, ToAgent>::new(&mut input).receive().unwrap_err();
    assert!(matches!(error, FrameError::TooLong), "{error}");
    assert!(input.delivered < MAX_MESSAGE + (128 << 10), "{} bytes were read", input.delivered);
}

#[test]
fn an_announced_length_takes_no_memory_before_the_bytes_arrive() {
    let mut decoder = Decoder::<ToAgent>::new();
    assert!(decoder.decode(&mut &(1_u32 << 20).to_le_bytes()[..]).unwrap().is_none());
    assert!(decoder.memory() < 64, "{} bytes", decoder.memory());
}

#[test]
fn a_long_list_in_a_short_message_is_refused() {
    let observed = |count: usize| {
        let difference =
            Difference { what: String::new(), is: String::new(), should_be: None, texts: None, secret: false };
        ToController::Observed { id: CallId(0), resource: ResourceId(0), observation: Ok(vec![difference; count]) }
    };
    let mut bytes = Vec::new();
    encode(&observed(16 << 10), &mut bytes).unwrap();
    assert!(decode_all(&bytes, &[4096]).is_ok());
    bytes.clear();
    encode(&observed((16 << 10) + 1), &mut bytes).unwrap();
    assert!(matches!(decode_all(&bytes, &[4096]), Err(FrameError::Malformed(_))));
}

#[test]
fn endless_output_without_a_hello_is_refused_and_not_kept() {
    for output in [&b"no line break "[..], b"short lines\n"] {
        let mut endless = Endless::new(output);
        let mut scanner = HelloScanner::new(Nonce([0; 16]));
        let mut buffer = [0; 4096];
        let error = loop {
            let read = (&mut endless).read(&mut buffer).unwrap();
            if let Err(error) = scanner.decode(&mut &buffer[..read]) {
                break error;
            }
        };
        assert_eq!(error, HelloError::TooMuchNoise);
        assert!(scanner.noise().len() <= 9 << 10);
    }
}

#[test]
fn output_before_the_hello_is_shown_without_terminal_escapes() {
    let mut scanner = HelloScanner::new(Nonce([0; 16]));
    scanner.decode(&mut &b"\x1b]0;title\x07This account is not available.\n"[..]).unwrap();
    assert_eq!(scanner.noise(), "]0;titleThis account is not available.\n");
}
