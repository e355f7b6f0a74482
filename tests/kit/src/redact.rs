//! Redaction of the parts of output that differ between runs.

/// Replaces the parts that differ between runs: durations, dates, times of day and numbers of runs.
pub fn redact(text: &str) -> String {
    text.lines().map(|line| redact_line(line) + "\n").collect()
}

/// Replaces words of a line. The indentation stays.
fn redact_line(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut words: Vec<String> = line[indent.len()..].split(' ').map(str::to_owned).collect();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    for at in 0..words.len() {
        let unit = |offset: usize| {
            words.get(at + offset).map(|word| word.trim_end_matches([',', ';', ':'])).unwrap_or_default()
        };
        if is_number(&words[at]) && ["ms", "s", "min"].contains(&unit(1)) {
            "N".clone_into(&mut words[at]);
        }
    }
    let mut text = indent + &words.join(" ");
    for (from, to) in [
        ("N min ago", "SOME TIME AGO"),
        ("N s ago", "SOME TIME AGO"),
        ("just now", "SOME TIME AGO"),
        ("N ms", "TIME"),
        ("N s", "TIME"),
    ] {
        text = text.replace(from, to);
    }
    let is_time = |word: &str| word.len() == 12 && word.split([':', '.']).map(str::len).eq([2, 2, 2, 3]);
    let words: Vec<_> = text.split(' ').map(|word| if is_time(word) { "TIME" } else { word }).collect();
    redact_dates(&redact_runs(&words.join(" ")))
}

fn redact_dates(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" UTC") {
        let (before, after) = rest.split_at(at);
        let from = before.len().saturating_sub("2026-11-25 00:20:42".len());
        out.push_str(&before[..from]);
        out.push_str("DATE");
        rest = &after[" UTC".len()..];
    }
    out + rest
}

/// Replaces the microseconds in the names of logs.
fn redact_runs(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() >= 16 { "NUMBER" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.pop();
    out
}
