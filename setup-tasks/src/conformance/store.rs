//! The laws of stores.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::changes::{
    ODD, Sorted, after, at, begin, complete, fail, failed, identify, line, of_every_kind, sorted, stamp,
};
use super::{BrokenLaws, Checked, Observation, expect, expect_equal};
use crate::BoxFuture;
use crate::stamp::{
    AttemptEnd, Change, Entry, Fence, HistoryEntry, HistoryFilter, StampError, StampStore, StoredObject, Timestamp,
};

/// A law of [`StampStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreLaw {
    /// A new place is empty, and reading leaves it empty.
    BeginsEmpty,
    /// Every field of an entry is kept, whatever characters the texts and names contain.
    KeepsEntries,
    /// Changes apply in order, within a write and over several writes.
    AppliesInOrder,
    /// A change of one object changes no other object, even if the names are similar.
    SeparatesObjects,
    /// Every process sees a write as soon as it has returned.
    ShowsWrites,
    /// A write with a lower fence than the object's highest is refused as a whole.
    RefusesLateWrites,
    /// A write with the highest fence, with a higher one or without a fence is accepted.
    AcceptsCurrentWrites,
    /// The highest fence of an object stays known, even when its records are removed.
    KeepsFences,
    /// The latest time is at least the time of every stamp and attempt.
    BoundsTimes,
    /// Each attempt that ended has one line of history, latest first, and the filter applies.
    KeepsHistory,
    /// The ways to read many things at once return the same as the ways to read one.
    ReadsManyAlike,
    /// The objects that identified themselves are listed until they are retired.
    ListsObjects,
    /// The store for dry runs reads the same records, and refuses writes.
    ReadsWithoutTrace,
    /// Writes at the same time all take effect.
    LosesNoWrite,
    /// A write whose future is dropped leaves a prefix of its changes, and later writes succeed.
    SurvivesCancellation,
    /// A store that was not touched by others is in its place.
    StaysInPlace,
}

impl StoreLaw {
    /// All laws, in the order of their checks.
    pub const ALL: [Self; 16] = [
        Self::BeginsEmpty,
        Self::KeepsEntries,
        Self::AppliesInOrder,
        Self::SeparatesObjects,
        Self::ShowsWrites,
        Self::RefusesLateWrites,
        Self::AcceptsCurrentWrites,
        Self::KeepsFences,
        Self::BoundsTimes,
        Self::KeepsHistory,
        Self::ReadsManyAlike,
        Self::ListsObjects,
        Self::ReadsWithoutTrace,
        Self::LosesNoWrite,
        Self::SurvivesCancellation,
        Self::StaysInPlace,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::BeginsEmpty => "A new place is empty, and reading leaves it empty.",
            Self::KeepsEntries => "Every field of an entry is kept.",
            Self::AppliesInOrder => "Changes apply in order.",
            Self::SeparatesObjects => "A change of one object changes no other object.",
            Self::ShowsWrites => "Every process sees a write as soon as it has returned.",
            Self::RefusesLateWrites => "A write with a lower fence than the highest is refused as a whole.",
            Self::AcceptsCurrentWrites => "A write with the highest fence, a higher one or none is accepted.",
            Self::KeepsFences => "The highest fence of an object stays known when its records are removed.",
            Self::BoundsTimes => "The latest time is at least the time of every stamp and attempt.",
            Self::KeepsHistory => "Each attempt that ended has one line of history, latest first.",
            Self::ReadsManyAlike => "The ways to read many things return the same as the ways to read one.",
            Self::ListsObjects => "The objects that identified themselves are listed until they are retired.",
            Self::ReadsWithoutTrace => "The store for dry runs reads the same records, and refuses writes.",
            Self::LosesNoWrite => "Writes at the same time all take effect.",
            Self::SurvivesCancellation => "A write that is dropped leaves a prefix of its changes.",
            Self::StaysInPlace => "A store that was not touched by others is in its place.",
        }
    }
}

impl fmt::Display for StoreLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Checks all laws of a store. `empty_place` returns a function that opens one new, empty place.
///
/// # Errors
///
/// Returns the laws that the store breaks.
pub async fn check_store<S, P>(mut empty_place: impl FnMut() -> P) -> Result<(), BrokenLaws<StoreLaw>>
where
    S: StampStore,
    P: Fn() -> Arc<S>,
{
    let mut broken = Vec::new();
    for law in StoreLaw::ALL {
        let open = empty_place();
        let (own, other) = (open(), open());
        if let Err(Observation(observed)) = check(law, &*own, &*other).await {
            broken.push((law, observed));
        }
    }
    BrokenLaws::none_or(broken)
}

