//! The checks of a template at compile time: its syntax, and that every variable it uses has a value.

use tera::{ErrorKind, Tera};

use crate::args::{Args, explain};
use crate::files::Source;

/// Checks the template. A template whose files cannot be read is not checked.
pub fn check(args: &Args, sources: &[Source]) -> syn::Result<()> {
    let texts: Option<Vec<_>> =
        sources.iter().map(|source| source.text.as_ref().map(|text| (source.name.as_str(), text))).collect();
    let (Some(texts), Some(main)) = (texts, args.files.first()) else { return Ok(()) };
    let mut tera = Tera::new();
    if let Err(error) = tera.add_raw_templates(texts) {
        let file = failing_file(error.kind()).and_then(|name| args.files.iter().find(|file| file.value() == name));
        let help = "see Tera's documentation; only Tera's own filters and functions are available";
        return Err(explain(file.unwrap_or(main).span(), &plain(&error.to_string()), help));
    }
    let name = main.value();
    let used = tera.get_template_variables(&name).map_err(|error| explain(main.span(), &error.to_string(), ""))?;
    let known = |variable: &str| variable == "instance" || args.provided.iter().any(|p| p.name == variable);
    let mut missing: Vec<_> = used.into_iter().filter(|variable| !known(variable)).collect();
    missing.sort_unstable();
    let mut error: Option<syn::Error> = None;
    for variable in missing {
        let (file, line) = first_use(variable, sources).unwrap_or((&name, 0));
        let what = format!("{file}:{line} uses `{variable}`, which has no value");
        let next = explain(main.span(), &what, &help(variable, args));
        match &mut error {
            Some(error) => error.combine(next),
            None => error = Some(next),
        }
    }
    error.map_or(Ok(()), Err)
}

fn failing_file(kind: &ErrorKind) -> Option<&str> {
    match kind {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => Some(report.filename()),
        ErrorKind::MissingParent { current, .. } => Some(current),
        _ => None,
    }
}

/// Removes the word `error` from a report, since rustc prints it as well.
fn plain(report: &str) -> String {
    report.strip_prefix("error: ").unwrap_or(report).to_owned()
}

fn help(variable: &str, args: &Args) -> String {
    let names = || std::iter::once("instance".to_owned()).chain(args.provided.iter().map(|p| p.name.to_string()));
    let near = |name: &String| strsim::levenshtein(variable, name) <= 1 + variable.len() / 4;
    match names().filter(near).min_by_key(|name| strsim::levenshtein(variable, name)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("write `{variable} = …` or `{variable}: KEY` here, or `instance.{variable}` in the template"),
    }
}

/// Returns the file and the number of the first line that contains the variable as a word inside braces.
fn first_use<'s>(variable: &str, sources: &'s [Source]) -> Option<(&'s str, usize)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let has_word = |line: &str| {
        line.match_indices(variable).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + variable.len()..].chars().next();
            line[..at].contains(['{', '%'])
                && !before.is_some_and(|c| is_word(c) || c == '.')
                && !after.is_some_and(is_word)
        })
    };
    sources.iter().find_map(|source| {
        let line = source.text.as_ref()?.lines().position(has_word)?;
        Some((source.name.as_str(), line + 1))
    })
}
