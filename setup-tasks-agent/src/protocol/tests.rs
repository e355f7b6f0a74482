//! Tests of the codec and the messages, with messages and bytes made at random.

mod hostile;
mod messages;

pub(crate) use messages::to_agent as messages_to_agent;

use proptest::prelude::*;

use super::*;

/// Returns the configuration of a test, with the number of cases multiplied by `FUZZ`. The number is printed, so that the cases of a long
/// run can be added up.
pub(crate) fn cases(name: &str, ordinary: u32) -> ProptestConfig {
    let factor = std::env::var("FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let cases = ordinary.saturating_mul(factor);
    #[expect(clippy::print_stdout, reason = "the cases of a long run are added up")]
    {
        println!("fuzz {name}: {cases} cases");
    }
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Returns the messages in these bytes, which are passed to the decoder in pieces of these sizes.
fn decode_all(bytes: &[u8], pieces: &[usize]) -> Result<Vec<ToController>, FrameError> {
    let (mut decoder, mut messages, mut rest, mut pieces) = (Decoder::new(), Vec::new(), bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let (mut piece, after) = rest.split_at((*pieces.next().unwrap()).clamp(1, rest.len()));
        rest = after;
        while let Some(message) = decoder.decode(&mut piece)? {
            messages.push(message);
        }
        assert!(piece.is_empty(), "the decoder takes its input");
    }
    decoder.finish().map(|()| messages)
}

proptest! {
    #![proptest_config(cases("messages", 256))]

    #[test]
    fn fuzz_every_message_of_a_controller_arrives_as_it_was_sent(message in messages::to_agent()) {
        let mut bytes = Vec::new();
        encode(&message, &mut bytes).unwrap();
        let mut reader = MessageReader::<_, ToAgent>::new(&bytes[..]);
        prop_assert_eq!(reader.receive().unwrap(), Some(message));
        prop_assert!(reader.receive().unwrap().is_none());
    }

    #[test]
    fn fuzz_every_message_of_an_agent_arrives_in_any_pieces(
        sent in proptest::collection::vec(messages::to_controller(), 1..5),
        pieces in proptest::collection::vec(1..200_usize, 1..8),
    ) {
        let mut bytes = Vec::new();
        sent.iter().for_each(|message| encode(message, &mut bytes).unwrap());
        prop_assert_eq!(decode_all(&bytes, &pieces).unwrap(), sent);
    }

    #[test]
    fn a_hello_is_found_behind_any_output(noise in "\\PC{0,300}(\n\\PC{0,50}){0,5}", nonce: [u8; 16], hash: [u8; 32], piece in 1..40_usize) {
        let hello = HelloLine { version: VERSION, nonce: Nonce(nonce), hash: Hash(hash) };
        let output = format!("{noise}{hello}frames");
        let (mut scanner, mut found, mut rest) = (HelloScanner::new(hello.nonce), None, output.as_bytes());
        while found.is_none() {
            let (mut bytes, after) = rest.split_at(piece.min(rest.len()));
            found = scanner.decode(&mut bytes).unwrap();
            rest = &rest[rest.len() - after.len() - bytes.len()..];
        }
        prop_assert_eq!(found, Some(hello));
        prop_assert_eq!(rest, b"frames");
    }
}

#[test]
fn a_message_longer_than_a_frame_is_sent_in_several() {
    let text = "x".repeat(MAX_TEXT);
    let difference = Difference::new("/f", "content differs").with_texts(Some(text.as_bytes()), Some(text.as_bytes()));
    let message = ToController::Observed { id: CallId(1), resource: ResourceId(2), observation: Ok(vec![difference]) };
    let mut bytes = Vec::new();
    encode(&message, &mut bytes).unwrap();
    assert_eq!(u32::from_le_bytes(bytes[..4].try_into().unwrap()), (1 << 31) | (1 << 20));
    assert_eq!(decode_all(&bytes, &[100_000]).unwrap(), [message]);
}

#[test]
fn a_message_that_is_too_long_is_not_sent() {
    let mut bytes = b"before".to_vec();
    let message = ToController::Bye("x".repeat(MAX_MESSAGE));
    assert!(matches!(encode(&message, &mut bytes), Err(FrameError::TooLong)));
    assert_eq!(bytes, b"before");
}

#[test]
fn a_hello_of_another_start_is_skipped() {
    let old = HelloLine { version: VERSION, nonce: Nonce([1; 16]), hash: Hash([0; 32]) };
    let new = HelloLine { nonce: Nonce([2; 16]), ..old };
    let output = format!("{old}{new}");
    assert_eq!(HelloScanner::new(new.nonce).decode(&mut output.as_bytes()).unwrap(), Some(new));
}

#[test]
fn a_hello_of_a_later_version_is_reported_with_its_version() {
    let output = format!("setup-tasks-agent 99 {} {} further words\n", Nonce([2; 16]), Hash([3; 32]));
    let hello = HelloScanner::new(Nonce([2; 16])).decode(&mut output.as_bytes()).unwrap().unwrap();
    assert_eq!(hello.version, 99);
}

#[test]
fn debug_shows_no_secret_and_no_field_of_a_resource() {
    let data = ResourceData { kind: "file".into(), fields: serde_bytes::ByteBuf::from(*b"hunter2") };
    let shown = format!("{data:?} {:?}", Text::secret("hunter2"));
    assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
}

#[test]
fn credit_limits_the_data_on_its_way() {
    let (mut credit, mut allowance) = (Credit::default(), Allowance::default());
    let mut sent = 0;
    for _ in 0..100 {
        let chunk = credit.spend(CHUNK);
        allowance.receive(chunk).unwrap();
        sent += chunk;
        credit.add(allowance.consume(chunk).unwrap_or(0));
    }
    assert_eq!(sent, 100 * CHUNK, "credit that is given back is enough to go on");
    let mut allowance = Allowance::default();
    allowance.receive(INITIAL_CREDIT as usize).unwrap();
    assert_eq!(allowance.receive(1), Err(CreditExceeded));
}
