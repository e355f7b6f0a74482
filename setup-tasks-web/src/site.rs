//! The state that all requests share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use setup_tasks::stamp::Timestamp;
use setup_tasks::{Layout, Result};
use setup_tasks_telemetry::Results;
use tokio::sync::{Notify, mpsc};

use crate::built::Built;
use crate::gate::Gate;
use crate::plan::Planned;
use crate::updates::Updates;
use crate::view::View;

/// The state that all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    /// The name of the program.
    pub(crate) name: String,
    pub(crate) gate: Gate,
    /// Whether the page can run and cancel, and mark tasks as done.
    pub(crate) allows_changes: bool,
    pub(crate) updates: Updates,
    /// The results of the runs that pages started.
    pub(crate) results: Results,
    /// Wakes the refresher.
    pub(crate) wake: Notify,
    built: RwLock<Arc<Built>>,
    view: RwLock<Arc<View>>,
    plan: RwLock<Option<Arc<Planned>>>,
    state: Mutex<Situation>,
    orders: mpsc::UnboundedSender<Order>,
}

/// The things that go on in this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    /// The error of the last attempt to build the layout. The page then shows the layout before that.
    pub(crate) problem: Option<String>,
    /// The error of the last plan, if it could not begin.
    pub(crate) plan_problem: Option<String>,
    /// Whether a plan is being made.
    pub(crate) is_planning: bool,
    /// The run that the page started.
    pub(crate) run: Option<OwnRun>,
    /// The end of the last action of the page, in one sentence.
    pub(crate) notice: Option<Notice>,
}

/// A run that the page started.
#[derive(Clone, Debug)]
pub(crate) struct OwnRun {
    pub(crate) layout: Layout,
}

/// A message about the end of an action.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) at: Timestamp,
    pub(crate) is_good: bool,
    pub(crate) text: String,
}

/// An order of a page, which the main thread carries out, since only it can build the layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Plans the layout.
    Plan,
    /// Runs an object with its dependencies, or all objects.
    Run(Option<String>),
    /// Marks a task of an object as done.
    MarkDone { object: String, task: String },
}

impl Site {
    pub(crate) fn new(
        name: String,
        gate: Gate,
        allows_changes: bool,
        built: Built,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Order>)> {
        let built = Arc::new(built);
        let (orders, received) = mpsc::unbounded_channel();
        let site = Self {
            name,
            gate,
            allows_changes,
            updates: Updates::new(crate::gate::random(8)?),
            results: Results::default(),
            wake: Notify::new(),
            built: RwLock::new(built.clone()),
            view: RwLock::new(Arc::new(View::empty(built))),
            plan: RwLock::default(),
            state: Mutex::default(),
            orders,
        };
        Ok((Arc::new(site), received))
    }

    /// Returns the present view.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_view(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    /// Returns the layout that was built last. The view shows it a moment later.
    pub(crate) fn built(&self) -> Arc<Built> {
        self.built.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows another layout.
    pub(crate) fn rebuild(&self, built: Built) {
        *self.built.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(built);
        self.wake.notify_one();
    }

    /// Returns the last plan, which may be that of an earlier layout.
    pub(crate) fn plan(&self) -> Option<Arc<Planned>> {
        self.plan.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_plan(&self, plan: Planned) {
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(plan));
        self.wake.notify_one();
    }

    pub(crate) fn situation(&self) -> Situation {
        self.lock().clone()
    }

    /// Changes what goes on, and tells it to all pages.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Situation)) {
        change(&mut self.lock());
        self.wake.notify_one();
    }

    /// Passes an order to the main thread.
    pub(crate) fn order(&self, order: Order) {
        // The main thread is gone only while the process ends.
        let _ = self.orders.send(order);
    }

    fn lock(&self) -> MutexGuard<'_, Situation> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
