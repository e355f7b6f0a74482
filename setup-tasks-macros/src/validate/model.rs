//! Rules about the struct under the derive.

use crate::args::Format;
use crate::ast::model::Model;
use crate::errors::{Errors, list, suggest};

/// Checks a model.
pub fn model(model: &Model, errors: &Errors) {
    if !model.is_struct {
        errors.add(model.ident.span(), "a model is a struct", "put the enum or union into a field of a struct");
        return;
    }
    if !model.args.has_subdir {
        let what = format_args!("`{}` has no `subdir`: where would its stamps be?", model.ident).to_string();
        errors.add(
            model.ident.span(),
            what,
            format_args!("write `#[setup_tasks(subdir = \"{}\")]` on it", example(model)),
        );
    }
    for format in [&model.args.subdir, &model.args.id].into_iter().flatten() {
        fields(model, format, errors);
    }
}

fn example(model: &Model) -> String {
    let kind = format!("{}s", model.ident.to_string().to_lowercase());
    match model.fields.iter().find(|field| *field == "name" || *field == "id") {
        Some(field) => format!("{kind}/{{{field}}}"),
        None => kind,
    }
}

fn fields(model: &Model, format: &Format, errors: &Errors) {
    let known = || model.fields.iter().map(String::as_str);
    for field in format.fields().filter(|field| known().all(|name| name != *field)) {
        let help = suggest(field, known()).unwrap_or_else(|| match model.fields.len() {
            0 => "it has no fields at all".to_owned(),
            _ => format!("its fields are {}", list(known())),
        });
        errors.add(format.span(), format_args!("`{}` has no field `{field}`", model.ident), help);
    }
}
