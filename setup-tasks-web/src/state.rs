//! The states of objects and tasks on the page.

/// The state of an object or of a task, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    Failed,
    Running,
    WouldRun,
    Undecided,
    MayRun,
    UpToDate,
    /// Nothing runs: the object is readonly or retired, or has no tasks.
    Idle,
}

impl State {
    pub(crate) const ALL: [Self; 7] =
        [Self::Failed, Self::Running, Self::WouldRun, Self::Undecided, Self::MayRun, Self::UpToDate, Self::Idle];

    /// Returns the state in words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Running => "running",
            Self::WouldRun => "would run",
            Self::Undecided => "undecided",
            Self::MayRun => "may run",
            Self::UpToDate => "up to date",
            Self::Idle => "idle",
        }
    }

    /// Returns the name in classes and addresses.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Running => "running",
            Self::WouldRun => "would",
            Self::Undecided => "undecided",
            Self::MayRun => "may",
            Self::UpToDate => "done",
            Self::Idle => "idle",
        }
    }

    /// Returns the character that marks the state, so that it does not depend on a color.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Failed => "✕",
            Self::Running => "▶",
            Self::WouldRun => "●",
            Self::Undecided => "◇",
            Self::MayRun => "◐",
            Self::UpToDate => "✓",
            Self::Idle => "–",
        }
    }
}

/// The number of objects in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([usize; State::ALL.len()]);

impl Counts {
    pub(crate) fn of(states: impl IntoIterator<Item = State>) -> Self {
        let mut counts = Self::default();
        states.into_iter().for_each(|state| counts.0[state as usize] += 1);
        counts
    }

    pub(crate) fn get(&self, state: State) -> usize {
        self.0[state as usize]
    }

    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Returns the most urgent state that occurs.
    pub(crate) fn worst(&self) -> State {
        self.present().next().map_or(State::Idle, |(state, _)| state)
    }

    /// Returns the states that occur with their numbers, the most urgent first.
    pub(crate) fn present(&self) -> impl Iterator<Item = (State, usize)> {
        State::ALL.into_iter().map(|state| (state, self.get(state))).filter(|(_, count)| *count > 0)
    }
}
