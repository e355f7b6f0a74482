//! Tests of tasks that render templates.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::{InjectionKey, Layout};
use setup_tasks_templates::{TEMPLATE_DIRECTORY, TemplateTask, template};

use test_kit::{Scratch, chain, lines};

const DOMAIN: InjectionKey<String> = InjectionKey::named("domain");

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "zones/{name}", id = "{name}")]
struct Zone {
    name: String,
    names: Vec<String>,
}

#[setup_tasks]
impl Zone {
    /// Render the zone
    #[setup_task]
    const ZONE: TemplateTask =
        TemplateTask::new(template!("templates/zone.tera", "templates/partials/", domain: DOMAIN, lease = LEASE));

    #[setup_task]
    const COPY: TemplateTask =
        TemplateTask::new(template!("templates/partials/header.tera")).output("etc/zone.d/header").mode(0o600);
}

const LEASE: &str = "12h";

fn zone(layout: &Layout, names: &[&str]) -> Object<Zone> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    layout.add(Zone { name: "lan".into(), names }).unwrap()
}

fn read(zone: &Object<Zone>, file: &str) -> (String, u32, std::time::SystemTime) {
    let path: PathBuf = zone.stamp_path().unwrap().join(file);
    let meta = path.metadata().unwrap();
    (std::fs::read_to_string(&path).unwrap(), meta.permissions().mode() & 0o7777, meta.modified().unwrap())
}

#[tokio::test]
async fn a_template_is_rendered_with_its_model_values_and_keys_through_parents_and_includes() {
    let place = Scratch::new();
    let layout = place.layout();
    layout.injector().provide_async(DOMAIN, |_| async { Ok("a&b.example".to_owned()) }).unwrap();
    let zone = zone(&layout, &["gw", "ns"]);
    let report = zone.run_setup_tasks().await.unwrap();
    let expected = "; begin\n; for lan\ngw.a&b.example <12h>\nns.a&b.example <12h>\n; end\n";
    let (text, mode, _) = read(&zone, "zone");
    assert_eq!((text.as_str(), mode), (expected, 0o644), "nothing is escaped");
    let (text, mode, _) = read(&zone, "etc/zone.d/header");
    assert_eq!((text.as_str(), mode), ("; for lan\n", 0o600));
    assert_eq!(report.tasks[1].description, "Render etc/zone.d/header");
}

#[tokio::test]
async fn a_template_is_rendered_again_only_if_its_values_changed_or_its_file_is_missing() {
    let place = Scratch::new();
    let run = async |domain: &str, names: &[&str]| {
        let layout = place.layout();
        layout.injector().provide(DOMAIN, domain.to_owned()).unwrap();
        let zone = zone(&layout, names);
        let lines = lines(&zone.run_setup_tasks().await.unwrap());
        (zone.as_any().plan().await.unwrap().is_up_to_date(), lines[0].split(" from").next().unwrap().to_owned())
    };
    assert_eq!(run("x", &["gw"]).await, (true, "zone ran: never ran".to_owned()));
    assert_eq!(run("x", &["gw"]).await.1, "zone up to date");
    assert_eq!(run("y", &["gw"]).await.1, "zone ran: its hash changed");
    assert_eq!(run("y", &["gw", "ns"]).await.1, "zone ran: its hash changed");
    let rendered = place.config().cache_dir().join("zones/lan/zone");
    std::fs::remove_file(&rendered).unwrap();
    assert_eq!(run("y", &["gw", "ns"]).await.1, "zone ran: zone: is missing");
    assert!(rendered.exists());
}

#[tokio::test]
async fn a_file_that_is_already_the_same_is_not_written() {
    let place = Scratch::new();
    let layout = place.layout();
    layout.injector().provide(DOMAIN, "x".to_owned()).unwrap();
    let zone = zone(&layout, &["gw"]);
    zone.run_setup_tasks().await.unwrap();
    let before = (read(&zone, "zone"), read(&zone, "etc/zone.d/header"));
    let report = zone.run_setup_tasks().force_all().await.unwrap();
    assert_eq!((report.ran().count(), report.unchanged().count()), (0, 2));
    assert_eq!((read(&zone, "zone"), read(&zone, "etc/zone.d/header")), before);
    // A changed mode is repaired.
    let path = zone.stamp_path().unwrap().join("etc/zone.d/header");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let report = zone.run_setup_tasks().force_all().await.unwrap();
    assert_eq!((report.ran().count(), report.unchanged().count()), (1, 1));
    assert_eq!(read(&zone, "etc/zone.d/header").1, 0o600);
}

#[tokio::test]
async fn a_dry_run_reports_templates_that_would_be_rendered_and_creates_no_directory() {
    let place = Scratch::new();
    let layout = place.layout();
    layout.injector().provide(DOMAIN, "x".to_owned()).unwrap();
    let zone = zone(&layout, &["gw"]);
    assert_eq!(zone.as_any().plan().await.unwrap().would_run().count(), 2);
    assert!(place.tree().is_empty());
}

/// A model whose template determines its hash by a component called `hash`.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "serial")]
struct Numbered {
    name: String,
    serial: u32,
    names: Vec<String>,
}

#[setup_tasks]
impl Numbered {
    #[setup_task]
    const SERIAL: TemplateTask = TemplateTask::new(template!("templates/serial.tera"));
}

