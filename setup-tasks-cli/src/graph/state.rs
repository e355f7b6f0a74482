//! States of tasks and objects, and counts of them.

/// The state of a task or of an object, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    UpToDate,
    /// The plan did not reach it, because its object is readonly or an earlier task failed.
    Unknown,
    /// It runs if an earlier task changes something.
    MayRun,
    /// It may run, which is decided after another task has run.
    Undecided,
    WouldRun,
    /// The plan failed.
    Failed,
}

impl State {
    const ALL: [Self; 6] = [Self::UpToDate, Self::Unknown, Self::MayRun, Self::Undecided, Self::WouldRun, Self::Failed];
    /// The states in the order in which a legend explains them.
    pub(crate) const LEGEND: [Self; 6] =
        [Self::UpToDate, Self::WouldRun, Self::MayRun, Self::Undecided, Self::Unknown, Self::Failed];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Unknown => "not known",
            Self::MayRun => "may run",
            Self::Undecided => "undecided",
            Self::WouldRun => "would run",
            Self::Failed => "failed",
        }
    }

    /// Returns the name of the state in identifiers.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::UpToDate => "done",
            Self::Unknown => "unknown",
            Self::MayRun => "may",
            Self::Undecided => "undecided",
            Self::WouldRun => "would",
            Self::Failed => "failed",
        }
    }

    /// Returns the colour of text and lines. The colours are those of Okabe and Ito, darkened for text. People who are blind to some
    /// colours can distinguish them. Source: <https://jfly.uni-koeln.de/color/>
    pub(crate) fn ink(self) -> &'static str {
        match self {
            Self::UpToDate => "#00664b",
            Self::Unknown => "#59636e",
            Self::MayRun => "#7a3d66",
            Self::Undecided => "#0a5a94",
            Self::WouldRun => "#8a5200",
            Self::Failed => "#b3200f",
        }
    }

    /// Returns the colour of the background.
    pub(crate) fn paper(self) -> &'static str {
        match self {
            Self::UpToDate | Self::Unknown => "#ffffff",
            Self::MayRun => "#f8eaf2",
            Self::Undecided => "#e3f2fc",
            Self::WouldRun => "#fff0d1",
            Self::Failed => "#fde4df",
        }
    }
}

/// A number for each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([usize; State::ALL.len()]);

impl Counts {
    pub(crate) fn one(state: State) -> Self {
        let mut counts = Self::default();
        counts.0[state as usize] = 1;
        counts
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Returns the worst state that occurs, or that of an object without tasks.
    pub(crate) fn worst(&self) -> State {
        State::ALL.into_iter().rev().find(|state| self.0[*state as usize] > 0).unwrap_or(State::UpToDate)
    }

    /// Returns the state, or the number of each state if there are several, the worst first.
    pub(crate) fn words(&self) -> String {
        let present: Vec<_> = State::ALL.into_iter().rev().filter(|state| self.0[*state as usize] > 0).collect();
        match present[..] {
            [] | [_] => self.worst().word().to_owned(),
            _ => {
                let each = present.iter().map(|state| format!("{} {}", self.0[*state as usize], state.word()));
                each.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_states_are_counted_from_the_worst_and_a_single_one_is_named() {
        let mut counts = Counts::default();
        assert_eq!((counts.worst(), counts.words()), (State::UpToDate, "up to date".to_owned()));
        for state in [State::WouldRun, State::WouldRun] {
            counts.add(&Counts::one(state));
        }
        assert_eq!(counts.words(), "would run");
        for state in [State::UpToDate, State::Failed] {
            counts.add(&Counts::one(state));
        }
        assert_eq!((counts.worst(), &*counts.words()), (State::Failed, "1 failed, 2 would run, 1 up to date"));
    }
}
