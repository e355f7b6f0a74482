//! Rules about the struct under the derive.

use crate::args::Format;
use crate::ast::model::Model;
use crate::errors::{Errors, list, suggest};

/// Checks a model. A format string over a field that is not there is taken away, so that rustc says nothing more of it.
pub fn model(model: &mut Model, errors: &Errors) {
    if !model.is_struct {
        errors.add(model.ident.span(), "a model is a struct", "put the enum or union into a field of a struct");
        return;
    }
    for lifetime in model.generics.lifetimes() {
        let what = "a model owns its data: it has no lifetimes";
        errors.add(lifetime.lifetime.span(), what, "hold the value itself, or share it with an `Arc`");
    }
    if !model.args.has_subdir {
        let what = format_args!("`{}` has no `subdir`: where would its stamps be?", model.ident).to_string();
        errors.add(
            model.ident.span(),
            what,
            format_args!("write `#[setup_tasks(subdir = \"{}\")]` on it", example(model)),
        );
    }
    let (subdir, id) = (model.args.subdir.take(), model.args.id.take());
    model.args.subdir = subdir.filter(|format| has_fields(model, format, errors));
    model.args.id = id.filter(|format| has_fields(model, format, errors));
}

fn example(model: &Model) -> String {
    let kind = format!("{}s", model.ident.to_string().to_lowercase());
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
            0 => "it has no fields at all".to_owned(),
            _ => format!("its fields are {}", list(known())),
        });
        errors.add(format.span(), format_args!("`{}` has no field `{field}`", model.ident), help);
    }
    errors.count() == before
}