/// Checks one law with two openings of one place.
fn check<'s>(law: StoreLaw, own: &'s dyn StampStore, other: &'s dyn StampStore) -> BoxFuture<'s, Checked> {
    match law {
        StoreLaw::BeginsEmpty => begins_empty(own).boxed(),
        StoreLaw::KeepsEntries => keeps_entries(own).boxed(),
        StoreLaw::AppliesInOrder => applies_in_order(own).boxed(),
        StoreLaw::SeparatesObjects => separates_objects(own).boxed(),
        StoreLaw::ShowsWrites => shows_writes(own, other).boxed(),
        StoreLaw::RefusesLateWrites => refuses_late_writes(own, other).boxed(),
        StoreLaw::AcceptsCurrentWrites => accepts_current_writes(own).boxed(),
        StoreLaw::KeepsFences => keeps_fences(own).boxed(),
        StoreLaw::BoundsTimes => bounds_times(own).boxed(),
        StoreLaw::KeepsHistory => keeps_history(own).boxed(),
        StoreLaw::ReadsManyAlike => reads_many_alike(own).boxed(),
        StoreLaw::ListsObjects => lists_objects(own).boxed(),
        StoreLaw::ReadsWithoutTrace => reads_without_trace(own).boxed(),
        StoreLaw::LosesNoWrite => loses_no_write(own, other).boxed(),
        StoreLaw::SurvivesCancellation => survives_cancellation(own).boxed(),
        StoreLaw::StaysInPlace => stays_in_place(own).boxed(),
    }
}

const OBJECT: &str = "hosts/web";

async fn load(store: &dyn StampStore, object: &str) -> Result<Sorted, Observation> {
    Ok(sorted(&store.load(object).await?))
}

async fn write(store: &dyn StampStore, object: &str, fence: Option<u64>, changes: Vec<Change>) -> Checked {
    Ok(store.write(object, fence.map(Fence), changes).await?)
}

async fn history(store: &dyn StampStore, filter: HistoryFilter) -> Result<Vec<HistoryEntry>, Observation> {
    Ok(store.history(&filter).await?)
}

async fn begins_empty(store: &dyn StampStore) -> Checked {
    for _ in 0..2 {
        expect_equal("the records", &load(store, OBJECT).await?, &Sorted::new())?;
        expect_equal("the latest time", &store.latest().await?, &None)?;
        expect_equal("the history", &history(store, HistoryFilter::new()).await?, &Vec::new())?;
        expect_equal("the list of objects", &store.objects().await?, &Vec::new())?;
    }
    Ok(())
}

async fn keeps_entries(store: &dyn StampStore) -> Checked {
    let odd_object = "hosts/a b%_'\"ü";
    for object in [OBJECT, odd_object] {
        let entries = [
            ("complete", Entry::completed(stamp(1))),
            (ODD, Entry { stamp: Some(stamp(2)), ..failed(3) }),
            ("changed", Entry::changed_at(at(4))),
            ("empty texts", Entry::completed(stamp_without_text())),
        ];
        let changes = entries.map(|(task, entry)| Change::Retime { task: task.to_owned(), entry });
        let expected = after(&changes);
        write(store, object, None, changes.into()).await?;
        expect_equal(&format!("the records of {object:?}"), &load(store, object).await?, &expected)?;
    }
    Ok(())
}

fn stamp_without_text() -> crate::stamp::Stamp {
    crate::stamp::Stamp::new(at(5), "")
}

async fn applies_in_order(store: &dyn StampStore) -> Checked {
    let changes = of_every_kind(OBJECT);
    for until in 1..=changes.len() {
        let object = format!("at-once/{until}");
        write(store, &object, None, changes[..until].to_vec()).await?;
        let expected = after(&changes[..until]);
        expect_equal(&format!("the result of one write of {until} changes"), &load(store, &object).await?, &expected)?;
        write(store, OBJECT, None, vec![changes[until - 1].clone()]).await?;
        expect_equal(&format!("the result of {until} writes"), &load(store, OBJECT).await?, &expected)?;
    }
    for (removal, task) in [(Change::Clear, "one"), (Change::Retire, "two")] {
        let changes = vec![complete(OBJECT, "before", 20), removal.clone(), complete(OBJECT, task, 21)];
        let expected = after(&changes);
        write(store, OBJECT, None, changes).await?;
        expect_equal(&format!("the result of a write with {removal:?}"), &load(store, OBJECT).await?, &expected)?;
    }
    Ok(())
}

