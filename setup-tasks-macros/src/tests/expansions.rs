//! The expansion of each shape of item, as files in `expected`. `UPDATE_EXPECT=1 cargo test -p setup-tasks-macros` writes them.

use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Item, Meta};

use crate::expand::{block::attribute, configured, misplaced, model::derive};

fn pretty(tokens: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(tokens).expect("an expansion is a file"))
}

macro_rules! block {
    ($name:ident, ($($args:tt)*), $($item:tt)*) => {
        #[test]
        fn $name() {
            let expanded = pretty(attribute(quote!($($args)*), quote!($($item)*)));
            expect_file![concat!("expected/", stringify!($name), ".rs")].assert_eq(&expanded);
        }
    };
}

macro_rules! model {
    ($name:ident, $($item:tt)*) => {
        #[test]
        fn $name() {
            let expanded = pretty(derive(quote!($($item)*)));
            expect_file![concat!("expected/", stringify!($name), ".rs")].assert_eq(&expanded);
        }
    };
}

block!(block_of_methods, (),
    impl Client {
        /// Mounts it.
        #[setup_task("Mount the share", invalidator = is_mounted, hash = options)]
        pub async fn mount(&self, cx: &TaskContext, network: Inject<Network>) -> Result<()> {
            todo!()
        }
        #[setup_task("Write the banner", before = mount)]
        fn banner(&self) {}
        async fn is_mounted(&self, last_run: LastRun) -> Result<bool> {
            todo!()
        }
        fn options(&self) -> String {
            todo!()
        }
    }
);
block!(block_with_every_key, (),
    impl Client {
        #[setup_task("a", order = 150, check_completed = done, depend_on = [self.network.clone(), Power], dependencies_always)]
        fn a(&self) {}
        #[setup_task("b", after = [a, DebianMachine::apt_update], slow_invalidator = valid, check_source = false, undo = take_down)]
        fn b(&self) {}
        #[setup_task("c", inputs = ["conf/{name}.toml", "keys/*.pub"], outputs = ["out/{net.id:04}"], timeout = "5m", retries = 3, tags = ["net"], formerly = "d", undo = take_down_later)]
        async fn c(&self) {}
        #[setup_task("d", subscribe = [b, DebianMachine::apt_update], outputs = ["d"], restat, always)]
        async fn d(&self) -> Result<Outcome> {
            Ok(Outcome::Done)
        }
        #[setup_task("e", subscribe = [], always)]
        fn e(&self, name: Inject<Name>) -> Result<(), Error> {
            name.check()
        }
        async fn done(&self) -> bool {
            true
        }
        fn valid(&self) -> bool {
            true
        }
        fn take_down(&self) {}
        async fn take_down_later(&self, cx: &TaskContext) -> Result<()> {
            cx.command("umount").run().await
        }
    }
);
block!(block_with_a_value, (),
    impl Client {
        /// Render the banner
        #[setup_task]
        pub const MOTD: TemplateTask = TemplateTask::new("motd");
    }
);
block!(block_with_relationships, (),
    impl Client {
        #[setup_task("Mount the share")]
        fn mount(&self) {}
        #[depends_on(FileServer::update_files, ready, before = mount)]
        fn fileserver(&self) -> Object<FileServer> {
            self.fileserver.clone()
        }
        #[depends_on("renew")]
        async fn authorities(&self, site: Inject<Site>) -> Result<Vec<AnyObject>> {
            site.authorities().await
        }
    }
);
block!(
    mixin_with_a_relationship,
    (),
    pub trait Guest {
        #[depends_on(FileServer::update_files)]
        fn fileserver(&self) -> Option<Object<FileServer>>;
    }
);
block!(
    generic_block,
    (),
    impl<P: Debug> Web<P>
    where
        P: Send,
    {
        #[setup_task("Show it", after = Base::one)]
        fn show(&self) {}
    }
);
block!(empty_block, (), impl Client {});
block!(
    mixin,
    (mixins(Base(skip(two)))),
    pub trait DebianMachine: Base {
        #[setup_task("Refresh the packages", after = Base::one)]
        async fn apt_update(&self, cx: &TaskContext) -> Result<()> {
            run("apt-get update").await
        }
        #[setup_task("Required of each")]
        async fn required(&self);
        #[setup_task]
        const MOTD: TemplateTask = TemplateTask::new("motd");
        fn plain(&self) {}
    }
);
block!(renamed_runtime, (crate = ::renamed),
    impl Client {
        #[setup_task("Mount the share")]
        fn mount(&self) {}
    }
);
block!(conditional_block, (crate = ::renamed),
    impl Client {
        #[setup_task("Mount the share", hash = options)]
        fn mount(&self) {}
        #[cfg(unix)]
        fn options(&self) -> String {
            todo!()
        }
        #[cfg(not(unix))]
        async fn options(&self, cx: &TaskContext) -> String {
            todo!()
        }
        #[cfg_attr(windows, setup_task("Map the drive"))]
        fn map_drive(&self) {}
    }
);
block!(item_survives_errors, (),
    impl Client {
        #[setup_task("Mount the share", befor = banner, hash = nothing)]
        fn mount(&self) {}
        #[setup_task("Write the banner")]
        fn banner() {}
        fn other(&self) {}
    }
);
model!(
    model_alone,
    #[setup_tasks(subdir = "gateway")]
    struct Gateway;
);
model!(
    model_with_everything,
    #[setup_tasks(subdir = "clients/{name}", id = "{name}", readonly, ready = bring_up, mixins(DebianMachine, Backup(skip(restore))))]
    struct Client {
        name: String,
        #[depends_on(FileServer::update_files, ready, before = Client::mount)]
        fileserver: Object<FileServer>,
        #[depends_on(FileServer::update_files, run_if_needed = false)]
        mirrors: Vec<Object<FileServer>>,
    }
);
model!(
    model_with_names_and_events,
    #[setup_tasks(subdir = "clients/{name}", event_keys = keys)]
    struct Client {
        name: String,
        #[depends_on("update_files", accessor = server)]
        pub fileserver: AnyObject,
    }
);
model!(
    generic_model,
    #[setup_tasks(subdir = "web/{0}")]
    struct Web<P: Debug, const N: usize>(String, P)
    where
        P: Clone;
);
model!(
    model_with_errors,
    #[setup_tasks(subdir = "clients/{nmae}", redonly)]
    struct Client {
        name: String,
    }
);

