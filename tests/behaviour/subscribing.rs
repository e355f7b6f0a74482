//! Tests of subscriptions: tasks that run only for changes of the earlier tasks that they name.

use setup_tasks::layout::Dependency;
use setup_tasks::prelude::*;
use setup_tasks::run::Decision;
use setup_tasks::task::TaskKind;
use setup_tasks::{Customization, Layout};

use test_kit::{Knobs, Log, Machine, chain, lines};

#[derive(SetupTasks, Clone, Default)]
#[setup_tasks(subdir = "web")]
struct Web {
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Web {
    #[setup_task("Install the packages", hash = packages_hash)]
    fn packages(&self) {
        self.log.say("packages");
    }

    #[setup_task("Write the configuration", subscribe = [], hash = config_hash)]
    fn config(&self) {
        self.log.say("config");
    }

    #[setup_task("Sign the certificate", subscribe = [], hash = certificate_hash)]
    fn certificate(&self) {
        self.log.say("certificate");
    }

    #[setup_task("Restart the server", subscribe = [config, certificate])]
    fn restart(&self) -> Result<()> {
        self.log.say("restart");
        anyhow::ensure!(self.knobs.get("restart").is_none(), "the port is in use");
        Ok(())
    }

    #[setup_task("Report")]
    fn report(&self) {
        self.log.say("report");
    }

    fn packages_hash(&self) -> String {
        self.knobs.get("packages").unwrap_or_default()
    }

    fn config_hash(&self) -> String {
        self.knobs.get("config").unwrap_or_default()
    }

    fn certificate_hash(&self) -> String {
        self.knobs.get("certificate").unwrap_or_default()
    }
}

async fn settled() -> (Layout, Object<Web>) {
    let layout = Layout::in_memory().unwrap();
    let web = layout.add(Web::default()).unwrap();
    web.run_setup_tasks().await.unwrap();
    assert_eq!(web.log.take(), ["packages", "config", "certificate", "restart", "report"], "each runs the first time");
    (layout, web)
}

#[tokio::test]
async fn a_task_runs_only_for_changes_of_the_tasks_that_it_subscribes_to() {
    let (_layout, web) = settled().await;
    web.knobs.set("packages", "nginx");
    let report = web.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[3..], ["restart up to date", "report ran: packages changed something later"]);
    assert_eq!(web.log.take(), ["packages", "report"]);
    web.knobs.set("certificate", "new");
    let report = web.run_setup_tasks().await.unwrap();
    assert_eq!(
        lines(&report)[3..],
        ["restart ran: certificate changed something later", "report ran: restart changed something later"]
    );
    assert_eq!(web.log.take(), ["certificate", "restart", "report"]);
    assert!(web.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn the_reason_names_a_subscribed_task_even_if_another_one_changed_later() {
    let (_layout, web) = settled().await;
    web.knobs.set("restart", "fail");
    web.knobs.set("config", "new");
    web.run_setup_tasks().await.unwrap_err();
    web.knobs.clear("restart");
    Web::RESTART.run(&web).await.unwrap();
    web.knobs.set("config", "newer");
    web.knobs.set("packages", "new");
    let plan = web.as_any().plan().await.unwrap();
    assert_eq!(lines(&plan)[3], "restart would run: config changed something later");
}

#[tokio::test]
async fn a_restart_that_failed_stays_owed() {
    let (_layout, web) = settled().await;
    web.knobs.set("config", "new");
    web.knobs.set("restart", "fail");
    let failed = web.run_setup_tasks().await.unwrap_err();
    assert!(chain(failed).ends_with("the port is in use"));
    web.knobs.clear("restart");
    let report = web.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[3], "restart ran: failed last time: the port is in use");
}

#[tokio::test]
async fn a_run_that_ended_before_the_subscriber_leaves_the_change_to_the_next_run() {
    let (_layout, web) = settled().await;
    web.knobs.set("config", "new");
    web.run_setup_tasks().stop_after(Web::CONFIG).await.unwrap();
    web.log.take();
    let peeked = web.as_any().peek().await.unwrap();
    let which = "config".into();
    assert_eq!(peeked[3].decision, Some(Decision::Run(Reason::DependencyNewer { which })), "by the stamps alone");
    assert!(matches!(peeked[2].decision, Some(Decision::UpToDate(_))));
    web.run_setup_tasks().await.unwrap();
    assert_eq!(web.log.take(), ["restart", "report"]);
}

#[tokio::test]
async fn a_dependent_that_ran_the_object_part_of_the_way_changes_nothing() {
    let (layout, web) = settled().await;
    let depends = web.as_any().depends_on("config");
    layout.object_builder(Machine::new("first")).depends_on(depends).add().unwrap();
    web.knobs.set("packages", "new");
    web.knobs.set("config", "new");
    // The dependent runs the object up to the configuration, and the fleet runs the rest.
    let report = layout.run().jobs(1).include("first").include("web").await.unwrap();
    assert!(report.is_success());
    assert_eq!(web.log.take(), ["packages", "config", "restart", "report"]);
}

/// A mixin whose task subscribes to another one of it.
#[setup_tasks]
trait Served {
    fn log(&self) -> &Log;

