//! Tests of the form of all errors: one line, without the text of the source, and help beside it.

use std::collections::BTreeSet;
use std::path::Path;

use setup_tasks::error::{Excerpt, explain, help_of};
use setup_tasks::event::EventKind;
use setup_tasks::stamp::HistoryFilter;
use setup_tasks::{Reason, Secret, prelude::*};
use syn::parse::ParseStream;
use syn::visit::Visit;
use syn::{Attribute, ImplItem, ItemEnum, ItemImpl, ItemMod, ItemStruct, LitStr, Macro, Type};
use test_kit::Scratch;

use crate::public_api::modules::Library;

#[test]
fn the_message_of_each_error_is_one_line_without_its_source() {
    let messages = Found::in_all_sources().messages;
    assert!(messages.len() > 80, "the scan finds {} messages", messages.len());
    let wrong: Vec<_> =
        messages.iter().filter(|text| ["\n", "{source}", "{source:"].iter().any(|part| text.contains(part))).collect();
    assert!(wrong.is_empty(), "help belongs into `help`, and the text of a source to the source: {wrong:#?}");
}

#[test]
fn each_error_with_help_is_known_to_the_command_line() {
    let found = Found::in_all_sources();
    assert!(found.with_help.len() > 15, "the scan finds {:?}", found.with_help);
    let unknown: Vec<_> = (&found.with_help & &found.errors).difference(&found.registered).cloned().collect();
    assert!(unknown.is_empty(), "`error_help!` is missing for {unknown:?}");
}

#[test]
fn each_public_error_can_move_to_other_threads() {
    fn is_movable<E: std::error::Error + Send + Sync + 'static>() {}
    is_movable::<setup_tasks::command::CommandError>();
    is_movable::<setup_tasks::command::QuoteError>();
    is_movable::<setup_tasks::config::ConfigError>();
    is_movable::<setup_tasks::fleet::FleetError>();
    is_movable::<setup_tasks::injector::InjectError>();
    is_movable::<setup_tasks::layout::AddError>();
    is_movable::<setup_tasks::layout::PruneError>();
    is_movable::<setup_tasks::lease::LeaseError>();
    is_movable::<setup_tasks::paths::PathError>();
    is_movable::<setup_tasks::ready::ReadyError>();
    is_movable::<setup_tasks::run::RunError>();
    is_movable::<setup_tasks::stamp::StampError>();
    is_movable::<setup_tasks::task::AddTaskError>();
    is_movable::<setup_tasks::task::PlugInError>();
    is_movable::<setup_tasks_templates::InstallError>();
    is_movable::<setup_tasks_templates::TemplateError>();
}

#[test]
fn what_a_program_keeps_can_be_shared_by_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<setup_tasks::AnyObject>();
    is_shared::<setup_tasks::Injector>();
    is_shared::<setup_tasks::Layout>();
    is_shared::<setup_tasks::Object<Disk>>();
    is_shared::<setup_tasks::TaskContext>();
    is_shared::<setup_tasks::fleet::FleetReport>();
    is_shared::<setup_tasks::fleet::FleetRun>();
    is_shared::<setup_tasks::fleet::Stop>();
    is_shared::<setup_tasks::run::ObjectReport>();
}

#[derive(Debug, thiserror::Error)]
#[error("the disk {device} is worn out")]
struct DiskError {
    device: String,
}

setup_tasks::error_help!(DiskError);

impl DiskError {
    fn help(&self) -> String {
        format!("replace {}", self.device)
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "disk")]
struct Disk {
    device: Secret<String>,
    is_secret: bool,
}

#[setup_tasks]
impl Disk {
    #[setup_task("Format it")]
    fn format(&self) -> Result<()> {
        let device = if self.is_secret { self.device.expose().clone() } else { "sda".to_owned() };
        Err(anyhow::Error::new(DiskError { device }).context("cannot write the table"))
    }
}

#[tokio::test]
async fn the_help_of_a_users_own_error_is_kept_by_all_that_people_read() {
    for (is_secret, shown) in [(false, "sda"), (true, "[secret]")] {
        let place = Scratch::new();
        let layout = place.layout();
        let mut events = layout.events();
        let disk = layout.add(Disk { device: Secret::new("wwn-0x5000c500".to_owned()), is_secret }).unwrap();
        let error = disk.run_setup_tasks().await.unwrap_err();

        let cause = format!("cannot write the table: the disk {shown} is worn out");
        let text = format!("{cause}\nhelp: replace {shown}");
        assert!(explain(&error).ends_with(&text), "{}", explain(&error));
        assert!(format!("{:#}", anyhow::Error::new(error)).ends_with(&cause), "the chain has no help");

        let failed = std::iter::from_fn(|| events.try_next()).find_map(|event| match &event.kind {
            EventKind::TaskFail { error, .. } => Some(error.clone()),
            _ => None,
        });
        assert_eq!(failed.as_ref(), Some(&text));
        let history = layout.history(&HistoryFilter::default()).await.unwrap();
        assert_eq!(history[0].error.as_ref(), Some(&text));
        let plan = disk.as_any().plan().await.unwrap();
        assert_eq!(plan.tasks[0].reason, Some(Reason::Failed { error: text.clone() }));
        let log = std::fs::read_to_string(&setup_tasks::log::logs_of(disk.as_any(), None).unwrap()[0].path).unwrap();
        assert!(log.contains(&format!("{cause}\n# help: replace {shown}\n")), "{log}");
    }
}

