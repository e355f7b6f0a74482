//! Tests of renderings: they are the same in every process, for objects and for models, and private
//! if they depend on a secret.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use indexmap::IndexMap;
use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::{InjectionKey, Layout, Secret};
use setup_tasks_templates::{TemplateTask, template};

use test_kit::Scratch;

/// A model with maps of every kind.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "orders")]
struct Orders {
    sorted: BTreeMap<String, u32>,
    hashed: HashMap<String, u32>,
    indexed: IndexMap<String, u32>,
    json: serde_json::Value,
    set: HashSet<String>,
    nested: HashMap<u32, HashMap<String, Option<HashSet<u8>>>>,
    flat: Flat,
    ranks: BTreeMap<Rank, u32>,
    numbers: HashMap<i64, Rank>,
}

#[derive(Serialize)]
struct Flat {
    zeta: u32,
    #[serde(flatten)]
    more: HashMap<String, u32>,
}

/// An enum whose order differs from that of its names.
#[derive(Clone, Copy, Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Second,
    First,
}

const SHARED: InjectionKey<HashMap<String, u32>> = InjectionKey::named("shared");

#[setup_tasks]
impl Orders {
    #[setup_task]
    const ORDERS: TemplateTask = TemplateTask::new(template!("templates/orders.tera", shared: SHARED));
}

fn orders() -> Orders {
    let names = ["m", "b", "z", "a", "k", "x", "c", "q"];
    let numbered = |i: usize| (names[i].to_owned(), u32::try_from(i).unwrap());
    let sets = || (0..9).collect::<HashSet<u8>>();
    Orders {
        sorted: (0..8).map(numbered).collect(),
        hashed: (0..8).map(numbered).collect(),
        indexed: (0..8).map(numbered).collect(),
        json: serde_json::json!({"n": {"w": 1, "v": [2]}, "l": null}),
        set: names.map(str::to_owned).into(),
        nested: (0..9).map(|i| (i, names.map(|name| (name.to_owned(), Some(sets()))).into())).collect(),
        flat: Flat { zeta: 0, more: (0..8).map(numbered).collect() },
        ranks: [(Rank::First, 1), (Rank::Second, 2)].into(),
        numbers: (-3..10).map(|i| (i, Rank::First)).collect(),
    }
}

async fn render_orders() -> String {
    let layout = Layout::in_memory().unwrap();
    let shared: HashMap<_, _> = orders().hashed;
    layout.injector().provide(SHARED, shared).unwrap();
    let object = layout.add(orders()).unwrap();
    object.run_setup_tasks().await.unwrap();
    std::fs::read_to_string(object.stamp_path().unwrap().join("orders")).unwrap()
}

#[tokio::test]
async fn maps_keep_their_order_or_are_sorted() {
    let text = render_orders().await;
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    let sorted = "a=3 b=1 c=6 k=4 m=0 q=7 x=5 z=2";
    assert_eq!(lines[..2], [sorted, sorted]);
    assert_eq!(lines[2], "m=0 b=1 z=2 a=3 k=4 x=5 c=6 q=7", "in the order of the program");
    assert_eq!(lines[4], "a b c k m q x z");
    let inner = "a=[0, 1, 2, 3, 4, 5, 6, 7, 8] b=[0, 1, 2, 3, 4, 5, 6, 7, 8] c=";
    assert!(lines[5].starts_with(&format!("0: {inner}")) && lines[5].contains(&format!(";7: {inner}")), "{}", lines[5]);
    assert_eq!(lines[6], format!("{sorted} zeta=0"));
    assert_eq!(lines[7], "Second=2 First=1", "as the program compares them");
    assert_eq!(lines[8], "z=1 a=2");
    assert_eq!(lines[9], "-3 -2 -1 0 1 2 3 4 5 6 7 8 9");
    assert_eq!(lines[10], sorted);
}

/// A part of the test below, which runs it in other processes.
#[tokio::test]
async fn rendering_of_this_process() {
    if let Some(file) = std::env::var_os("RENDERING") {
        std::fs::write(file, render_orders().await).unwrap();
    }
}

#[test]
fn a_rendering_is_the_same_in_every_process() {
    let place = Scratch::new();
    let render = |i: usize| {
        let file = place.path().join(i.to_string());
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["rendering::rendering_of_this_process", "--exact"]).env("RENDERING", &file).output();
        assert!(output.unwrap().status.success());
        std::fs::read_to_string(file).unwrap()
    };
    let first = render(0);
    for i in 1..6 {
        assert_eq!(render(i), first);
    }
}

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "servers/{name}")]
struct Server {
    name: String,
    names: Vec<String>,
    password: Secret<String>,
}

