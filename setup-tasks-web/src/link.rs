//! The addresses of pages. Names of objects and tasks are values of the query, because a browser changes paths such as `..`.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns an address with a query.
pub(crate) fn to(path: &str, query: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    for (i, (key, value)) in query.iter().enumerate() {
        let (sign, value) = (if i == 0 { '?' } else { '&' }, utf8_percent_encode(value, NON_ALPHANUMERIC));
        // Writing to a string does not fail.
        let _ = write!(address, "{sign}{key}={value}");
    }
    address
}

/// Returns the address of an object.
pub(crate) fn object(id: &str) -> String {
    to("/object", &[("id", id)])
}

/// Returns the address of a task.
pub(crate) fn task(object: &str, task: &str) -> String {
    to("/task", &[("object", object), ("task", task)])
}

/// Returns the address of a log.
pub(crate) fn log(object: &str, name: &str) -> String {
    to("/log", &[("object", object), ("name", name)])
}

/// Returns the address of a run in the history.
pub(crate) fn run(id: &str) -> String {
    to("/history", &[("run", id)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_value() {
        assert_eq!(object("../a&b=c d#e?%2F"), "/object?id=%2E%2E%2Fa%26b%3Dc%20d%23e%3F%252F");
        assert_eq!(task("a/b", "\"<x>"), "/task?object=a%2Fb&task=%22%3Cx%3E");
    }
}
