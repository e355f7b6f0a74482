//! Tests of `#[cfg]` and `#[cfg_attr]`: only the items that they leave are called, ordered,
//! fingerprinted and depended on.

use setup_tasks::prelude::*;

use test_kit::{Log, Scratch};

/// Defines variants of one model, each in its own module, as different builds of one program would
/// contain them.
macro_rules! build {
    ($module:ident { $($variants:tt)* }) => {
        mod $module {
            #[allow(unused_imports, reason = "some builds do not ask for it")]
            use setup_tasks::Inject;
            use setup_tasks::prelude::*;

            use test_kit::Log;

            #[derive(SetupTasks)]
            #[setup_tasks(subdir = "host")]
            pub struct Host(pub Log);

            #[setup_tasks]
            impl Host {
                #[setup_task("Paint it", hash = color, invalidator = holds)]
                fn paint(&self) {
                    self.0.say("paint");
                }

                $($variants)*
            }
        }
    };
}

build!(plain {
    fn color(&self) -> &'static str { "red" }
    fn holds(&self) -> bool { true }
});

build!(first_is_left_out {
    #[cfg(any())]
    async fn color(&self, _: &TaskContext, _: NoSuchType) -> Result<String> { Ok("blue".into()) }
    #[cfg(not(any()))]
    fn color(&self) -> &'static str { "red" }
    #[cfg(any())]
    fn holds(&self, _: Inject<u8>) -> NoSuchType { NoSuchType }
    #[cfg(not(any()))]
    fn holds(&self) -> bool { true }
});

build!(body_is_left_out_in_part {
    fn color(&self) -> &'static str { #[cfg(any())] { return "blue"; } "red" }
    fn holds(&self) -> bool { #[cfg(any())] let no = NoSuchType; true }
});

build!(another_is_built {
    #[cfg(not(any()))]
    async fn color(&self, _: &TaskContext, _: Option<Inject<u8>>) -> Result<String> { Ok("red".into()) }
    #[cfg(any())]
    fn color(&self) -> &'static str { "red" }
    fn holds(&self) -> bool { true }
});

/// Runs the host of one build, and returns whether its task ran.
async fn ran<T: SetupTasks>(place: &Scratch, make: fn(Log) -> T) -> bool {
    let log = Log::default();
    let host = place.layout().add(make(log.clone())).unwrap();
    host.run_setup_tasks().await.unwrap();
    !log.take().is_empty()
}

#[tokio::test]
async fn only_the_built_variant_of_a_helper_is_called() {
    for run in [ran(&Scratch::new(), first_is_left_out::Host).await, ran(&Scratch::new(), another_is_built::Host).await]
    {
        assert!(run);
    }
}

#[tokio::test]
async fn only_built_code_is_fingerprinted() {
    let place = Scratch::new();
    assert!(ran(&place, plain::Host).await);
    assert!(!ran(&place, first_is_left_out::Host).await, "the source that is left out counted");
    assert!(!ran(&place, body_is_left_out_in_part::Host).await, "statements that are left out counted");
    assert!(ran(&place, another_is_built::Host).await, "another variant is another source");
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server;

#[setup_tasks]
impl Server {
    #[setup_task("Serve")]
    fn serve(&self) {}
}

#[setup_tasks]
trait Mixin {
    #[cfg(any())]
    #[setup_task("Of another system")]
    fn elsewhere(&self) -> NoSuchType;

    #[cfg(not(any()))]
    #[setup_task("Of this system")]
    fn here(&self) {}

    #[cfg_attr(not(any()), setup_task("By attribute"))]
    fn by_attribute(&self) {}

    #[cfg_attr(any(), setup_task("By attribute"))]
    fn no_task(&self) {}
}

/// A model whose every part has a condition.
#[cfg_attr(not(any()), derive(SetupTasks))]
#[cfg_attr(not(any()), setup_tasks(subdir = "all", mixins(Mixin)))]
#[cfg_attr(any(), setup_tasks(mixins(NoSuchMixin)))]
struct All {
    #[cfg(any())]
    #[depends_on(NoSuchType::task)]
    absent: NoSuchType,
    #[cfg(not(any()))]
    #[depends_on(Server::serve)]
    present: Object<Server>,
    #[cfg_attr(not(any()), depends_on(Server::serve))]
    by_attribute: Object<Server>,
    #[cfg_attr(any(), depends_on(Server::serve))]
    no_relationship: Object<Server>,
}

impl Mixin for All {}

#[cfg_attr(not(any()), setup_tasks)]
impl All {
    #[cfg(any())]
    const ONE: NoSuchType = NoSuchType;

    #[cfg(any())]
    #[setup_task("A value")]
    const VALUE: NoSuchType = NoSuchType;

    #[cfg(any())]
    #[setup_task("A task")]
    async fn one(&self, _: NoSuchType) {}

    #[cfg(not(any()))]
    #[setup_task("A task", before = absent, after = [Mixin::here, also_absent, related_serve])]
    fn one(&self) {}

    #[cfg(any())]
    #[setup_task("Not there")]
    fn absent(&self) {}

    #[cfg_attr(any(), setup_task("Not there"))]
    #[cfg(any())]
    fn also_absent(&self) {}

    #[cfg(any())]
    #[depends_on(Server::serve)]
    fn related(&self) -> NoSuchType {}

    #[cfg_attr(not(any()), depends_on(Server::serve))]
    fn method(&self) -> Object<Server> {
        self.no_relationship.clone()
    }
}

#[tokio::test]
async fn conditions_are_obeyed_on_tasks_fields_mixins_constants_and_relationships() {
    let layout = setup_tasks::Layout::in_memory().unwrap();
    let server = layout.add(Server).unwrap();
    let all = All { present: server.clone(), by_attribute: server.clone(), no_relationship: server };
    let all = layout.add(all).unwrap();
    assert_eq!(
        all.as_any().task_names(),
        ["here", "one", "by_attribute", "present_serve", "by_attribute_serve", "method_serve"]
    );
    assert_eq!((All::ONE.name(), All::HERE.name()), ("one", "here"));
    all.no_task();
    all.run_setup_tasks().await.unwrap();
}
