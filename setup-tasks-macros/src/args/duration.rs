//! Durations such as `"5m"` or `"1h 30m"`.

use syn::LitStr;

use crate::errors::Errors;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Parses a duration and returns it in milliseconds.
pub fn parse(text: &LitStr, errors: &Errors) -> Option<u64> {
    let parsed = total(&text.value()).filter(|&milliseconds| milliseconds > 0);
    if parsed.is_none() {
        let what = format_args!("{:?} is not a duration", text.value()).to_string();
        errors.add(
            text.span(),
            what,
            "write a number with one of `ms`, `s`, `m`, `h`, `d`, as in \"5m\" or \"1h 30m\"",
        );
    }
    parsed
}

fn total(text: &str) -> Option<u64> {
    let mut total = 0u64;
    for part in text.split_whitespace() {
        let digits = part.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = part.split_at(digits);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn times_are_sums_of_numbers_with_units() {
        for (text, expected) in [
            ("5m", Some(300_000)),
            ("1h 30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("5", None),
            ("m", None),
            ("5 m", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(total(text), expected, "{text}");
        }
    }
}