    #[setup_task("Fetch", subscribe = [])]
    fn fetch(&self) {
        self.log().say("fetch");
    }

    #[setup_task("Reload", subscribe = [fetch])]
    fn reload(&self) {
        self.log().say("reload");
    }
}

/// A model that replaces the task of the mixin.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "replaced", mixins(Served))]
struct Replaced {
    log: Log,
    knobs: Knobs,
}

impl Served for Replaced {
    fn log(&self) -> &Log {
        &self.log
    }
}

#[setup_tasks]
impl Replaced {
    #[setup_task("Fetch differently", hash = text)]
    fn fetch(&self) {
        self.log.say("own fetch");
    }

    #[setup_task("Follow", subscribe = Served::reload)]
    fn follow(&self) {
        self.log.say("follow");
    }

    fn text(&self) -> String {
        self.knobs.get("hash").unwrap_or_default()
    }
}

/// A model that leaves the task of the mixin out.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "skipping", mixins(Served(skip(fetch))))]
struct Skipping {
    log: Log,
    knobs: Knobs,
}

impl Served for Skipping {
    fn log(&self) -> &Log {
        &self.log
    }
}

#[setup_tasks]
impl Skipping {
    #[setup_task("First", hash = text, before = Served::reload)]
    fn first(&self) {
        self.log.say("first");
    }

