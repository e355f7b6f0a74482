//! Configuration from environment variables. Only the values of numeric and boolean keys and
//! of lists are parsed.

use std::ffi::OsString;

use toml::{Table, Value};

use super::{ConfigError, FORMER_KEYS, defaults};
use crate::text::name_help;

/// Reads the variables with a prefix. Names are case-insensitive.
pub(super) fn read(
    prefix: &str,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Table, ConfigError> {
    let (prefix, defaults) = (format!("{}_", prefix.to_lowercase()), defaults());
    let mut values = Table::new();
    for (name, text) in variables {
        let name = name.to_string_lossy();
        let lower = name.to_lowercase();
        let Some(key) = lower.strip_prefix(&prefix) else { continue };
        let refuse = |problem: String| ConfigError::of_key(format!("environment variable {name}"), problem);
        let Some(default) = defaults.get(key) else {
            if let Some((key, present)) = FORMER_KEYS.iter().find(|(former, _)| *former == key) {
                return Err(ConfigError::of_former_key(format!("environment variable {name}"), key, present));
            }
            let help = name_help(key, "the keys are", defaults.keys().map(String::as_str));
            return Err(ConfigError { help, ..refuse(format!("there is no key `{key}`")) });
        };
        let Some(text) = text.to_str() else { return Err(refuse(format!("`{}` is not UTF-8", text.display()))) };
        let value = parse(default, text);
        values.insert(key.to_owned(), value.map_err(|wanted| refuse(format!("{text:?} is not {wanted}")))?);
    }
    Ok(values)
}

/// Parses a text as a value of the default's type, or returns the name of the expected type.
fn parse(default: &Value, text: &str) -> Result<Value, &'static str> {
    match default {
        Value::Boolean(_) => match &*text.to_lowercase() {
            "true" | "1" | "yes" | "on" => Ok(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Boolean(false)),
            _ => Err("`true` or `false`"),
        },
        Value::Integer(_) => match text.parse() {
            Ok(number) if number >= 0 => Ok(Value::Integer(number)),
            _ => Err("a whole number"),
        },
        Value::Array(_) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(Value::Array(lines.map(|line| Value::String(line.to_owned())).collect()))
        }
        Value::Table(_) => {
            let table = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
            table.filter(Value::is_table).ok_or("a table such as `{ aarch64 = \"path\" }`")
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::error::explain;

    fn config(name: &str, text: &str) -> Result<Config, ConfigError> {
        let values = read("LAB", [(name.into(), text.into())])?;
        Ok(values.try_into().expect("every value has the type of its key"))
    }

    #[test]
    fn a_path_is_the_text_of_its_variable_whatever_it_looks_like() {
        for text in ["1.10", "007", "true", "no", "1e3", "-0", "[a]", "'x'", " x ", "0x10", ""] {
            assert_eq!(config("LAB_CACHE_DIR", text).unwrap().cache_dir.to_str(), Some(text));
        }
    }

    #[test]
    fn numbers_and_booleans_are_read_where_the_key_is_one() {
        assert_eq!(config("LAB_LEASE_TIMEOUT_SECS", "007").unwrap().lease_timeout_secs, 7);
        for (text, value) in [("true", true), ("TRUE", true), ("1", true), ("off", false), ("0", false)] {
            assert_eq!(config("lab_dry_run", text).unwrap().dry_run, value);
        }
    }

    #[test]
    fn a_table_is_written_as_in_the_file() {
        let agents = config("LAB_AGENTS", "{ aarch64 = \"a/b\" }").unwrap().agents;
        assert_eq!(agents.get("aarch64").and_then(|path| path.to_str()), Some("a/b"));
        let text = explain(&config("LAB_AGENTS", "a/b").unwrap_err());
        assert!(text.contains("\"a/b\" is not a table such as"), "{text}");
    }

    #[test]
    fn an_invalid_number_or_boolean_is_refused_with_its_variable() {
        for (name, text) in [
            ("LAB_DRY_RUN", ""),
            ("LAB_DRY_RUN", "2"),
            ("LAB_DRY_RUN", "nope"),
            ("LAB_LEASE_TIMEOUT_SECS", ""),
            ("LAB_LEASE_TIMEOUT_SECS", "1.5"),
            ("LAB_LEASE_TIMEOUT_SECS", "-1"),
            ("LAB_LEASE_TIMEOUT_SECS", "soon"),
        ] {
            let error = explain(&config(name, text).unwrap_err());
            assert!(error.contains(&format!("environment variable {name}: {text:?} is not")), "{error}");
            assert!(error.contains("help: the keys are"), "{error}");
        }
    }

    #[test]
    fn a_variable_of_a_former_key_is_refused_with_the_present_name() {
        let error = explain(&config("LAB_EXPENSIVE_CHECKS", "true").unwrap_err());
        assert!(
            error.contains("environment variable LAB_EXPENSIVE_CHECKS: the key `expensive_checks` is now `verify`")
        );
    }

    #[test]
    fn a_variable_without_a_key_is_refused_and_one_of_another_prefix_is_not_looked_at() {
        let error = config("LAB_CACHE_DRI", "x").unwrap_err().to_string();
        assert!(error.contains("LAB_CACHE_DRI") && error.contains("no key `cache_dri`"), "{error}");
        assert_eq!(config("LABEL", "x").unwrap(), Config::default());
        assert_eq!(config("OTHER_CACHE_DIR", "x").unwrap(), Config::default());
    }
}