/// The macro's second call for `conditional_block`, after the compiler has evaluated its conditions on Unix.
#[test]
fn conditional_block_on_unix() {
    let expanded = pretty(configured::expand(quote! {
        #[::renamed::__private::__discard]
        enum __SetupTasks {
            #[__setup_tasks(crate = ::renamed)]
            Arguments,
            #[__setup_tasks(options options map_drive)]
            Conditional,
            Block = {
                impl Client {
                    #[setup_task("Mount the share", hash = options)]
                    fn mount(&self) {}
                    #[cfg(unix)]
                    fn options(&self) -> String {
                        todo!()
                    }
                    fn map_drive(&self) {}
                }
                0
            },
        }
    }));
    expect_file!["expected/conditional_block_on_unix.rs"].assert_eq(&expanded);
}

#[test]
fn a_task_outside_a_block_survives() {
    let expanded = pretty(misplaced(&quote!(
        fn mount() {}
    )));
    expect_file!["expected/misplaced.rs"].assert_eq(&expanded);
}

/// Writes the snapshot that `tests/behaviour/generated.rs` compares with the output of `cargo expand`.
#[test]
fn the_fixture() {
    let source = include_str!("../../../tests/fixtures/upstream/src/lib.rs");
    let file = syn::parse_file(source).expect("the fixture is Rust");
    let items = file.items.into_iter().map(|mut item| {
        if matches!(item, Item::Struct(_)) {
            return derive(item.to_token_stream());
        }
        let mark = attributes(&mut item).and_then(|attrs| {
            let at = attrs.iter().position(|attr| attr.path().is_ident("setup_tasks"))?;
            Some(attrs.remove(at).meta)
        });
        match mark {
            Some(Meta::List(list)) => attribute(list.tokens, item.into_token_stream()),
            Some(_) => attribute(TokenStream::new(), item.into_token_stream()),
            None => item.into_token_stream(),
        }
    });
    expect_file!["../../../tests/fixtures/upstream/expansion.rs"].assert_eq(&pretty(items.collect()));
}

fn attributes(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    match item {
        Item::Impl(item) => Some(&mut item.attrs),
        Item::Trait(item) => Some(&mut item.attrs),
        _ => None,
    }
}
