//! Fuzz tests of external input: bytes of a database, configuration, subdirs, texts with secrets.
//! `FUZZ=1000` multiplies the number of cases.

use std::path::{Component, Path};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::config::Config;
use crate::paths::normal_subdir;
use crate::secret::redact;
use crate::stamp::codec::{decode, decode_body, encode};
use crate::stamp::{Entry, Records, RunId, Stamp, Timestamp};

/// Returns the configuration of a test, with the number of cases multiplied by `FUZZ`. The number
/// is printed, so that the cases of a long run can be added up.
fn cases(name: &str, ordinary: u32) -> ProptestConfig {
    let factor = std::env::var("FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let cases = ordinary.saturating_mul(factor);
    #[expect(clippy::print_stdout, reason = "the cases of a long run are added up")]
    {
        println!("fuzz {name}: {cases} cases");
    }
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn valid() -> Vec<u8> {
    let mut records = Records::default();
    for task in ["mount", "banner", "web.install"] {
        let (time, run) = (Timestamp(1_795_554_000_000_000_000), RunId { began: 1, pid: 2 });
        let stamp = Stamp {
            time,
            contents: "ro".to_owned(),
            source: Some(7),
            run,
            duration_us: 3,
            inputs: Vec::new(),
            changed_while_running: false,
            kept: Vec::new(),
        };
        records.set(task, Some(Entry::completed(stamp)));
    }
    encode("a/b", &records).unwrap()
}

/// Makes texts from parts of configurations and paths, so that many texts are nearly valid.
fn text(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let part = prop_oneof![3 => prop::sample::select(parts).prop_map(str::to_owned), 1 => ".{0,3}"];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

#[test]
fn fuzz_decoding_random_bytes_is_an_error_and_never_a_panic() {
    let config = cases("decode random bytes", 2000);
    proptest!(config, |(bytes in vec(any::<u8>(), 0..64))| {
        prop_assert!(decode("a/b", &bytes).is_err());
    });
}

#[test]
fn fuzz_decoding_changed_records_is_an_error_and_never_a_panic() {
    let (config, valid) = (cases("decode changed records", 2000), valid());
    proptest!(config, |(changes in vec((any::<prop::sample::Index>(), 1u8..), 1..4), cut in any::<Option<prop::sample::Index>>())| {
        let mut bytes = valid.clone();
        for (at, change) in changes {
            let at = at.index(bytes.len());
            bytes[at] ^= change;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        // Two changes may cancel each other.
        prop_assert!(bytes == valid || decode("a/b", &bytes).is_err());
    });
}

#[test]
fn fuzz_the_body_of_a_record_never_panics_even_with_a_right_checksum() {
    let config = cases("decode bodies", 2000);
    proptest!(config, |(body in vec(any::<u8>(), 0..80))| {
        let _ = (decode_body(&body), postcard::from_bytes::<Records>(&body));
    });
}

#[test]
fn fuzz_a_subdir_stays_below_where_it_begins() {
    let config = cases("subdir", 4000);
    proptest!(config, |(subdir in text(&["a", "/", "//", ".", "..", "../", "./", "~", "\\", "\0", ".setup-tasks", "hosts/", "C:"]))| {
        if let Ok(normal) = normal_subdir(&subdir) {
            let plain = |component| matches!(component, Component::Normal(_));
            prop_assert!(!normal.is_empty() && Path::new(&normal).components().all(plain), "{normal:?}");
            prop_assert!(!normal.contains('\0') && normal.split('/').next() != Some(".setup-tasks"));
            prop_assert_eq!(normal_subdir(&normal).unwrap(), normal, "it has one spelling");
        }
    });
}

#[test]
fn fuzz_a_configuration_is_read_or_refused_by_name() {
    let config = cases("configuration", 40);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let parts = &[
        "cache_dir",
        "dry_run",
        "lease_timeout_secs",
        " = ",
        "true",
        "'x'",
        "12",
        "-1",
        "\n",
        "[table]",
        "{",
        "}",
        "#",
    ];
    proptest!(config, |(text in text(parts))| {
        std::fs::write(&path, &text).unwrap();
        if let Err(error) = Config::builder().file(&path).load() {
            prop_assert!(error.to_string().contains("config.toml"), "{error}");
        }
    });
}

#[test]
fn fuzz_a_text_never_shows_a_secret() {
    crate::Secret::new("fuzzed secret");
    let config = cases("redact", 2000);
    proptest!(config, |(text in text(&["fuzzed", " ", "secret", "fuzzed secret", "\n", "fuzzed sec"]))| {
        prop_assert!(!redact(&text).contains("fuzzed secret"));
    });
}
