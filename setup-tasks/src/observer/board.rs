//! The board of a run or a fleet: the questions of its tasks, grouped by observer, with the answers.
//!
//! The first task that needs an answer asks its observer, with all open questions of all objects. An
//! answer is stale once something has changed since it was asked for. The next task that needs it
//! then asks again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::{HashMap, HashSet};

use super::{Answer, Answers, LaterQuestions, Observer, Question, QuestionData, ask};
use crate::Result;
use crate::stamp::{Clock, Timestamp};
use crate::work::SharedError;

/// A task as the board knows it: the id of the object that runs it, and its stamp name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) object: Arc<str>,
    pub(crate) task: &'static str,
}

/// The questions of a run or a fleet.
#[derive(Debug, Default)]
pub(crate) struct Board {
    askings: Mutex<HashMap<Box<str>, Arc<Asking>>>,
    gathered: Mutex<HashMap<Place, (Timestamp, Gathered)>>,
}

/// The question of a task.
#[derive(Clone, Debug)]
pub(crate) enum Gathered {
    /// The task has nothing to observe.
    Nothing,
    /// The question must be gathered again when the run reaches the task.
    Later,
    /// The question is asked together with others.
    Shared(Arc<Asking>),
    /// The observer is cheap, so the question is asked when the run reaches the task.
    Cheap(Question),
}

/// The end of a task, as far as it makes observations stale.
#[derive(Clone, Copy)]
pub(crate) enum TaskEnd {
    Unchanged,
    /// The task changed something. Its stamp has this time.
    Changed(Timestamp),
    /// The task failed at this time, and may have changed something.
    Failed(Timestamp),
}

/// An observer with its questions in a run or a fleet.
pub(crate) struct Asking {
    key: Box<str>,
    /// Held while the observer is asked.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<AskingState>,
}

#[derive(Default)]
struct AskingState {
    slots: Vec<Slot>,
    /// The positions of the tasks' slots.
    positions: HashMap<Place, usize>,
    /// The objects that have questions.
    objects: HashSet<Arc<str>>,
    /// The time of the last change by an object that has questions for the observer.
    changed: Timestamp,
    /// The running tasks that have answered the questions of others, with the time of these questions.
    put_back: Vec<(Place, Timestamp)>,
}

/// Open questions of tasks.
type Open = Vec<(Place, QuestionData)>;

/// A question with its answer.
struct Slot {
    place: Place,
    observer: Arc<dyn Observer>,
    data: QuestionData,
    answer: Option<Result<Answer, SharedError>>,
    /// The time at which the answer was asked for.
    asked: Timestamp,
    /// Whether the run has considered the task, so that nobody needs a fresh answer.
    is_considered: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// Returns the question of a task, unless it was gathered before `since`.
    pub(crate) fn gathered(&self, place: &Place, since: Timestamp) -> Option<Gathered> {
        let gathered = lock(&self.gathered);
        gathered.get(place).filter(|(at, _)| *at >= since).map(|(_, gathered)| gathered.clone())
    }

    /// Returns whether a task has no question that is asked together with others.
    pub(crate) fn asks_alone(&self, place: &Place) -> bool {
        matches!(lock(&self.gathered).get(place), Some((_, Gathered::Cheap(_) | Gathered::Nothing)))
    }

    /// Adds the question of a task. It replaces an earlier one.
    pub(crate) fn put(&self, place: &Place, at: Timestamp, question: Option<Question>) -> Gathered {
        let new = match question {
            None => Gathered::Nothing,
            Some(question) => match question.parts() {
                None => Gathered::Later,
                Some((observer, _)) if observer.is_cheap() => Gathered::Cheap(question),
                Some((observer, data)) => Gathered::Shared(self.share(place, observer, data)),
            },
        };
        let old = lock(&self.gathered).insert(place.clone(), (at, new.clone()));
        if let Some((_, Gathered::Shared(old))) = old
            && !matches!(&new, Gathered::Shared(new) if Arc::ptr_eq(new, &old))
        {
            lock(&old.state).remove(place);
        }
        new
    }

