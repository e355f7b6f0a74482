//! The arguments of `#[setup_task]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, UnOp};

use super::argument::{Arg, split};
use super::key::{Form, Key, NOTHING, Place, read_keys};
use super::{Format, Target, duration};
use crate::errors::Errors;
use crate::names::find_ident;

/// The keys of `#[setup_task]`.
pub const KEYS: &[Key<TaskArgs>] = &[
    Key {
        name: "order",
        form: Form::Value("150"),
        places: &[Place::Task],
        excludes: (&["before", "after"], "a number and a neighbour are two different places"),
        read: |args, arg, errors| args.order = order(arg, errors),
        meaning: "the task's place, a literal or a constant expression of type `i64`. Tasks without a number are 100 \
                  apart in the order of declaration, and those that follow in the block come behind this number",
    },
    Key {
        name: "before",
        form: Form::Value("a_task"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.before = arg.one_or_list(errors),
        meaning: "directly ahead of a task of the block, of a mixin (`Mixin::task`) or of the type \
                  (`Self::field_task`), or of each in a list `[a, b]`",
    },
    Key {
        name: "after",
        form: Form::Value("a_task"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.after = arg.one_or_list(errors),
        meaning: "directly behind a task, or behind each in a list `[a, b]`",
    },
    Key {
        name: "subscribe",
        form: Form::Value("[a_task]"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.subscribe = Some(arg.one_or_list(errors)),
        meaning: "the earlier tasks whose changes run this one: tasks, relationships or customizations, named as in \
                  `before`. All others do not. With `[]`, no earlier task runs it. Without the key, each of them does. \
                  Every other reason stays: the task runs the first time, and again after its own failure",
    },
    Key {
        name: "hash",
        form: Form::Value("a_method"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.hash = arg.parse(errors),
        meaning: "a method whose text (`String`, `&str`, `u64`) the stamp keeps: another text runs the task",
    },
    Key {
        name: "invalidator",
        form: Form::Value("a_method"),
        places: &[Place::Task],
        excludes: (&["slow_invalidator"], "a task has one invalidator"),
        read: |args, arg, errors| args.invalidator = arg.parse(errors),
        meaning: "a method that returns whether the last run is still valid: `false` runs the task",
    },
    Key {
        name: "slow_invalidator",
        form: Form::Value("a_method"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.slow_invalidator = arg.parse(errors),
        meaning: "an invalidator that is called only in runs that verify",
    },
    Key {
        name: "check_completed",
        form: Form::Value("a_method"),
        places: &[Place::Task],
        excludes: (
            &["hash", "invalidator", "slow_invalidator", "inputs", "outputs", "check_source", "always"],
            "a completion check decides alone, and keeps no stamp",
        ),
        read: |args, arg, errors| args.check_completed = arg.parse(errors),
        meaning: "a method that returns whether, and since when, the task is complete (`bool`, `Option<SystemTime>`, \
                  [`Completion`](crate::task::Completion)). It decides alone, and the task keeps no stamp. The clock of a file system ticks \
                  every 1 to 10 ms, so set the time of a file whose modification time the method returns \
                  (`File::set_modified`): the file can otherwise seem older than a task that ran just before",
    },
    Key {
        name: "undo",
        form: Form::Value("a_method"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.undo = arg.parse(errors),
        meaning: "a method that undoes the task when its object is brought down (`()` or a `Result<()>`). It must be \
                  idempotent, because an interrupted undo is repeated. An edit of it does not run the task",
    },
    Key {
        name: "inputs",
        form: Form::Value("[\"conf/{name}.toml\", \"keys/*.pub\"]"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.inputs = formats(arg, errors),
        meaning: "files, directories or globs, relative to the base directory: another content, a new or a missing \
                  file runs the task. A directory stands for every file in it, recursively. The value of a field is \
                  literal text and never a glob",
    },
    Key {
        name: "outputs",
        form: Form::Value("[\"conf/{name}.out\"]"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.outputs = formats(arg, errors),
        meaning: "files that the task makes: a missing one runs it",
    },
    Key {
        name: "restat",
        form: Form::Flag,
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.restat = arg.flag(errors).then(|| arg.key.span()),
        meaning: "the task has changed nothing ([`Outcome::Unchanged`](crate::Outcome::Unchanged)) if all its `outputs` have the same content as \
                  just before its method was called",
    },
    Key {
        name: "always",
        form: Form::Flag,
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.always = arg.flag(errors),
        meaning: "runs the task in every run, as a preflight check needs it. `()` then means `Outcome::Unchanged`: only an \
                  explicit `Outcome::Done` is a change. Every run takes the object's lease and writes its stamp",
    },
    Key {
        name: "check_source",
        form: Form::Value("false"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.check_source = Some(arg.flag(errors)),
        meaning: "keeps an edit of the method or of its helpers from running the task",
    },
    Key {
        name: "depend_on",
        form: Form::Value("[self.network.clone()]"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.depend_on = arg.one_or_list(errors),
        meaning: "[`SystemDependency`](depends::SystemDependency) values over `self`, which are brought up before the \
                  method is called",
    },
    Key {
        name: "dependencies_always",
        form: Form::Flag,
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.dependencies_always = arg.flag(errors),
        meaning: "brings the system dependencies up before the checks of the task as well",
    },
    Key {
        name: "timeout",
        form: Form::Value("\"5m\""),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.timeout = timeout(arg, errors),
        meaning: "the time that an attempt of an async method may take: it is then cancelled and fails, or fails when \
                  it returns if it blocks. The units are `ms`, `s`, `m`, `h` and `d`",
    },
    Key {
        name: "retries",
        form: Form::Value("3"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.retries = retries(arg, errors),
        meaning: "further attempts after a failure, with exponentially longer waits between them",
    },
    Key {
        name: "tags",
        form: Form::Value("[\"network\"]"),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.tags = arg.one_or_list(errors),
        meaning: "words to select tasks by",
    },
    Key {
        name: "formerly",
        form: Form::Value("\"old_name\""),
        places: &[Place::Task],
        excludes: NOTHING,
        read: |args, arg, errors| args.formerly = arg.one_or_list(errors),
        meaning: "the name that the task had before, or several names `[\"a\", \"b\"]`: the task takes over their records \
                  and logs, and does not run because of the new name",
    },
];

/// The arguments of one task, each read as far as it can be.
#[derive(Default)]
pub struct TaskArgs {
    pub description: Option<String>,
    pub order: Option<Expr>,
    pub before: Vec<Target>,
    pub after: Vec<Target>,
    /// The tasks that the key `subscribe` names, or `None` without the key.
    pub subscribe: Option<Vec<Target>>,
    pub hash: Option<Ident>,
    pub invalidator: Option<Ident>,
    pub slow_invalidator: Option<Ident>,
    pub check_completed: Option<Ident>,
    pub undo: Option<Ident>,
    pub inputs: Vec<Format>,
    pub outputs: Vec<Format>,
    /// The span of the key `restat`.
    pub restat: Option<Span>,
    pub always: bool,
    pub check_source: Option<bool>,
    pub depend_on: Vec<Expr>,
    pub dependencies_always: bool,
    pub timeout: Option<Timeout>,
    pub retries: Option<u32>,
    pub tags: Vec<LitStr>,
    pub formerly: Vec<LitStr>,
}

/// The value of the `timeout` key.
pub struct Timeout {
    pub milliseconds: u64,
    /// The span of the key.
    pub span: Span,
}

impl TaskArgs {
    /// Reads the tokens in the attribute's parentheses.
    pub fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut args = Self::default();
        let mut pieces = split(tokens);
        if let Some(first) = pieces.first()
            && let Ok(text) = syn::parse2::<LitStr>(first.clone())
        {
            args.description = describe(&text, errors);
            pieces.remove(0);
        }
        pieces.retain(|piece| !is_late_description(piece, errors) && !is_description_key(piece, errors));
        let rest = pieces.into_iter().flat_map(|piece| [piece, quote::quote!(,)]).collect();
        read_keys(rest, KEYS, Place::Task, &mut args, errors);
        args
    }

    /// Returns the helper methods of the source fingerprint, each with its role. Their order must not change.
    pub fn fingerprinted(&self) -> impl Iterator<Item = (&'static str, &Ident)> {
        let helpers = [
            ("a hash function", &self.hash),
            ("an invalidator", &self.invalidator),
            ("an invalidator", &self.slow_invalidator),
            ("a completion check", &self.check_completed),
        ];
        helpers.into_iter().filter_map(|(role, ident)| Some((role, ident.as_ref()?)))
    }

    /// Returns the helper methods that the keys name, each with its role.
    pub fn helpers(&self) -> impl Iterator<Item = (&'static str, &Ident)> {
        self.fingerprinted().chain(self.undo.as_ref().map(|undo| ("an undo", undo)))
    }
}

fn formats(arg: &Arg, errors: &Errors) -> Vec<Format> {
    arg.one_or_list::<LitStr>(errors).iter().filter_map(|text| Format::parse(text, errors)).collect()
}

fn timeout(arg: &Arg, errors: &Errors) -> Option<Timeout> {
    let text = arg.parse::<LitStr>(errors)?;
    let milliseconds = duration::parse(&text, errors)?;
    Some(Timeout { milliseconds, span: arg.key.span() })
}

/// Reports `description = "…"`, as other libraries write it.
fn is_description_key(piece: &TokenStream, errors: &Errors) -> bool {
    let Some(TokenTree::Ident(key)) = piece.clone().into_iter().next() else { return false };
    let is_key = key == "description" || key == "desc" || key == "name";
    if is_key {
        let help = "write `#[setup_task(\"description\", key = value)]`; the name is the method's";
        errors.add(key.span(), "the description is the first argument and has no key", help);
    }
    is_key
}

/// Parses a literal or a constant expression, which cannot use `self`: the compiler evaluates it.
fn order(arg: &Arg, errors: &Errors) -> Option<Expr> {
    let expr = arg.parse::<Expr>(errors)?;
    let number = match &expr {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => &**expr,
        expr => expr,
    };
    if let Expr::Lit(ExprLit { lit, .. }) = number
        && !matches!(lit, Lit::Int(number) if number.base10_parse::<i64>().is_ok())
    {
        errors.add(lit.span(), "`order` cannot have this value", "write `order = 150`, or the name of a constant");
        return None;
    }
    if let Some(place) = find_ident(quote::quote!(#expr), "self") {
        let what = "the order is a constant and cannot use `self`";
        errors.add(place, what, "write a number, or a constant expression such as `Self::LATE + 10`");
        return None;
    }
    Some(expr)
}

fn describe(text: &LitStr, errors: &Errors) -> Option<String> {
    let value = text.value();
    if value.trim().is_empty() {
        errors.add(text.span(), "the description is empty", "say in a few words what the task does");
        return None;
    }
    Some(value)
}

fn is_late_description(piece: &TokenStream, errors: &Errors) -> bool {
    let Ok(text) = syn::parse2::<LitStr>(piece.clone()) else { return false };
    errors.add(
        text.span(),
        "the description must be the first argument",
        "write `#[setup_task(\"description\", key = value)]`",
    );
    true
}

fn retries(arg: &Arg, errors: &Errors) -> Option<u32> {
    let number = arg.parse::<LitInt>(errors)?;
    let retries = number.base10_parse().ok();
    if retries.is_none() {
        errors.add(number.span(), "`retries` cannot have this value", "write a whole number from 0 to 4294967295");
    }
    retries
}