#[tokio::test]
async fn a_component_called_hash_decides_when_the_template_is_rendered_again() {
    let place = Scratch::new();
    for (name, serial, expected) in [("a", 1, "a 1 0"), ("b", 1, "a 1 0"), ("b", 2, "b 2 0")] {
        let layout = place.layout();
        let object = layout.add(Numbered { name: name.into(), serial, names: Vec::new() }).unwrap();
        object.run_setup_tasks().await.unwrap();
        let text = std::fs::read_to_string(object.stamp_path().unwrap().join("serial")).unwrap();
        assert_eq!(text.trim(), expected);
        assert_eq!(object.check_stamp("serial").await.unwrap().unwrap().contents, serial.to_string());
    }
}

/// A model that lacks a value of its template, or cannot be serialized.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "poor")]
struct Poor(Arc<Mutex<bool>>);

impl Serialize for Poor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields {
            name: &'static str,
            names: [(); 0],
        }
        if *self.0.lock().unwrap() {
            return Err(serde::ser::Error::custom("it is secret"));
        }
        Fields { name: "poor", names: [] }.serialize(serializer)
    }
}

#[setup_tasks]
impl Poor {
    #[setup_task]
    const DEEP: TemplateTask = TemplateTask::new(template!("templates/deep.tera"));
}

#[tokio::test]
async fn an_error_names_the_template_the_line_and_the_problem_and_leaves_no_file() {
    let layout = Layout::in_memory().unwrap();
    let secret = Arc::new(Mutex::new(false));
    let poor = layout.add(Poor(secret.clone())).unwrap();
    let error = chain(poor.run_setup_tasks().await.unwrap_err());
    assert!(
        error.contains("the template `templates/deep.tera` cannot be rendered")
            && error.contains("templates/deep.tera:2:")
            && error.contains("instance.names[0].address"),
        "{error}"
    );
    *secret.lock().unwrap() = true;
    let error = chain(poor.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("has no value: serialization failed: it is secret"), "{error}");
    assert!(!poor.stamp_path().unwrap().join("deep").exists());
}

#[tokio::test]
async fn the_error_of_a_missing_key_names_the_template_and_the_variable() {
    let layout = Layout::in_memory().unwrap();
    let error = chain(zone(&layout, &[]).run_setup_tasks().await.unwrap_err());
    assert!(
        error.contains(
            "the variable `domain` of the template `templates/zone.tera` has no value: nothing provides `domain`"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn in_development_a_directory_has_the_newer_texts() {
    let place = Scratch::new();
    let newer = place.path().join("newer");
    std::fs::create_dir_all(newer.join("templates/partials")).unwrap();
    let run = async || {
        let layout = place.layout();
        layout.injector().provide(DOMAIN, "x".to_owned()).unwrap();
        layout.injector().provide(TEMPLATE_DIRECTORY, newer.clone()).unwrap();
        let zone = zone(&layout, &["gw"]);
        let result = zone.run_setup_tasks().stop_after(Zone::ZONE.handle()).await;
        result.map(|_| read(&zone, "zone").0)
    };
    assert!(run().await.unwrap().contains("; for lan"), "what it does not have is as embedded");
    let header = newer.join("templates/partials/header.tera");
    std::fs::write(&header, "; made for {{ instance.name }}\n").unwrap();
    assert!(run().await.unwrap().contains("; made for lan"));
    std::fs::write(&header, "; made for {{ instance.nam }}\n").unwrap();
    let error = chain(run().await.unwrap_err());
    assert!(error.contains("templates/partials/header.tera:1:") && error.contains("instance.nam"), "{error}");
}

/// A value that counts its serializations.
struct Counted(String, Arc<Mutex<u32>>);

impl Serialize for Counted {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        *self.1.lock().unwrap() += 1;
        serializer.serialize_str(&self.0)
    }
}

const COUNTED: InjectionKey<Counted> = InjectionKey::of();

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "many/{number}")]
struct Many {
    number: usize,
    name: &'static str,
}

#[setup_tasks]
impl Many {
    #[setup_task]
    const SHARED: TemplateTask = TemplateTask::new(template!("templates/shared.tera", shared: COUNTED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_injector_is_serialized_once_for_all_renderings() {
    let layout = Layout::in_memory().unwrap();
    let count = Arc::new(Mutex::new(0));
    layout.injector().provide(COUNTED, Counted("one".into(), count.clone())).unwrap();
    let many: Vec<_> = (0..100).map(|number| layout.add(Many { number, name: "x" }).unwrap()).collect();
    let text = |i: usize| std::fs::read_to_string(many[i].stamp_path().unwrap().join("shared")).unwrap();
    assert!(layout.run().jobs(1).await.unwrap().is_success());
    assert_eq!((text(7).as_str(), *count.lock().unwrap()), ("7: one\n", 1));
    // The value is replaced, perhaps by one at the same address.
    layout.injector().replace(COUNTED, Counted("two".into(), count.clone()));
    assert!(layout.run().jobs(1).await.unwrap().is_success());
    assert_eq!((text(7).as_str(), text(99).as_str(), *count.lock().unwrap()), ("7: two\n", "99: two\n", 2));
}