    fn share(&self, place: &Place, observer: &Arc<dyn Observer>, data: &QuestionData) -> Arc<Asking> {
        let key = observer.key();
        let mut askings = lock(&self.askings);
        let asking = match askings.get(&*key) {
            Some(asking) => asking.clone(),
            None => askings.entry(Box::from(&*key)).or_insert_with(|| Asking::new(&key)).clone(),
        };
        drop(askings);
        asking.put(place, observer, data);
        asking
    }

    /// Marks a task as considered. Its question is asked no more.
    pub(crate) fn consider(&self, place: &Place) {
        let gathered = lock(&self.gathered).get(place).map(|(_, gathered)| gathered.clone());
        if let Some(Gathered::Shared(asking)) = gathered {
            lock(&asking.state).of(place).into_iter().for_each(|slot| slot.is_considered = true);
        }
    }

    /// Marks all tasks of an object as considered, because its run has ended.
    pub(crate) fn end(&self, object: &str) {
        for asking in lock(&self.askings).values() {
            let mut state = lock(&asking.state);
            let own = state.slots.iter_mut().filter(|slot| &*slot.place.object == object);
            own.for_each(|slot| slot.is_considered = true);
        }
    }

    /// Notes the end of a task. If it has changed something, all observations by the observers of its
    /// object are stale from now on, except those that a task which succeeded has put back.
    pub(crate) fn note_end(&self, place: &Place, end: TaskEnd) {
        let mut fresh = Vec::new();
        for asking in lock(&self.askings).values() {
            let mut state = lock(&asking.state);
            if state.objects.contains(&place.object) {
                state.note_end(place, end, &mut fresh);
            }
        }
        let mut gathered = lock(&self.gathered);
        if let TaskEnd::Changed(at) = end {
            for place in fresh {
                gathered.entry(place).and_modify(|(gathered_at, _)| *gathered_at = at);
            }
        }
    }

    /// Returns the open questions for an observer, which a running task can answer.
    pub(crate) fn later_questions(&self, place: &Place, key: &str, at: Timestamp) -> LaterQuestions {
        let asking = lock(&self.askings).get(key).cloned();
        asking.map_or_else(LaterQuestions::none, |asking| {
            let open =
                lock(&asking.state).slots.iter().filter(|slot| !slot.is_considered).map(Slot::question).collect();
            LaterQuestions::new(asking, place.clone(), open, at)
        })
    }
}

impl Asking {
    fn new(key: &str) -> Arc<Self> {
        Arc::new(Self { key: key.into(), turn: tokio::sync::Mutex::default(), state: Mutex::default() })
    }

    fn put(&self, place: &Place, observer: &Arc<dyn Observer>, data: &QuestionData) {
        let (place, observer, data) = (place.clone(), observer.clone(), data.clone());
        let slot = Slot { place, observer, data, answer: None, asked: Timestamp::default(), is_considered: false };
        let mut state = lock(&self.state);
        match state.positions.get(&slot.place).copied() {
            Some(at) => state.slots[at] = slot,
            None => state.add(slot),
        }
    }

    /// Returns the answer to the question of a task, if it was asked for at or after `since` and
    /// nothing has changed in the meantime.
    pub(crate) fn fresh(&self, place: &Place, since: Timestamp) -> Option<Result<Answer, SharedError>> {
        let mut state = lock(&self.state);
        let since = since.max(state.changed);
        let slot = state.of(place)?;
        slot.answer.clone().filter(|_| slot.asked >= since)
    }

    /// Returns the answer to the question of a task, from at or after `since`. If there is none,
    /// asks the observer, together with all other open questions.
    pub(crate) async fn answer(&self, place: &Place, since: Timestamp, clock: &Clock) -> Result<Answer, SharedError> {
        // What could not be observed for the sake of an earlier task may exist by now.
        let is_final = |answer: &Result<Answer, SharedError>| !answer.as_ref().is_ok_and(Answer::is_later);
        if let Some(answer) = self.fresh(place, since).filter(is_final) {
            return answer;
        }
        let _turn = self.turn.lock().await;
        if let Some(answer) = self.fresh(place, since).filter(is_final) {
            return answer;
        }
        let at = clock.now();
        let Some((observer, open)) = lock(&self.state).open_for(place, since) else {
            return Ok(Answer::later());
        };
        let questions: Vec<_> = open.iter().map(|(_, data)| data.clone()).collect();
        let places = open.into_iter().map(|(place, _)| place);
        match ask(&observer, questions).await {
            Ok(answers) => lock(&self.state).keep(places.zip(answers), at),
            Err(error) => {
                let error = SharedError::from(error);
                lock(&self.state).keep_shared(places.map(|place| (place, Err(error.clone()))), at);
            }
        }
        self.fresh(place, Timestamp::default()).unwrap_or_else(|| self.asked(place))
    }

