use super::*;
use crate::Secret;

/// Returns the output of a filter for a text that arrives in parts of the given size.
fn through(text: &[u8], size: usize) -> String {
    let mut filter = SecretFilter::default();
    let mut out = Vec::new();
    text.chunks(size).for_each(|part| filter.push(part, &mut |bytes| out.extend_from_slice(bytes)));
    filter.finish(&mut |bytes| out.extend_from_slice(bytes));
    String::from_utf8_lossy(&out).into_owned()
}

const PASSWORD: &str = "pä's \"w\\ord<&>\u{7}%1";

fn spellings() -> Vec<(&'static str, String)> {
    let _known = Secret::new(PASSWORD.to_owned());
    let json = serde_json::to_string(PASSWORD).unwrap();
    let xml = PASSWORD.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let url: String = PASSWORD
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).into() } else { format!("%{b:02X}") })
        .collect();
    vec![
        ("plain", PASSWORD.to_owned()),
        ("shell", format!("'{}'", PASSWORD.replace('\'', "'\\''"))),
        ("shell with double quotes", PASSWORD.replace('\'', "'\"'\"'")),
        ("debug", format!("{PASSWORD:?}")),
        ("debug of bytes", PASSWORD.as_bytes().escape_ascii().to_string()),
        ("debug of debug", format!("{:?}", format!("{PASSWORD:?}"))),
        ("numbers", format!("{:?}", PASSWORD.as_bytes())),
        ("numbers over lines", format!("{:#?}", PASSWORD.as_bytes())),
        ("json", json.clone()),
        ("json in ASCII", PASSWORD.encode_utf16().map(|u| format!("\\u{u:04x}")).collect()),
        ("json of debug", serde_json::to_string(&format!("{PASSWORD:?}")).unwrap()),
        ("xml", xml.clone()),
        ("xml with numbers", xml.replace('\'', "&#39;").replace("&quot;", "&#x22;")),
        ("url", url.clone()),
        ("url in lower case", url.to_lowercase()),
        ("url in json in xml", serde_json::to_string(&url).unwrap().replace('"', "&quot;")),
        ("hex", PASSWORD.bytes().map(|b| format!("{b:02x}")).collect()),
        ("coloured", PASSWORD.chars().map(|c| format!("\x1b[1;31m{c}\x1b[0m")).collect()),
    ]
}

#[test]
fn every_spelling_is_recognised_in_parts_of_every_size() {
    for (name, spelling) in spellings() {
        let text = format!("before {spelling} after\nnext\n");
        for size in [1, 2, 3, 7, 64, 10_000] {
            let shown = through(text.as_bytes(), size);
            let quote =
                if spelling.starts_with(['\'', '"', '[']) && !name.contains("numbers") { &spelling[..1] } else { "" };
            assert!(
                shown.contains("[secret]") && shown.starts_with("before ") && shown.ends_with(" after\nnext\n"),
                "{name}, {size}: {shown}"
            );
            assert!(shown.len() < 60 + quote.len(), "{name}, {size}: {shown}");
        }
        assert!(holds(&text), "{name}");
    }
}

