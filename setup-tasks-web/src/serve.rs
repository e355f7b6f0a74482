//! The command `serve`: the loop that builds the layout anew, plans, and carries out the orders of pages.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::ArgMatches;
use setup_tasks::error::explain;
use setup_tasks::fleet::Stop;
use setup_tasks::{Layout, Result, error_help};
use setup_tasks_cli::__parts::{Watched, line, note, print_error, stop_wait_on_interrupt};
use setup_tasks_cli::linked::LayoutBuilder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::args::ServeArgs;
use crate::built::Built;
use crate::gate::{Gate, Hosts};
use crate::plan::Planned;
use crate::refresh::Refresher;
use crate::site::{Order, Site};
use crate::{routes, run};

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

error_help!(ListenError);

impl ListenError {
    fn help(&self) -> Option<&'static str> {
        match self.source.kind() {
            std::io::ErrorKind::AddrInUse => Some("another program listens there; choose another port with `--listen`"),
            std::io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 need root; choose another port with `--listen`")
            }
            std::io::ErrorKind::AddrNotAvailable => {
                Some("this machine does not have the address; `ip address` lists its addresses")
            }
            _ => None,
        }
    }
}

/// Serves the page until Ctrl-C.
pub(crate) async fn serve(layouts: LayoutBuilder, matches: ArgMatches) -> Result<ExitCode> {
    let args = ServeArgs::from(&matches)?;
    let token = args.token()?;
    let layout = layouts.to_inspect()?;
    let listener = listen(&args).await?;
    let bound = listener.local_addr().context("the socket has no address")?;
    let gate = Gate::new(token, Hosts { bound, names: args.names() })?;
    let link = gate.link(bound);
    let watched = watch(&layout, None);
    let (site, mut orders) = Site::new(program(), gate, args.allow_changes, Built::new(layout))?;
    // The first page has the state of every object.
    let mut refresher = Refresher::new(site.clone());
    refresher.look().await;
    tokio::spawn(refresher.run());
    let mut server = tokio::spawn(axum::serve(listener, routes::router(site.clone())).into_future());
    line(format!("{link}\nThe page shows {} and follows every run. Ctrl-C ends it.", site.name));
    let mut desk = Desk { layouts, site: site.clone(), watched, work: JoinSet::new(), plan_again: false };
    desk.plan();
    let stop = Stop::new();
    let _guard = stop_wait_on_interrupt(&stop);
    loop {
        tokio::select! {
            changed = changed(&mut desk.watched) => match changed {
                Ok(()) => desk.rebuild(),
                Err(error) => {
                    note(format!("changes of the site are not followed any more: {}", explain(error.as_ref())));
                    desk.watched = None;
                }
            },
            Some(order) = orders.recv() => desk.carry_out(order),
            Some(done) = desk.work.join_next() => desk.done(done.unwrap_or(Done::Other)),
            ended = &mut server => {
                ended.context("the server panicked")?.context("the server ended")?;
            }
            () = stop.requested() => break,
        }
    }
    // A run that the page started was asked to stop, too. Its running tasks are completed.
    while site.situation().run.is_some() {
        let Some(done) = desk.work.join_next().await else { break };
        desk.done(done.unwrap_or(Done::Other));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the name of the program.
fn program() -> String {
    let name = std::env::args_os().next().and_then(|path| Some(std::path::Path::new(&path).file_name()?.to_owned()));
    name.map_or_else(|| "the layout".to_owned(), |name| name.to_string_lossy().into_owned())
}

async fn listen(args: &ServeArgs) -> Result<TcpListener> {
    let (mut address, is_any) = args.address();
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if is_any && address.port() != 0 && error.kind() == std::io::ErrorKind::AddrInUse => {
                address.set_port(0);
            }
            Err(source) => return Err(ListenError { address, source }.into()),
        }
    }
}

/// Starts to watch the source of a layout. Without a source, the page shows the layout as it was built.
fn watch(layout: &Layout, before: Option<&Watched>) -> Option<Watched> {
    match Watched::of(layout) {
        Ok(mut watched) => {
            before.into_iter().for_each(|before| watched.inherit(before));
            Some(watched)
        }
        Err(error) => {
            note(format!("changes of the site are not followed: {}", explain(error.as_ref())));
            None
        }
    }
}

/// Waits until the source of the layout changes.
async fn changed(watched: &mut Option<Watched>) -> Result<()> {
    match watched {
        Some(watched) => watched.changed().await.map(drop),
        None => std::future::pending().await,
    }
}

/// The place where the layout is built, and where orders are carried out.
struct Desk {
    layouts: LayoutBuilder,
    site: Arc<Site>,
    watched: Option<Watched>,
    work: JoinSet<Done>,
    /// Whether a plan was asked for while another one was made.
    plan_again: bool,
}

/// The end of work.
enum Done {
    Plan(Arc<Built>, Result<Planned>),
    Other,
}

impl Desk {
    /// Builds the layout anew. If that fails, the page shows the error and the layout before.
    fn rebuild(&mut self) {
        match self.layouts.to_inspect() {
            Ok(layout) => {
                self.watched = watch(&layout, self.watched.as_ref());
                self.site.rebuild(Built::new(layout));
                self.site.update(|now| now.problem = None);
                self.plan();
            }
            Err(error) => {
                print_error(&error);
                let text = format!("the layout cannot be built: {}", explain(error.as_ref()));
                self.site.update(|now| now.problem = Some(text));
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Plan => self.plan(),
            // The gate and the page refuse these before, so this is a second wall.
            Order::Run(_) | Order::MarkDone { .. } if !self.site.allows_changes => {}
            Order::Run(object) => self.with_layout(|site, layout| {
                let work = run::run(site, layout, object);
                async move {
                    work.await;
                    Done::Other
                }
            }),
            Order::MarkDone { object, task } => self.with_layout(|site, layout| async move {
                run::mark_done(&site, &layout, &object, &task).await;
                Done::Other
            }),
        }
    }

    /// Starts work on a layout that can run, which is built for it.
    fn with_layout<F>(&mut self, work: impl FnOnce(Arc<Site>, Layout) -> F)
    where
        F: Future<Output = Done> + Send + 'static,
    {
        match self.layouts.to_run() {
            Ok(layout) => drop(self.work.spawn(work(self.site.clone(), layout))),
            Err(error) => {
                let text = format!("the layout cannot be built: {}", explain(error.as_ref()));
                self.site.update(|now| now.problem = Some(text));
            }
        }
    }

    /// Starts to plan, unless a plan is being made.
    fn plan(&mut self) {
        if self.site.situation().is_planning {
            self.plan_again = true;
            return;
        }
        self.plan_again = false;
        self.site.update(|now| now.is_planning = true);
        let built = self.site.built();
        self.work.spawn(async move {
            let plan = Planned::of(built.clone()).await;
            Done::Plan(built, plan)
        });
    }

    fn done(&mut self, done: Done) {
        let Done::Plan(built, plan) = done else { return };
        self.site.update(|now| now.is_planning = false);
        // A plan of an earlier layout does not hold for this one.
        let is_current = Arc::ptr_eq(&built, &self.site.built());
        match plan {
            Ok(plan) if is_current => {
                self.site.set_plan(plan);
                self.site.update(|now| now.plan_problem = None);
            }
            Err(error) if is_current => {
                let text = format!("the layout cannot be planned: {}", explain(error.as_ref()));
                self.site.update(|now| now.plan_problem = Some(text));
            }
            _ => self.plan_again = true,
        }
        if self.plan_again {
            self.plan();
        }
    }
}