async fn separates_objects(store: &dyn StampStore) -> Checked {
    let similar = ["hosts", "hosts/web", "hosts/web2", "hosts/web/inner", "hosts/we_", "hosts/we%", "Hosts/web"];
    let own = |object: &str, number| vec![complete(object, "one", number), complete(object, object, number)];
    for (object, number) in similar.into_iter().zip(1..) {
        write(store, object, Some(number), own(object, number)).await?;
    }
    write(store, OBJECT, Some(2), vec![Change::Clear]).await?;
    write(store, "hosts/we_", Some(5), vec![Change::Retire]).await?;
    for (object, number) in similar.into_iter().zip(1..) {
        let is_removed = object == OBJECT || object == "hosts/we_";
        let expected = if is_removed { Sorted::new() } else { after(&own(object, number)) };
        expect_equal(&format!("the records of {object:?}"), &load(store, object).await?, &expected)?;
    }
    Ok(())
}

async fn shows_writes(own: &dyn StampStore, other: &dyn StampStore) -> Checked {
    // The other opening has read once, so it may remember the empty place.
    load(other, OBJECT).await?;
    let mut changes = Vec::new();
    for seconds in 1..6 {
        let (writer, reader) = if seconds % 2 == 0 { (other, own) } else { (own, other) };
        changes.push(complete(OBJECT, &format!("task {}", seconds % 3), seconds));
        write(writer, OBJECT, None, changes[changes.len() - 1..].to_vec()).await?;
        expect_equal("the records in the other process", &load(reader, OBJECT).await?, &after(&changes))?;
        let latest = reader.latest().await?;
        expect(latest >= Some(at(seconds)), || format!("the latest time in the other process is {latest:?}"))?;
        let lines = history(reader, HistoryFilter::new()).await?.len();
        expect_equal("the number of lines of history in the other process", &lines, &changes.len())?;
    }
    Ok(())
}

async fn refuses_late_writes(own: &dyn StampStore, other: &dyn StampStore) -> Checked {
    write(own, OBJECT, Some(7), vec![complete(OBJECT, "one", 1)]).await?;
    for (store, fence) in [(own, 6), (other, 6), (other, 0)] {
        let late = vec![complete(OBJECT, "two", 2), Change::Forget { task: "one".to_owned() }, identify("late")];
        match store.write(OBJECT, Some(Fence(fence)), late).await {
            Err(StampError::Fenced { object, fence: of_write, seen }) => {
                expect_equal("the error", &(&*object, of_write, seen), &(OBJECT, Fence(fence), Fence(7)))?;
            }
            result => expect(false, || format!("a write with fence {fence} after 7 returned {result:?}"))?,
        }
        expect_equal("the records", &load(store, OBJECT).await?, &after(&[complete(OBJECT, "one", 1)]))?;
        expect_equal("the number of lines", &history(store, HistoryFilter::new()).await?.len(), &1)?;
        let named = store.objects().await?.into_iter().find_map(|object| object.id);
        expect_equal("the id of the object", &named, &None)?;
    }
    Ok(())
}

async fn accepts_current_writes(store: &dyn StampStore) -> Checked {
    for (fence, seconds) in [(None, 1), (Some(5), 2), (Some(5), 3), (None, 4), (Some(6), 5), (Some(9), 6), (None, 7)] {
        let change = complete(OBJECT, "one", seconds);
        let result = store.write(OBJECT, fence.map(Fence), vec![change.clone()]).await;
        expect(result.is_ok(), || format!("a write with the fence {fence:?} was refused: {result:?}"))?;
        expect_equal("the records", &load(store, OBJECT).await?, &after(&[change]))?;
    }
    // Each object has fences of its own.
    write(store, "hosts/mail", Some(1), vec![complete("hosts/mail", "one", 8)]).await
}

