//! Tables of keys. Each attribute has one table, from which come its parser, its messages and its part of the documentation.

use proc_macro2::TokenStream;

use super::argument::{Arg, read_args};
use crate::errors::{Errors, list, suggest};

/// One key of an attribute whose arguments are read into an `A`.
pub struct Key<A: 'static> {
    pub name: &'static str,
    pub form: Form,
    /// The places where the attribute takes the key.
    pub places: &'static [Place],
    /// The keys that cannot stand beside this one, and the reason.
    pub excludes: (&'static [&'static str], &'static str),
    /// Stores the argument.
    pub read: fn(&mut A, &Arg, &Errors),
    /// The meaning, as the documentation prints it.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test writes the documentation"))]
    pub meaning: &'static str,
}

/// How a key is written. The texts are examples for messages and for the documentation.
#[derive(Clone, Copy)]
pub enum Form {
    /// `key`
    Flag,
    /// `key = value`
    Value(&'static str),
    /// `key(value, value)`
    List(&'static str),
}

impl Form {
    /// Returns an example of a key in this form.
    pub fn example(self, key: &str) -> String {
        match self {
            Self::Flag => key.to_owned(),
            Self::Value(value) => format!("{key} = {value}"),
            Self::List(values) => format!("{key}({values})"),
        }
    }
}

/// The items that our attributes stand on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Struct,
    Trait,
    Impl,
    Task,
    Field,
    Method,
}

impl Place {
    /// Returns the name of the attribute in messages.
    fn attribute(self) -> &'static str {
        match self {
            Self::Struct => "`#[setup_tasks]` on a struct",
            Self::Trait => "`#[setup_tasks]` on a trait",
            Self::Impl => "`#[setup_tasks]` on an impl block",
            Self::Task => "`#[setup_task]`",
            Self::Field => "`#[depends_on]` on a field",
            Self::Method => "`#[depends_on]` on a method",
        }
    }
}

/// The value of [`Key::excludes`] for a key that may stand beside any other.
pub const NOTHING: (&[&str], &str) = (&[], "");

/// Reads arguments into `args`. Each argument that is unknown, out of place, given twice or excluded is reported, and the others
/// are still read.
pub fn read_keys<A>(tokens: TokenStream, keys: &[Key<A>], place: Place, args: &mut A, errors: &Errors) {
    let mut given: Vec<(&Key<A>, Arg)> = Vec::new();
    for mut arg in read_args(tokens, errors) {
        let Some(key) = keys.iter().find(|key| arg.key == key.name && key.places.contains(&place)) else {
            report_unknown(&arg, keys, place, errors);
            continue;
        };
        if given.iter().any(|(_, other)| other.key == arg.key) {
            errors.add(arg.key.span(), format_args!("`{}` is given twice", key.name), "remove one of the two");
            continue;
        }
        arg.example = key.form.example(key.name);
        given.push((key, arg));
    }
    for (key, _) in &given {
        let (excluded, why) = key.excludes;
        for (_, other) in given.iter().filter(|(other, _)| excluded.contains(&other.name)) {
            let what = format!("`{}` and `{}` exclude each other: {why}", other.key, key.name);
            errors.add(other.key.span(), what, format_args!("keep one of `{}` and `{}`", other.key, key.name));
        }
    }
    given.iter().for_each(|(key, arg)| (key.read)(args, arg, errors));
}

fn report_unknown<A>(arg: &Arg, keys: &[Key<A>], place: Place, errors: &Errors) {
    let name = arg.key.to_string();
    let known = || keys.iter().filter(|key| key.places.contains(&place)).map(|key| key.name);
    let elsewhere = keys.iter().find(|key| key.name == name).and_then(|key| key.places.first());
    let help = match elsewhere {
        Some(other) => format!("`{name}` is a key of {}", other.attribute()),
        None => suggest(&name, known()).unwrap_or_else(|| format!("the keys are {}", list(known()))),
    };
    errors.add(arg.key.span(), format_args!("{} has no key `{name}`", place.attribute()), help);
}
