//! Lists of names, and help for a name that does not exist.

use crate::task::text::{distance, is_near};

/// The number of names that a list shows.
const LISTED: usize = 12;

/// Returns names in backticks, separated by commas. A long list is cut. An empty list is `none`.
pub fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let listed: Vec<_> = names.by_ref().take(LISTED).map(|name| format!("`{name}`")).collect();
    let text = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
    match names.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Returns help for a name that does not exist. It suggests the most similar name, or lists all
/// names after `they_are` if none is similar.
///
/// ```
/// use setup_tasks::text::name_help;
///
/// assert_eq!(name_help("moutn", "the tasks are", ["format", "mount"]), "did you mean `mount`?");
/// assert_eq!(name_help("umask", "the tasks are", ["format", "mount"]), "the tasks are `format`, `mount`");
/// ```
pub fn name_help<'n>(wanted: &str, they_are: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let nearest = names.iter().map(|name| (distance(wanted, name), name)).min_by_key(|(distance, _)| *distance);
    match nearest {
        None => "there are none".to_owned(),
        Some((distance, name)) if is_near(wanted, distance) => format!("did you mean `{name}`?"),
        Some(_) => format!("{they_are} {}", list(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<_> = (0..15).map(|i| i.to_string()).collect();
        let text = list(names.iter().map(String::as_str));
        assert!(text.starts_with("`0`, `1`, ") && text.ends_with(", `11` and 3 more"), "{text}");
        assert_eq!(list([]), "none");
    }

    #[test]
    fn a_name_of_nothing_has_no_suggestion() {
        assert_eq!(name_help("a", "they are", []), "there are none");
        assert_eq!(name_help("", "they are", ["mount"]), "they are `mount`");
    }
}