#[tokio::test]
async fn no_cause_repeats_the_next_one() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "shell")]
    struct Shell;

    #[setup_tasks]
    impl Shell {
        #[setup_task("Fail")]
        async fn fail(&self, cx: &TaskContext) -> Result<()> {
            Ok(cx.command("sh").args(["-c", "echo two >&2; echo lines >&2; exit 3"]).run().await?)
        }
    }

    let place = Scratch::new();
    let shell = place.layout().add(Shell).unwrap();
    let error = anyhow::Error::new(shell.ready().await.unwrap_err());
    let causes: Vec<_> = error.chain().collect();
    assert_eq!(causes.len(), 4, "readiness, task, command and its output: {error:#}");
    for (error, cause) in causes.iter().zip(&causes[1..]) {
        assert!(!error.to_string().contains(&cause.to_string()), "{error:?} repeats {cause:?}");
    }
    assert_eq!(causes[3].downcast_ref::<Excerpt>().unwrap().as_str(), "two\nlines");
    assert!(causes.iter().all(|cause| help_of(*cause).is_none()));
}

/// The messages and errors in the sources of the published libraries.
#[derive(Default)]
struct Found {
    /// The texts of `#[error("…")]`, `anyhow!("…")` and `bail!("…")`.
    messages: Vec<String>,
    /// The types that implement `Error`.
    errors: BTreeSet<String>,
    /// The types with a method `help`.
    with_help: BTreeSet<String>,
    /// The arguments of `error_help!`.
    registered: BTreeSet<String>,
}

impl Found {
    fn in_all_sources() -> Self {
        let mut found = Self::default();
        for name in ["setup-tasks", "setup-tasks-templates", "setup-tasks-cli", "setup-tasks-web"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name).join("src");
            let library = Library::read(&name.replace('-', "_"), &source);
            library.modules.values().flatten().for_each(|item| found.visit_item(item));
        }
        found
    }
}

/// Parses the first string literal of a list of arguments.
fn first_text(arguments: ParseStream<'_>) -> syn::Result<Option<String>> {
    let text = arguments.parse::<Option<LitStr>>()?;
    arguments.parse::<proc_macro2::TokenStream>()?;
    Ok(text.map(|text| text.value()))
}

impl<'a> Visit<'a> for Found {
    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        if attribute.path().is_ident("error")
            && let Ok(text) = attribute.parse_args_with(first_text)
        {
            self.messages.extend(text);
        }
    }

    fn visit_macro(&mut self, called: &'a Macro) {
        match &*called.path.segments.last().unwrap().ident.to_string() {
            "anyhow" | "bail" => self.messages.extend(called.parse_body_with(first_text).unwrap()),
            "error_help" => {
                let types = called.tokens.to_string();
                self.registered.extend(types.split(',').map(|name| name.trim().to_owned()));
            }
            _ => {}
        }
    }

    // The library lists the items of each module that is not a test.
    fn visit_item_mod(&mut self, _: &'a ItemMod) {}

    fn visit_item_enum(&mut self, item: &'a ItemEnum) {
        if has_derived_error(&item.attrs) {
            self.errors.insert(item.ident.to_string());
        }
        syn::visit::visit_item_enum(self, item);
    }

    fn visit_item_struct(&mut self, item: &'a ItemStruct) {
        if has_derived_error(&item.attrs) {
            self.errors.insert(item.ident.to_string());
        }
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        if let Type::Path(of) = &*item.self_ty {
            let is_help = |item: &ImplItem| matches!(item, ImplItem::Fn(method) if method.sig.ident == "help");
            let name = of.path.segments.last().unwrap().ident.to_string();
            match &item.trait_ {
                None if item.items.iter().any(is_help) => drop(self.with_help.insert(name)),
                Some((path, _)) if path.segments.last().unwrap().ident == "Error" => drop(self.errors.insert(name)),
                _ => {}
            }
        }
        syn::visit::visit_item_impl(self, item);
    }
}

fn has_derived_error(attributes: &[Attribute]) -> bool {
    let derives = |attribute: &Attribute| {
        let list = attribute.meta.require_list().ok().filter(|_| attribute.path().is_ident("derive"));
        list.is_some_and(|list| list.tokens.to_string().split([',', ' ', ':']).any(|name| name == "Error"))
    };
    attributes.iter().any(derives)
}
