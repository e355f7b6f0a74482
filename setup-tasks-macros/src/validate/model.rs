//! Rules about the struct under the derive.

use syn::{Ident, Member};

use crate::args::Format;
use crate::ast::model::Model;
use crate::errors::{Errors, list, suggest};
use crate::names::handle;

/// Checks a model. A format string with an unknown field is removed, so that the compiler does not report it again.
pub fn model(model: &mut Model, errors: &Errors) {
    if !model.is_struct {
        errors.add(model.ident.span(), "a model is a struct", "put the enum or union in a field of a struct");
        return;
    }
    for lifetime in model.generics.lifetimes() {
        let what = "a model cannot have lifetimes, because it owns its data";
        errors.add(lifetime.lifetime.span(), what, "hold the value itself, or share it with an `Arc`");
    }
    if !model.args.has_subdir {
        let what = format_args!("the model `{}` needs a `subdir` for its stamps", model.ident).to_string();
        errors.add(
            model.ident.span(),
            what,
            format_args!("write `#[setup_tasks(subdir = \"{}\")]` on it", example(model)),
        );
    }
    if let Some(subdir) = &model.args.subdir
        && let Some(problem) = subdir_problem(subdir)
    {
        let help = format!("write a relative path, such as {:?}", example(model));
        errors.add(subdir.span(), format_args!("this subdir {problem}"), help);
    }
    relations(model, errors);
    model.without_accessor = accessors(model, errors);
    let (subdir, id) = (model.args.subdir.take(), model.args.id.take());
    model.args.subdir = subdir.filter(|format| has_fields(model, format, errors));
    model.args.id = id.filter(|format| has_fields(model, format, errors));
}

/// Returns the mistake in a subdir that is one for all values of its fields. The rules are those of `setup_tasks::paths`.
fn subdir_problem(subdir: &Format) -> Option<&'static str> {
    // A character for private use stands for a field, which may have any value.
    let literal = subdir.with_fields_as('\u{e000}');
    let mut parts = literal.split('/').filter(|part| !matches!(*part, "" | ".")).peekable();
    match parts.peek() {
        _ if literal.contains('\0') => Some("contains a NUL"),
        _ if literal.starts_with('/') => Some("is absolute"),
        None => Some("is empty"),
        Some(&".setup-tasks") => Some("is reserved for the files of setup-tasks itself"),
        Some(_) => parts.any(|part| part == "..").then_some("contains `..`"),
    }
}

/// Checks that each relationship has a name of its own. A second one is removed, so that the compiler does not report it again.
fn relations(model: &mut Model, errors: &Errors) {
    let mut seen: Vec<(String, Ident, String)> = Vec::new();
    let type_name = &model.ident;
    model.relations.retain(|relation| {
        let (name, field, task) = (relation.name(), relation.field(), relation.args.on.name());
        let handle = handle(&name, relation.args.on.span()).to_string();
        let Some((_, first, other)) = seen.iter().find(|(known, ..)| *known == handle) else {
            seen.push((handle, field, task));
            return true;
        };
        if *first == field && *other == task {
            let what = format!("`{field}` depends on `{task}` twice");
            errors.add(relation.args.on.span(), what, "remove one of the two `#[depends_on(…)]`");
        } else {
            let what = format!("two relationships of `{type_name}` are called `{name}`");
            let help = "rename one of the fields: a relationship is named after its field and its task";
            errors.add(relation.args.on.span(), what, help);
        }
        false
    });
}

/// Checks that a field has one accessor, with a name of its own. Returns the fields whose accessor's name is taken.
fn accessors(model: &Model, errors: &Errors) -> Vec<Member> {
    let mut seen: Vec<(Ident, &Member)> = Vec::new();
    for relation in &model.relations {
        let Some(named) = &relation.args.accessor else { continue };
        if let Some((first, _)) = seen.iter().find(|(_, member)| **member == relation.member) {
            let what = format!("the accessor of `{}` is already called `{first}`", relation.field());
            errors.add(named.span(), what, "remove one of the two `accessor` keys");
        } else {
            seen.push((named.clone(), &relation.member));
        }
    }
    for relation in &model.relations {
        if seen.iter().all(|(_, member)| **member != relation.member) {
            seen.push((relation.field(), &relation.member));
        }
    }
    let taken = seen.iter().enumerate().filter(|(i, (name, _))| seen.iter().take(*i).any(|(first, _)| first == name));
    let taken = taken.map(|(_, (name, member))| {
        let what = format!("two accessors of `{}` are called `{name}`", model.ident);
        errors.add(name.span(), what, "write `accessor = another_name` in one of the `#[depends_on(…)]`");
        (*member).clone()
    });
    taken.collect()
}

fn example(model: &Model) -> String {
    let kind = format!("{}s", model.ident.to_string().to_lowercase().trim_end_matches('s'));
    match model.fields.iter().find(|field| *field == "name" || *field == "id") {
        Some(field) => format!("{kind}/{{{field}}}"),
        None => kind,
    }
}

fn has_fields(model: &Model, format: &Format, errors: &Errors) -> bool {
    let before = errors.count();
    let known = || model.fields.iter().map(String::as_str);
    for field in format.fields().filter(|field| known().all(|name| name != *field)) {
        let help = suggest(field, known()).unwrap_or_else(|| match model.fields.len() {
            0 => "it has no fields".to_owned(),
            _ => format!("its fields are {}", list(known())),
        });
        errors.add(format.span(), format_args!("`{}` has no field `{field}`", model.ident), help);
    }
    errors.count() == before
}
