//! Durations as text.

use std::time::Duration;

/// Returns a duration with the precision that suits its size.
///
/// ```
/// use std::time::Duration;
/// use setup_tasks::text::duration;
///
/// assert_eq!(duration(Duration::from_micros(400)), "0.4 ms");
/// assert_eq!(duration(Duration::from_millis(7540)), "7.5 s");
/// assert_eq!(duration(Duration::from_secs(90)), "1 min 30 s");
/// ```
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration < Duration::from_millis(10) => format!("{:.1} ms", duration.as_secs_f64() * 1000.0),
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns a duration in whole units of one kind, rounded down: `5 s`, `9 min`, `3 h`, `4 days`.
pub fn rough_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_people_use() {
        let texts = [0.0004, 0.25, 7.5, 90.0, 7260.0].map(|seconds| duration(Duration::from_secs_f64(seconds)));
        assert_eq!(texts, ["0.4 ms", "250 ms", "7.5 s", "1 min 30 s", "2 h 1 min"]);
        let texts = [0, 119, 120, 7199, 7200, 172_800].map(|seconds| rough_duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }
}