    fn text(&self) -> String {
        self.knobs.get("hash").unwrap_or_default()
    }
}

#[tokio::test]
async fn an_override_is_followed_by_its_name_and_a_skipped_task_never_changes_anything() {
    let layout = Layout::in_memory().unwrap();
    let replaced = layout.add(Replaced { log: Log::default(), knobs: Knobs::default() }).unwrap();
    replaced.run_setup_tasks().await.unwrap();
    assert_eq!(replaced.log.take(), ["own fetch", "reload", "follow"]);
    replaced.knobs.set("hash", "new");
    replaced.run_setup_tasks().await.unwrap();
    assert_eq!(replaced.log.take(), ["own fetch", "reload", "follow"]);

    let skipping = layout.add(Skipping { log: Log::default(), knobs: Knobs::default() }).unwrap();
    skipping.run_setup_tasks().await.unwrap();
    assert_eq!(skipping.log.take(), ["first", "reload"]);
    skipping.knobs.set("hash", "new");
    skipping.run_setup_tasks().await.unwrap();
    assert_eq!(skipping.log.take(), ["first"]);
}

/// A customization with tasks that follow the host and tasks that do not.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site {
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Site {
    #[setup_task("Publish", hash = text)]
    fn publish(&self) {
        self.log.say("publish");
    }

    #[setup_task("Index", subscribe = [publish])]
    fn index(&self) {
        self.log.say("index");
    }

    fn text(&self) -> String {
        self.knobs.get("site").unwrap_or_default()
    }
}

/// A host that depends on another object and has a customization.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host {
    #[depends_on(Machine::second)]
    server: Object<Machine>,
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Host {
    #[setup_task("Prepare", subscribe = [], hash = text)]
    fn prepare(&self) {
        self.log.say("prepare");
    }

    #[setup_task("Apply the site", subscribe = [prepare])]
    const SITE: Customization<Host, Site> =
        Customization::new(|host| Site { log: host.log.clone(), knobs: host.knobs.clone() });

    #[setup_task("Mount", subscribe = Self::server_second)]
    fn mount(&self) {
        self.log.say("mount");
    }

    #[setup_task("Announce", subscribe = [SITE])]
    fn announce(&self) {
        self.log.say("announce");
    }

    fn text(&self) -> String {
        self.knobs.get("host").unwrap_or_default()
    }
}

#[tokio::test]
async fn relationships_and_customizations_can_be_subscribed_to() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let host = layout.add(Host { server: server.clone(), log: Log::default(), knobs: Knobs::default() }).unwrap();
    host.run_setup_tasks().await.unwrap();
    assert_eq!(host.log.take(), ["prepare", "publish", "index", "mount", "announce"]);
    server.knobs.set("hash", "new");
    let report = host.run_setup_tasks().await.unwrap();
    assert_eq!(
        report.task("mount").unwrap().reason.as_ref().unwrap().to_string(),
        "server/second changed something later"
    );
    assert_eq!(host.log.take(), ["mount"], "the relationship reaches nothing else");
    host.knobs.set("site", "new");
    host.run_setup_tasks().await.unwrap();
    assert_eq!(host.log.take(), ["publish", "index", "announce"]);
    assert!(host.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn the_key_on_the_constant_of_a_customization_limits_the_changes_that_reach_its_tasks() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let host = layout.add(Host { server, log: Log::default(), knobs: Knobs::default() }).unwrap();
    host.run_setup_tasks().await.unwrap();
    host.log.take();
    host.knobs.set("host", "new");
    host.run_setup_tasks().await.unwrap();
    assert_eq!(host.log.take(), ["prepare", "publish", "index", "announce"], "`index` follows its own model");
}

/// A kind of task that depends on a task of another object.
struct Follows(fn(&Kept) -> Object<Machine>);

impl TaskKind<Kept> for Follows {
    async fn run(&self, model: &Kept, _cx: &TaskContext) -> Result<Outcome> {
        model.log.say("follows");
        Ok(if model.knobs.get("idle").is_some() { Outcome::Unchanged } else { Outcome::Done })
    }

    fn dependencies(&self, model: &Kept) -> Vec<Dependency> {
        vec![(self.0)(model).as_any().depends_on("second")]
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "kept")]
struct Kept {
    server: Object<Machine>,
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Kept {
    #[setup_task("Earlier", hash = text)]
    fn earlier(&self) {
        self.log.say("earlier");
    }

    #[setup_task("Follow the server", subscribe = [])]
    const FOLLOWS: Follows = Follows(|kept| kept.server.clone());

    #[setup_task("Last", subscribe = [FOLLOWS])]
    fn last(&self) {
        self.log.say("last");
    }

    fn text(&self) -> String {
        self.knobs.get("hash").unwrap_or_default()
    }
}

#[tokio::test]
async fn the_dependencies_of_a_tasks_own_kind_always_count_and_end_with_the_task() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let kept = layout.add(Kept { server, log: Log::default(), knobs: Knobs::default() }).unwrap();
    kept.run_setup_tasks().await.unwrap();
    kept.log.take();
    kept.knobs.set("hash", "new");
    kept.run_setup_tasks().await.unwrap();
    assert_eq!(kept.log.take(), ["earlier"]);
    kept.server.knobs.set("hash", "new");
    kept.run_setup_tasks().await.unwrap();
    assert_eq!(kept.log.take(), ["follows", "last"]);
    kept.server.knobs.set("hash", "newer");
    kept.knobs.set("idle", "yes");
    kept.run_setup_tasks().await.unwrap();
    assert_eq!(kept.log.take(), ["follows"], "it changed nothing, so its dependency reaches nothing else");
}
