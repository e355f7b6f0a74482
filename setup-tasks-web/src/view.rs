//! The state of all objects at one time.

use std::collections::HashMap;
use std::sync::Arc;

use setup_tasks::activity::Activity;

use crate::built::Built;
use crate::card::Card;
use crate::plan::Planned;
use crate::progress::RunProgress;
use crate::recent::RecentRun;
use crate::state::Counts;

/// The state of all objects, as pages show it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) built: Arc<Built>,
    /// The cards in the order of the objects.
    pub(crate) cards: Vec<Arc<Card>>,
    /// The last plan of the layout.
    pub(crate) plan: Option<Arc<Planned>>,
    /// The runs in progress, in this and other processes.
    pub(crate) runs: Vec<RunProgress>,
    /// The activities of these runs by object.
    pub(crate) activities: Arc<HashMap<String, Activity>>,
    /// The last run, in any process.
    pub(crate) last_run: Option<RecentRun>,
    /// The error of the last look at the store, if it failed.
    pub(crate) error: Option<String>,
}

impl View {
    /// Returns a view before the first look at the store.
    pub(crate) fn empty(built: Arc<Built>) -> Self {
        Self {
            built,
            cards: Vec::new(),
            plan: None,
            runs: Vec::new(),
            activities: Arc::default(),
            last_run: None,
            error: None,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts::of(self.cards.iter().map(|card| card.state))
    }

    /// Returns the number of objects in each state, by group.
    pub(crate) fn group_counts(&self) -> Vec<Counts> {
        let mut states = vec![Vec::new(); self.built.groups.len()];
        self.cards.iter().for_each(|card| states[card.group].push(card.state));
        states.into_iter().map(Counts::of).collect()
    }
}