#[setup_tasks]
impl Server {}

const SERVER: InjectionKey<Object<Server>> = InjectionKey::named("server");
const TOKEN: InjectionKey<Secret<String>> = InjectionKey::named("token");

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "users/{name}")]
struct User {
    name: &'static str,
    server: Option<Object<Server>>,
}

#[setup_tasks]
impl User {
    #[setup_task]
    const INJECTED: TemplateTask = TemplateTask::new(template!("templates/injected.tera", server: SERVER));
}

#[tokio::test]
async fn a_template_renders_an_object_as_its_model() {
    let layout = Layout::in_memory().unwrap();
    let password = Secret::new("a password of a server".to_owned());
    let server = Server { name: "ns".into(), names: vec!["a".into(), "b".into()], password };
    let server = layout.add(server).unwrap();
    layout.injector().provide(SERVER, server.clone()).unwrap();
    let user = layout.add(User { name: "ada", server: Some(server.clone()) }).unwrap();
    user.run_setup_tasks().await.unwrap();
    assert_eq!(std::fs::read_to_string(user.stamp_path().unwrap().join("injected")).unwrap(), "ns a,b\n");
    let json = serde_json::to_value(&*user).unwrap();
    assert_eq!(json["server"]["password"], "a password of a server", "nested, and to other serializers, too");
}

/// A model that renders texts which depend on secrets in many ways.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "keeper")]
struct Keeper {
    name: &'static str,
    password: Secret<String>,
    pin: Secret<String>,
    url: String,
}

#[setup_tasks]
impl Keeper {
    #[setup_task]
    const DIGITS: TemplateTask = TemplateTask::new(template!("templates/depends_digits.tera"));
    #[setup_task]
    const REPLACED: TemplateTask = TemplateTask::new(template!("templates/depends_replaced.tera"));
    #[setup_task]
    const KNOWN: TemplateTask = TemplateTask::new(template!("templates/depends_known.tera"));
    #[setup_task]
    const TRUTHY: TemplateTask = TemplateTask::new(template!("templates/depends_truthy.tera"));
    #[setup_task]
    const PIN: TemplateTask = TemplateTask::new(template!("templates/depends_pin.tera"));
    #[setup_task]
    const WORDS: TemplateTask = TemplateTask::new(template!("templates/depends_words.tera"));
    #[setup_task]
    const INNER: TemplateTask = TemplateTask::new(template!("templates/depends_inner.tera", server: SERVER));
    #[setup_task]
    const TOKEN: TemplateTask = TemplateTask::new(template!("templates/depends_token.tera", token: TOKEN));
    #[setup_task]
    const VALUE: TemplateTask = TemplateTask::new(template!(
        "templates/depends_token.tera",
        token = Secret::new("a value of the program".to_owned())
    ))
    .output("value");
    #[setup_task]
    const OPEN: TemplateTask = TemplateTask::new(template!("templates/depends_open.tera"));
    #[setup_task]
    const GIVEN: TemplateTask =
        TemplateTask::new(template!("templates/depends_replaced.tera")).output("given").mode(0o640);
}

#[tokio::test]
async fn a_file_that_depends_on_a_secret_is_private_even_after_filters() {
    let layout = Layout::in_memory().unwrap();
    let password = Secret::new("p&ss word's rest".to_owned());
    let url = format!("postgres://ada:{}@db", password.expose());
    let inner = Secret::new("inner secret".to_owned());
    let server = layout.add(Server { name: "ns".into(), names: Vec::new(), password: inner }).unwrap();
    layout.injector().provide(SERVER, server).unwrap();
    layout.injector().provide(TOKEN, Secret::new("a token of the injector".to_owned())).unwrap();
    let keeper = Keeper { name: "ada", password, pin: Secret::new("99999".to_owned()), url };
    let keeper = layout.add(keeper).unwrap();
    keeper.run_setup_tasks().await.unwrap();
    let mode = |file: &str| {
        let path = keeper.stamp_path().unwrap().join(file);
        assert!(path.metadata().unwrap().len() > 1, "{file} says something");
        path.metadata().unwrap().permissions().mode() & 0o7777
    };
    for file in ["digits", "replaced", "known", "truthy", "pin", "words", "inner", "token"] {
        assert_eq!(mode(&format!("depends_{file}")), 0o600, "{file}");
    }
    assert_eq!(mode("value"), 0o600);
    assert_eq!(mode("depends_open"), 0o644, "it says the same with any password");
    assert_eq!(mode("given"), 0o640);
}