async fn keeps_fences(store: &dyn StampStore) -> Checked {
    for (object, change) in [("cleared", Change::Clear), ("retired", Change::Retire), ("empty", identify("empty"))] {
        write(store, object, Some(7), vec![complete(object, "one", 1), change]).await?;
        write(store, object, None, vec![complete(object, "two", 2)]).await?;
        let result = store.write(object, Some(Fence(6)), vec![complete(object, "three", 3)]).await;
        let is_refused = matches!(result, Err(StampError::Fenced { .. }));
        expect(is_refused, || format!("a late write to the {object} object returned {result:?}"))?;
    }
    Ok(())
}

async fn bounds_times(store: &dyn StampStore) -> Checked {
    let mut latest = Timestamp(0);
    // The times of one object are earlier than those of the object before.
    for (object, offset) in [("one", 100), ("two", 50), ("three", 150)] {
        let retimed = Change::Retime { task: "one".to_owned(), entry: Entry::completed(stamp(offset + 2)) };
        for changes in [
            vec![complete(object, "one", offset)],
            vec![fail(object, "two", offset + 1)],
            vec![complete(object, "three", offset + 2), retimed],
            vec![Change::Carry { task: "four".to_owned(), entry: Entry::completed(stamp(offset - 1)) }],
        ] {
            let times = changes.iter().filter_map(|change| Some(change.entry()?.stamp.as_ref()?.time));
            latest = latest.max(times.max().unwrap_or(latest));
            write(store, object, None, changes).await?;
            let found = store.latest().await?;
            expect(found >= Some(latest), || format!("the latest time is {found:?} with a stamp of {latest:?}"))?;
        }
    }
    Ok(())
}

async fn keeps_history(store: &dyn StampStore) -> Checked {
    let (mut expected, objects) = (Vec::new(), ["one", "two"]);
    for (number, object) in objects.into_iter().cycle().take(4).enumerate() {
        let changes = of_every_kind(object);
        expected.extend(changes.iter().filter_map(Change::history).cloned());
        write(store, object, None, changes).await?;
        if number > 1 {
            write(store, object, None, vec![if number == 2 { Change::Clear } else { Change::Retire }]).await?;
        }
    }
    let last = line("one", ODD, 30, AttemptEnd::Failed);
    let change = Change::Fail { task: ODD.to_owned(), entry: failed(30), history: Box::new(last.clone()) };
    write(store, "one", None, vec![change]).await?;
    expected.push(last);
    expected.reverse();
    for filter in [
        HistoryFilter::new(),
        HistoryFilter::new().object("one"),
        HistoryFilter::new().task(ODD),
        HistoryFilter::new().object("two").task("one"),
        HistoryFilter::new().object("missing"),
        HistoryFilter::new().limit(3),
        HistoryFilter::new().object("two").limit(2),
        HistoryFilter::new().limit(0),
    ] {
        let accepted = expected.iter().filter(|line| filter.accepts(line)).cloned();
        let accepted = accepted.take(filter.limit.unwrap_or(usize::MAX)).collect();
        expect_equal(&format!("the history by {filter:?}"), &store.history(&filter).await?, &accepted)?;
    }
    Ok(())
}

async fn reads_many_alike(store: &dyn StampStore) -> Checked {
    let with_records = ["hosts/web", "hosts/mail"];
    for object in with_records {
        write(store, object, None, of_every_kind(object)).await?;
    }
    let mut passed = Vec::new();
    let asked = ["hosts/web", "hosts/mail", "hosts/missing"];
    let mut keep = |object: &str, bytes: &[u8]| passed.push((object.to_owned(), bytes.to_owned()));
    let is_scanned = store.load_many(&asked, &mut keep).await?;
    expect(is_scanned || passed.is_empty(), || "load_many returned false and passed records".to_owned())?;
    for object in asked {
        let one = load(store, object).await?;
        if is_scanned {
            let found: Vec<_> = passed.iter().filter(|(other, _)| other == object).collect();
            expect(found.len() <= 1, || format!("load_many passed {object} {} times", found.len()))?;
            let scanned = found.first().map_or_else(
                || Ok(Sorted::new()),
                |(_, bytes)| store.decode(object, bytes).map(|records| sorted(&records)),
            );
            expect_equal(&format!("{object} from load_many"), &scanned?, &one)?;
        }
        let (records, latest) = store.load_and_latest(object).await?;
        expect_equal(&format!("{object} from load_and_latest"), &sorted(&records), &one)?;
        expect_equal("the time from load_and_latest", &latest, &store.latest().await?)?;
    }
    Ok(())
}