    /// Returns the answer to the question of a task, even if it has become stale.
    fn asked(&self, place: &Place) -> Result<Answer, SharedError> {
        let mut state = lock(&self.state);
        let answer = state.of(place).and_then(|slot| slot.answer.clone());
        answer.unwrap_or_else(|| Ok(Answer::later()))
    }

    /// Keeps the answers of a running task to questions that were open at a time.
    pub(super) fn put_back(&self, by: Place, places: Vec<Place>, answers: Answers, at: Timestamp) {
        let mut state = lock(&self.state);
        state.keep(places.into_iter().zip(answers), at);
        state.put_back.retain(|(place, _)| *place != by);
        state.put_back.push((by, at));
    }
}

impl AskingState {
    fn add(&mut self, slot: Slot) {
        self.positions.insert(slot.place.clone(), self.slots.len());
        self.objects.insert(slot.place.object.clone());
        self.slots.push(slot);
    }

    fn remove(&mut self, place: &Place) {
        let slots = std::mem::take(&mut self.slots);
        self.positions.clear();
        self.objects.clear();
        slots.into_iter().filter(|slot| slot.place != *place).for_each(|slot| self.add(slot));
    }

    fn of(&mut self, place: &Place) -> Option<&mut Slot> {
        self.positions.get(place).map(|at| &mut self.slots[*at])
    }

    /// Returns an observer with the questions to ask on behalf of a task: its own, the stale ones of
    /// its object, and those of other objects without an answer that is still valid for them.
    fn open_for(&self, place: &Place, since: Timestamp) -> Option<(Arc<dyn Observer>, Open)> {
        let own = self.positions.get(place).map(|at| &self.slots[*at])?;
        let is_stale = |slot: &&Slot| {
            let since = if slot.place.object == place.object { since.max(self.changed) } else { self.changed };
            !slot.is_considered && (slot.answer.is_none() || slot.asked < since)
        };
        let others = self.slots.iter().filter(|slot| slot.place != *place).filter(is_stale);
        let open = std::iter::once(own).chain(others).map(Slot::question).collect();
        Some((own.observer.clone(), open))
    }

    fn keep(&mut self, answers: impl Iterator<Item = (Place, Result<Answer>)>, at: Timestamp) {
        self.keep_shared(answers.map(|(place, answer)| (place, answer.map_err(SharedError::from))), at);
    }

    fn keep_shared(&mut self, answers: impl Iterator<Item = (Place, Result<Answer, SharedError>)>, at: Timestamp) {
        let mut answers: HashMap<_, _> = answers.collect();
        for slot in &mut self.slots {
            if let Some(answer) = answers.remove(&slot.place) {
                (slot.answer, slot.asked) = (Some(answer), at);
            }
        }
    }

    fn note_end(&mut self, place: &Place, end: TaskEnd, fresh: &mut Vec<Place>) {
        let own = self.put_back.iter().position(|(by, _)| by == place);
        let own = own.map(|own| self.put_back.swap_remove(own).1);
        let at = match end {
            TaskEnd::Unchanged => return,
            TaskEnd::Changed(at) => {
                // Another change in the meantime makes these answers stale, too.
                let put_back = own.filter(|put_back| self.changed <= *put_back);
                let slots = self.slots.iter_mut().filter(|slot| put_back.is_some_and(|at| slot.asked == at));
                for slot in slots.filter(|slot| slot.answer.is_some()) {
                    slot.asked = at;
                    fresh.push(slot.place.clone());
                }
                at
            }
            TaskEnd::Failed(at) => at,
        };
        self.changed = self.changed.max(at);
    }
}

impl Slot {
    fn question(&self) -> (Place, QuestionData) {
        (self.place.clone(), self.data.clone())
    }
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("key", &self.key).finish_non_exhaustive()
    }
}