#[test]
fn base64_is_recognised_within_longer_texts_and_over_lines() {
    let secret = "correct horse battery staple, and a good deal more of it so that lines are wrapped";
    let _known = Secret::new(secret.to_owned());
    for before in ["", "x", "xy", "xyz", "user:"] {
        let encoded = encode(format!("{before}{secret}:after").as_bytes());
        assert!(!redact(&encoded).contains(&encoded[12..20]), "{}", redact(&encoded));
        let lines: String =
            encoded.as_bytes().chunks(76).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect();
        for size in [5, 77, 1000] {
            let shown = through(lines.as_bytes(), size);
            assert!(
                shown.contains("[secret]") && !shown.contains(&encoded[12..20]) && !shown.contains(&encoded[90..100]),
                "{shown}"
            );
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    (0..(bytes.len() * 8).div_ceil(6))
        .map(|i| alphabet[(0..6).fold(0, |value, n| value << 1 | bit(i * 6 + n))])
        .collect()
}

#[test]
fn short_lines_of_a_secret_are_recognised_beside_each_other() {
    let secret = "alpha1\nbeta22\ngam\n";
    let _known = Secret::new(secret.to_owned());
    let texts = [
        "alpha1\nbeta22\ngam\n".to_owned(),
        "alpha1\r\nbeta22\r\ngam\r\n".to_owned(),
        "  alpha1\n  beta22\n  gam\n".to_owned(),
        "key: alpha1\n     beta22\n     gam\n".to_owned(),
        "alpha1 beta22 gam\n".to_owned(),
        "alpha1\\nbeta22\\ngam\\n".to_owned(),
        "\x1b[1malpha1\n\x1b[0mbeta22\ngam\n".to_owned(),
    ];
    for text in texts {
        for size in [1, 4, 8, 100] {
            let shown = through(format!("begin\n{text}end\n").as_bytes(), size);
            for line in ["alpha1", "beta22", "gam"] {
                assert!(!shown.contains(line), "{text:?} in parts of {size}: {shown}");
            }
            assert!(shown.starts_with("begin\n") && shown.ends_with("end\n"), "{shown}");
        }
    }
    assert_eq!(through(b"alpha1\nother\n", 3), "alpha1\nother\n", "a line that is no secret by itself stays");
}

#[test]
fn a_line_that_is_longer_than_any_buffer_is_not_cut_through_a_secret() {
    let secret = "never to be seen at all";
    let _known = Secret::new(secret.to_owned());
    for at in (LONGEST_LINE - 40..LONGEST_LINE + 40).step_by(3) {
        let text = [&b"x".repeat(at), secret.as_bytes(), &b"y".repeat(LONGEST_LINE)].concat();
        for size in [8192, LONGEST_LINE] {
            let shown = through(&text, size);
            assert!(shown.len() == at + MASK.len() + LONGEST_LINE && shown.contains(MASK), "at {at}");
        }
    }
    let long = [&b"z".repeat(PART - 10), secret.as_bytes(), b"!"].concat();
    assert!(!redact(std::str::from_utf8(&long).unwrap()).contains("never"));
}

#[test]
fn lines_are_handed_on_at_once_unless_a_secret_begins_there() {
    let _known = Secret::new("first-line\nsecond-line\n".to_owned());
    let mut filter = SecretFilter::default();
    let mut out = Vec::new();
    filter.push(b"working\nfirst-", &mut |bytes| out.extend_from_slice(bytes));
    assert_eq!(out, b"working\n");
    filter.push(b"line is another\n", &mut |bytes| out.extend_from_slice(bytes));
    assert_eq!(String::from_utf8_lossy(&out), "working\n[secret] is another\n");
}

#[test]
fn a_secret_with_blanks_is_recognised_wherever_its_lines_are_broken() {
    let _known = Secret::new("every good boy <deserves> football".to_owned());
    for text in ["every good\nboy <des\n  erves> football", "every g\nood boy &l\nt;deserves&gt; foot\nball"] {
        for text in [text.to_owned(), format!("{text:?}")] {
            assert!(!redact(&text).contains("foot"), "{}", redact(&text));
        }
    }
}

#[test]
fn neighbouring_words_are_no_short_secret() {
    let _known = Secret::new("zxqv".to_owned());
    assert_eq!(redact("one zx qv\ntwo"), "one zx qv\ntwo");
    assert_eq!(redact("one zx\nqv two"), "one [secret] two");
}

#[test]
fn overlapping_secrets_leave_nothing_of_either() {
    let _known = [Secret::new("abcd-efgh".to_owned()), Secret::new("efgh-ijkl".to_owned())];
    assert_eq!(redact("1 abcd-efgh-ijkl 2"), "1 [secret] 2");
}

#[test]
fn strings_of_json_are_read_before_they_are_searched() {
    let _known = Secret::new("json\n\"secret\"".to_owned());
    let json = serde_json::json!({ "a": "x json\n\"secret\" y", "json\n\"secret\"": [1, "\\\\", "b"] }).to_string();
    assert_eq!(redact_json(&json), r#"{"a":"x [secret] y","[secret]":[1,"\\\\","b"]}"#);
}

#[test]
fn many_secrets_are_built_into_few_groups() {
    for i in 0..500 {
        let _known = Secret::new(format!("one of many {i:05}"));
        assert!(holds(&format!("a one of many {i:05} b")));
    }
}
