//! The names of the files of a task.

/// The prefixes of the names: for the stamp, for the rest of the stamp, and for the last attempt if
/// it did not complete.
pub(crate) const PREFIXES: [&str; 3] = [".stamp-", ".detail-", ".attempt-"];

/// Returns the name of a file of a task. A task may have any name. The characters `/`, NUL and `%`,
/// and a `~` at the end, are written as `%` and two hexadecimal digits. A `~` at the end would mark
/// a draft.
pub(super) fn file_name(prefix: &str, task: &str) -> String {
    let mut name = prefix.to_owned();
    for (at, character) in task.char_indices() {
        match character {
            '/' => name.push_str("%2F"),
            '\0' => name.push_str("%00"),
            '%' => name.push_str("%25"),
            '~' if at + 1 == task.len() => name.push_str("%7E"),
            _ => name.push(character),
        }
    }
    name
}

/// Returns the task of a file, or `None` if the name does not have the form of [`file_name`].
pub(super) fn task_of(name: &str) -> Option<String> {
    let coded = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).filter(|coded| !coded.ends_with('~'))?;
    let mut task = String::with_capacity(coded.len());
    let mut rest = coded;
    while let Some((before, after)) = rest.split_once('%') {
        task.push_str(before);
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) if matches!(code, b'/' | 0 | b'%' | b'~') => {
                task.push(char::from(code));
                rest = &after[2..];
            }
            // The store never writes such a name.
            _ => return None,
        }
    }
    task.push_str(rest);
    (file_name("", &task) == coded).then_some(task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_its_own_files_and_is_found_by_them() {
        let tasks = [
            "mount",
            "web.install",
            "../x",
            "a/b",
            "a%2Fb",
            "a%b",
            "~",
            "a~",
            "a~b",
            "%",
            "\0",
            "",
            "ü/ü~",
            "-",
            "x\ny",
        ];
        let names: std::collections::HashSet<_> = tasks.iter().map(|task| file_name(".stamp-", task)).collect();
        assert_eq!(names.len(), tasks.len());
        for task in tasks {
            for prefix in PREFIXES {
                let name = file_name(prefix, task);
                assert!(!name.contains(['/', '\0']) && !name.ends_with('~'), "{name}");
                assert_eq!(task_of(&name).as_deref(), Some(task));
            }
        }
    }

    #[test]
    fn other_files_are_about_no_task() {
        for name in [
            "stamp-x",
            ".stamp",
            ".stamp-x~",
            ".stamp-a%zz",
            ".stamp-%",
            ".stamp-%2",
            ".stamp-%41",
            ".stamp-%2f",
            ".other-x",
        ] {
            assert_eq!(task_of(name), None, "{name}");
        }
    }
}