async fn lists_objects(store: &dyn StampStore) -> Checked {
    write(store, "plain", None, vec![complete("plain", "one", 1)]).await?;
    write(store, "named", None, vec![identify("old id"), complete("named", "one", 2)]).await?;
    write(store, "named", None, vec![identify("new id")]).await?;
    write(store, "cleared", None, vec![identify("cleared id"), complete("cleared", "one", 3), Change::Clear]).await?;
    write(store, "retired", None, vec![identify("retired id"), complete("retired", "one", 4)]).await?;
    write(store, "retired", None, vec![Change::Retire]).await?;
    let mut listed = store.objects().await?;
    // A store that does not keep the objects returns none.
    if listed.is_empty() {
        return Ok(());
    }
    // Not every store can list the objects that have records and no identity.
    listed.retain(|object| *object != StoredObject::new("plain"));
    listed.sort();
    let named = |subdir: &str, id: &str| StoredObject::new(subdir).identified(id, "Machine");
    let expected = vec![named("cleared", "cleared id"), named("named", "new id")];
    expect_equal("the list of objects", &listed, &expected)
}

async fn reads_without_trace(store: &dyn StampStore) -> Checked {
    let Some(quiet) = store.without_trace() else { return Ok(()) };
    expect_equal("the records of an empty place", &load(quiet, OBJECT).await?, &Sorted::new())?;
    write(store, OBJECT, None, of_every_kind(OBJECT)).await?;
    let Some(quiet) = store.without_trace() else { return Ok(()) };
    let records = load(store, OBJECT).await?;
    expect_equal("the records for a dry run", &load(quiet, OBJECT).await?, &records)?;
    let all = history(store, HistoryFilter::new()).await?;
    expect_equal("the history for a dry run", &history(quiet, HistoryFilter::new()).await?, &all)?;
    let result = quiet.write(OBJECT, None, vec![Change::Clear]).await;
    expect(result.is_err(), || "a dry run may write".to_owned())?;
    expect_equal("the records after a refused write", &load(store, OBJECT).await?, &records)
}

async fn loses_no_write(own: &dyn StampStore, other: &dyn StampStore) -> Checked {
    let objects = ["one", "two", "three"];
    let writes = (0..30_u64).map(|number| {
        let (store, object) = (if number % 2 == 0 { own } else { other }, objects[(number % 3) as usize]);
        async move {
            let task = format!("task {number}");
            write(store, object, None, vec![begin(&task, number)]).await?;
            write(store, object, None, vec![complete(object, &task, number)]).await
        }
    });
    join_all(writes).await.into_iter().collect::<Checked>()?;
    for (object, first) in objects.into_iter().zip(0..) {
        let changes: Vec<_> =
            (first..30).step_by(3).map(|number| complete(object, &format!("task {number}"), number)).collect();
        expect_equal(&format!("the records of {object}"), &load(own, object).await?, &after(&changes))?;
        let lines = history(own, HistoryFilter::new().object(object)).await?.len();
        expect_equal(&format!("the number of lines of {object}"), &lines, &changes.len())?;
    }
    Ok(())
}

async fn survives_cancellation(store: &dyn StampStore) -> Checked {
    for polls in 0..4 {
        let object = format!("dropped/{polls}");
        let changes = vec![complete(&object, "one", 1), complete(&object, "two", 2), complete(&object, "three", 3)];
        let mut write_of_many = store.write(&object, None, changes.clone());
        for _ in 0..polls {
            if (&mut write_of_many).now_or_never().is_some() {
                break;
            }
        }
        drop(write_of_many);
        let last = complete(&object, "last", 4);
        write(store, &object, None, vec![last.clone()]).await?;
        let found = load(store, &object).await?;
        let mut prefixes = (0..=changes.len()).map(|until| after(changes[..until].iter().chain([&last])));
        expect(prefixes.any(|prefix| prefix == found), || format!("the records are {found:?} after {polls} polls"))?;
    }
    Ok(())
}

async fn stays_in_place(store: &dyn StampStore) -> Checked {
    store.check_place()?;
    write(store, OBJECT, None, of_every_kind(OBJECT)).await?;
    Ok(store.check_place()?)
}
