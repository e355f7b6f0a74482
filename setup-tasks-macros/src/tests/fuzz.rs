//! The macros return tokens for any tokens in an attribute, and never panic. `FUZZ=1000` multiplies the number of cases.

use std::str::FromStr;

use proc_macro2::TokenStream;
use proptest::collection::vec;
use proptest::prelude::*;
use quote::quote;

use crate::args::{depends, model, task};
use crate::expand::{block::attribute, configured, model::derive};

/// Parts of attributes besides keys, right and wrong.
const PARTS: &[&str] = &[
    "skip",
    "paint",
    "hang",
    "Self",
    "Door",
    "Self::paint",
    "Door::hang",
    "::a::b",
    "=",
    ",",
    ",",
    ",",
    "::",
    ":",
    ";",
    "#",
    "!",
    "<",
    ">",
    "&",
    "'a",
    "\"a\"",
    "\"{name}\"",
    "\"{\"",
    "\"{name:?}/{0}\"",
    "\"5m\"",
    "\"-1s\"",
    "\"\"",
    "1",
    "-1",
    "100000000000000000000",
    "1.5",
    "true",
    "false",
    "'c'",
    "b\"x\"",
    "r#type",
    "async",
    "fn",
    "cfg",
    "cfg_attr",
    "_",
    "..",
    "=>",
];

fn cases(name: &str, ordinary: u32) -> ProptestConfig {
    let factor = std::env::var("FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let cases = ordinary.saturating_mul(factor);
    #[expect(clippy::print_stdout, reason = "a long run is added up")]
    {
        println!("fuzz {name}: {cases} cases");
    }
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Returns the names of all keys.
fn keys() -> Vec<&'static str> {
    let (tasks, models, relations) = (task::KEYS.iter(), model::KEYS.iter(), depends::KEYS.iter());
    tasks.map(|key| key.name).chain(models.map(|key| key.name)).chain(relations.map(|key| key.name)).collect()
}

/// Makes tokens, in groups here and there.
fn tokens() -> impl Strategy<Value = TokenStream> {
    let part = prop::sample::select([&keys(), PARTS].concat()).prop_map(str::to_owned);
    let group = (prop::sample::select(&["()", "[]", "{}"][..]), vec(part.clone(), 0..5))
        .prop_map(|(ends, parts)| format!("{} {} {}", &ends[..1], parts.join(" "), &ends[1..]));
    vec(prop_oneof![4 => part, 1 => group], 0..9)
        .prop_map(|parts| TokenStream::from_str(&parts.join(" ")).unwrap_or_default())
}

#[test]
fn fuzz_any_tokens_on_a_task_are_answered() {
    let config = cases("attributes of tasks", 100);
    proptest!(config, |(first in tokens(), second in tokens(), args in tokens())| {
        let item = quote! {
            impl Door {
                #[setup_task(#first)]
                async fn paint(&self, cx: &TaskContext) -> Result<()> { Ok(()) }
                #[setup_task(#second)]
                const HANG: Kind = Kind::new();
                #[depends_on(#first)]
                fn wall(&self) -> Object<Wall> { self.wall.clone() }
            }
        };
        prop_assert!(!attribute(args.clone(), item).is_empty());
        let mixin = quote!(trait Painted { #[setup_task(#first)] fn paint(&self) {} });
        prop_assert!(!attribute(args, mixin).is_empty());
    });
}

#[test]
fn fuzz_any_tokens_on_a_model_are_answered() {
    let config = cases("attributes of models", 100);
    proptest!(config, |(model in tokens(), field in tokens())| {
        let item = quote! {
            #[setup_tasks(#model)]
            struct Door<T> where T: Clone { name: String, #[depends_on(#field)] wall: Object<Wall>, other: T }
        };
        prop_assert!(!derive(item).is_empty());
    });
}

#[test]
fn fuzz_any_tokens_as_the_item_are_answered() {
    let config = cases("items", 100);
    proptest!(config, |(item in tokens(), args in tokens())| {
        let _ = attribute(args, item.clone());
        let _ = derive(item.clone());
        let _ = configured::expand(quote!(enum __SetupTasks {
            #[__setup_tasks(#item)] Arguments, #[__setup_tasks(#item)] Conditional, Block = { #item 0 },
        }));
    });
}
