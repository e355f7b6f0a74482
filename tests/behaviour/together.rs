//! Tests with 200 objects, random dependencies and random changes. A second, naive implementation
//! of the rules in docs/src/rules.md, which shares no code with the first, predicts the tasks that
//! run.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use setup_tasks::fleet::{FleetDown, FleetReport, FleetRun, ObjectStatus};
use setup_tasks::observer::{Answer, Answers, Observed, Observer, Question, QuestionData};
use setup_tasks::prelude::*;
use setup_tasks::run::TaskStatus;
use setup_tasks::task::{Completion, Difference, TaskKind};
use setup_tasks::{BoxFuture, Customization, Layout, NewTask};

use test_kit::{Numbers, Scratch};

const OBJECTS: usize = 200;
const STEPS: usize = 100;
const TASKS: [&str; 4] = ["t0", "t1", "t2", "t3"];

/// The tasks that may report that they changed nothing.
const IDLE: [&str; 7] = ["t0", "t1", "t2", "t3", "thing", "c.x", "added"];

/// A task of an object.
type Task = (usize, &'static str);

/// The instructions for the tasks, and the tasks that ran. The value outlives simulated processes,
/// as the world does.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Facts>>);

#[derive(Clone, Default)]
struct Facts {
    hashes: HashMap<Task, u32>,
    /// The tasks whose invalidator returns `false` until they run.
    invalid: HashSet<Task>,
    /// The tasks that fail when they run.
    failing: HashSet<Task>,
    /// The tasks that skip themselves when they run.
    skipping: HashSet<Task>,
    /// The objects whose `thing` differs from the desired state until the task runs.
    drifted: HashSet<usize>,
    /// The tasks that report that they changed nothing.
    idle: HashSet<Task>,
    /// The tasks whose hash function fails.
    broken_hashes: HashSet<Task>,
    /// The time since which `t3` has been complete, per object.
    complete: HashMap<usize, SystemTime>,
    ran: BTreeSet<Task>,
    /// The objects whose `t1` was undone, in this order.
    undone: Vec<usize>,
}

impl World {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap()
    }

    fn run(&self, task: Task) -> Result<Outcome> {
        let mut facts = self.facts();
        assert!(facts.ran.insert(task), "{task:?} runs twice");
        if facts.skipping.contains(&task) {
            return Ok(Outcome::Skipped);
        }
        anyhow::ensure!(!facts.failing.contains(&task), "told to fail");
        facts.invalid.remove(&task);
        if task.1 == "thing" {
            facts.drifted.remove(&task.0);
        }
        if task.1 == "t3" {
            facts.complete.insert(task.0, SystemTime::now());
        }
        Ok(if facts.idle.contains(&task) { Outcome::Unchanged } else { Outcome::Done })
    }

    fn hash(&self, task: Task) -> Result<u64> {
        let facts = self.facts();
        anyhow::ensure!(!facts.broken_hashes.contains(&task), "told to break");
        Ok(facts.hashes.get(&task).copied().unwrap_or_default().into())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "parts/{number}", id = "{number}")]
struct Part {
    number: usize,
    world: World,
}

#[setup_tasks]
impl Part {
    #[setup_task("Task 0", hash = hash)]
    fn t0(&self) -> Result<Outcome> {
        self.world.run((self.number, "t0"))
    }

    #[setup_task("Task 1", invalidator = is_valid, undo = undo)]
    async fn t1(&self) -> Result<Outcome> {
        tokio::task::yield_now().await;
        self.world.run((self.number, "t1"))
    }

    #[setup_task("Task 2", subscribe = [t0, t1])]
    fn t2(&self) -> Result<Outcome> {
        self.world.run((self.number, "t2"))
    }

    #[setup_task("Task 3", check_completed = completed)]
    async fn t3(&self) -> Result<Outcome> {
        self.world.run((self.number, "t3"))
    }

    /// Create a thing
    #[setup_task]
    const THING: Thing = Thing;

    fn hash(&self) -> Result<u64> {
        self.world.hash((self.number, "t0"))
    }

    fn undo(&self) {
        self.world.facts().undone.push(self.number);
    }

    async fn is_valid(&self) -> bool {
        !self.world.facts().invalid.contains(&(self.number, "t1"))
    }

    /// Returns whether `t3` is complete. Every second object does not return the time.
    fn completed(&self) -> Completion {
        match self.world.facts().complete.get(&self.number) {
            None => Completion::Incomplete,
            Some(_) if is_untimed(self.number) => Completion::Complete,
            Some(time) => Completion::At((*time).into()),
        }
    }
}

/// A task that runs that verify observe.
struct Thing;

impl TaskKind<Part> for Thing {
    const OBSERVED: Observed = Observed::WhenVerified;

    async fn run(&self, part: &Part, _cx: &TaskContext) -> Result<Outcome> {
        part.world.run((part.number, "thing"))
    }

    async fn question(&self, part: &Part, _cx: &TaskContext) -> Result<Option<Question>> {
        Ok(Some(Question::new(Arc::new(part.world.clone()), part.number)))
    }

    fn differences(&self, _part: &Part, _cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        Ok(if *answer.get()? { vec![Difference::new("thing", "differs")] } else { Vec::new() })
    }
}

impl Observer for World {
    fn key(&self) -> Cow<'_, str> {
        "the world".into()
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let facts = self.facts();
            let answer = |data: &QuestionData| Ok(Answer::new(facts.drifted.contains(data.get()?)));
            Ok(questions.iter().map(answer).collect())
        })
    }
}

/// A customization of every fourth object.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "extra")]
struct Extra {
    number: usize,
    world: World,
}

#[setup_tasks]
impl Extra {
    #[setup_task("X", hash = hash)]
    fn x(&self) -> Result<Outcome> {
        self.world.run((self.number, "c.x"))
    }

    #[setup_task("Y", subscribe = [x])]
    fn y(&self) -> Result<Outcome> {
        self.world.run((self.number, "c.y"))
    }

    fn hash(&self) -> Result<u64> {
        self.world.hash((self.number, "c.x"))
    }
}

/// A dependency of one object on a task of an earlier one.
#[derive(Clone, Copy)]
struct Edge {
    other: usize,
    task: &'static str,
    ready: bool,
    run_if_needed: bool,
    before: &'static str,
}

fn random_edges(next: &mut impl FnMut(usize) -> usize) -> Vec<Vec<Edge>> {
    (0..OBJECTS)
        .map(|i| {
            let edges = (0..next(4)).filter(|_| i > 0).map(|_| Edge {
                other: next(i),
                task: TASKS[next(4)],
                ready: next(8) == 0,
                run_if_needed: next(5) > 0,
                before: TASKS[next(4)],
            });
            let mut edges: Vec<_> = edges.collect();
            edges.iter_mut().filter(|edge| has_extra(edge.other) && next(2) == 0).for_each(|edge| edge.task = "c");
            // The name of a relationship consists of the other object and its task, so there is
            // only one with each task.
            edges.sort_by_key(|edge| (edge.other, edge.task));
            edges.dedup_by_key(|edge| (edge.other, edge.task));
            edges
        })
        .collect()
}

fn has_extra(i: usize) -> bool {
    i.is_multiple_of(4)
}

fn is_untimed(i: usize) -> bool {
    i % 2 == 1
}

fn has_added(i: usize) -> bool {
    i.is_multiple_of(7)
}

/// Creates the layout, as each simulated process does.
fn layout(place: &Scratch, world: &World, edges: &[Vec<Edge>]) -> (Layout, Vec<Object<Part>>) {
    let layout = place.layout();
    let mut parts: Vec<Object<Part>> = Vec::new();
    for (number, edges) in edges.iter().enumerate() {
        let mut builder = layout.object_builder(Part { number, world: world.clone() });
        for edge in edges {
            let dependency = parts[edge.other].as_any().depends_on(edge.task).run_if_needed(edge.run_if_needed);
            let dependency = if edge.ready { dependency.ready() } else { dependency };
            builder = builder.depends_on(dependency.before(edge.before));
        }
        let part = builder.add().unwrap();
        if has_extra(number) {
            let extra = Customization::with_model(Extra { number, world: world.clone() });
            part.add_setup_task(NewTask::value("c", extra).after("t1")).unwrap();
        }
        if has_added(number) {
            let world = world.clone();
            let added = NewTask::new("added", "Added", move |_| std::future::ready(world.run((number, "added"))));
            part.add_setup_task(added.before("t2")).unwrap();
        }
        parts.push(part);
    }
    (layout, parts)
}

/// A stamp of the naive implementation.
#[derive(Clone, Copy)]
struct Stamp {
    completed: u64,
    changed: u64,
    hash: u32,
}

/// The last change of a task.
#[derive(Clone, Copy, Default)]
struct Change {
    time: Option<u64>,
    /// Whether the task may change something later, which only plans contain.
    is_open: bool,
}

impl Change {
    fn at(time: Option<u64>) -> Self {
        Self { time, is_open: false }
    }

    fn or(self, other: Self) -> Self {
        Self { time: self.time.max(other.time), is_open: self.is_open || other.is_open }
    }
}

/// The naive implementation. It considers one task after another completely, with a counter as its clock.
#[derive(Clone)]
struct Naive {
    rows: Vec<Vec<Row>>,
    stamps: HashMap<Task, Stamp>,
    /// The tasks whose last attempt failed.
    failed: HashSet<Task>,
    complete: HashMap<usize, u64>,
    /// The time when `t3` last changed something or failed.
    changed: HashMap<usize, u64>,
    ready: HashSet<usize>,
    clock: u64,
    // The state of one request:
    changes: HashMap<Task, Change>,
    newest: HashMap<usize, Change>,
    broken: HashSet<usize>,
    forced: HashSet<Task>,
    excluded: HashSet<usize>,
    ran: BTreeSet<Task>,
    /// The tasks that ran and changed nothing.
    unchanged: BTreeSet<Task>,
    /// The tasks of a plan that run if an earlier task changes something.
    may_run: BTreeSet<Task>,
    is_plan: bool,
    verifies: bool,
}

#[derive(Clone, Copy)]
enum Row {
    Relation(Edge),
    Task(&'static str),
}

struct Broken;

impl Naive {
    fn new(edges: &[Vec<Edge>]) -> Self {
        let rows = |i: usize| {
            let mut rows = Vec::new();
            for task in TASKS {
                rows.extend(edges[i].iter().filter(|edge| edge.before == task).map(|edge| Row::Relation(*edge)));
                rows.extend((task == "t2" && has_added(i)).then_some(Row::Task("added")));
                rows.push(Row::Task(task));
                if task == "t1" && has_extra(i) {
                    rows.extend([Row::Task("c.x"), Row::Task("c.y")]);
                }
            }
            rows.push(Row::Task("thing"));
            rows
        };
        Self {
            rows: (0..OBJECTS).map(rows).collect(),
            stamps: HashMap::new(),
            failed: HashSet::new(),
            complete: HashMap::new(),
            changed: HashMap::new(),
            ready: HashSet::new(),
            clock: 0,
            changes: HashMap::new(),
            newest: HashMap::new(),
            broken: HashSet::new(),
            forced: HashSet::new(),
            excluded: HashSet::new(),
            ran: BTreeSet::new(),
            unchanged: BTreeSet::new(),
            may_run: BTreeSet::new(),
            is_plan: false,
            verifies: false,
        }
    }

    /// Begins a request.
    fn begin(&mut self) {
        self.changes.clear();
        self.newest.clear();
        self.broken.clear();
        self.ran.clear();
        self.unchanged.clear();
        self.may_run.clear();
    }

    /// Runs all objects, dependencies first. Returns the tasks that ran and the objects that failed.
    fn fleet(&mut self, facts: &mut Facts) -> (BTreeSet<Task>, BTreeSet<usize>) {
        self.begin();
        let mut failures = BTreeSet::new();
        for i in 0..OBJECTS {
            if self.excluded.contains(&i) {
                continue;
            }
            self.ready.remove(&i);
            match self.walk(i, None, facts) {
                Ok(()) => _ = self.ready.insert(i),
                Err(Broken) => _ = failures.insert(i),
            }
        }
        (std::mem::take(&mut self.ran), failures)
    }

    /// Runs one object. Returns the tasks that ran, and whether the run failed.
    fn alone(&mut self, i: usize, facts: &mut Facts) -> (BTreeSet<Task>, bool) {
        self.begin();
        let failed = self.walk(i, None, facts).is_err();
        (std::mem::take(&mut self.ran), failed)
    }

    /// Brings an object down with all that depend on it. Returns the objects with an undo to call.
    fn down(&mut self, i: usize) -> BTreeSet<usize> {
        let mut members = BTreeSet::from([i]);
        for other in i + 1..OBJECTS {
            if self.needs(other).any(|needed| members.contains(&needed)) {
                members.insert(other);
            }
        }
        let has_record = |&i: &usize| self.stamps.contains_key(&(i, "t1")) || self.failed.contains(&(i, "t1"));
        let undone = members.iter().copied().filter(has_record).collect();
        self.stamps.retain(|(i, _), _| !members.contains(i));
        self.failed.retain(|(i, _)| !members.contains(i));
        self.changed.retain(|i, _| !members.contains(i));
        self.ready.retain(|i| !members.contains(i));
        undone
    }

    /// Returns the objects on which an object depends.
    fn needs(&self, i: usize) -> impl Iterator<Item = usize> {
        self.rows[i].iter().filter_map(|row| match row {
            Row::Relation(edge) => Some(edge.other),
            Row::Task(_) => None,
        })
    }

    /// Considers the remaining rows of an object, up to a task.
    fn walk(&mut self, i: usize, up_to: Option<&str>, facts: &mut Facts) -> Result<(), Broken> {
        for row in self.rows[i].clone() {
            match row {
                // Considering a relationship twice changes nothing.
                Row::Relation(edge) => {
                    if self.broken.contains(&i) {
                        return Err(Broken);
                    }
                    let change = self.depend(edge, facts).map_err(|Broken| self.broken(i))?;
                    self.pass_on(i, change);
                }
                Row::Task(task) => {
                    if !self.changes.contains_key(&(i, task)) {
                        if self.broken.contains(&i) {
                            return Err(Broken);
                        }
                        let change = self.task((i, task), facts).map_err(|Broken| self.broken(i))?;
                        self.changes.insert((i, task), change);
                        self.pass_on(i, change);
                    }
                    // The last task of the customization is the end of the customization.
                    if up_to == Some(task) || (up_to == Some("c") && task == "c.y") {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Marks the object as failed, so that none of its rows is considered again in this request.
    fn broken(&mut self, i: usize) -> Broken {
        self.broken.insert(i);
        Broken
    }

    fn pass_on(&mut self, i: usize, change: Change) {
        let newest = self.newest.entry(i).or_default();
        *newest = newest.or(change);
    }

    fn depend(&mut self, edge: Edge, facts: &mut Facts) -> Result<Change, Broken> {
        let stamp = |naive: &Self, task| naive.stamps.get(&(edge.other, task)).map(|stamp| stamp.changed);
        let last_run = |naive: &Self| match edge.task {
            "t3" => naive.completed(edge.other),
            "c" => stamp(naive, "c.x").max(stamp(naive, "c.y")),
            task => stamp(naive, task),
        };
        if self.excluded.contains(&edge.other) {
            return Ok(Change::at(last_run(self)));
        }
        if edge.ready && !self.is_plan && !self.ready.contains(&edge.other) {
            self.walk(edge.other, None, facts)?;
            self.ready.insert(edge.other);
        }
        if edge.run_if_needed || (edge.ready && self.is_plan) {
            let change = |naive: &Self, task| naive.changes.get(&(edge.other, task)).copied();
            let known = |naive: &Self| match edge.task {
                "c" => change(naive, "c.x").and_then(|x| Some(x.or(change(naive, "c.y")?))),
                task => change(naive, task),
            };
            if known(self).is_none() {
                self.walk(edge.other, Some(edge.task), facts)?;
            }
            return Ok(known(self).unwrap());
        }
        Ok(Change::at(last_run(self)))
    }

    /// Returns the time that `t3` passes on, if it is complete and has one.
    fn completed(&self, i: usize) -> Option<u64> {
        let time = *self.complete.get(&i)?;
        if is_untimed(i) { self.changed.get(&i).copied() } else { Some(time) }
    }

    /// Returns the newest change with which a task compares: that of the tasks that it subscribes to,
    /// or that of everything before it.
    fn newest_change(&self, (i, task): Task) -> Change {
        let subscribed: &[&str] = match task {
            "t2" => &["t0", "t1"],
            "c.y" => &["c.x"],
            _ => return self.newest.get(&i).copied().unwrap_or_default(),
        };
        let changes = subscribed.iter().filter_map(|name| self.changes.get(&(i, *name)).copied());
        changes.fold(Change::default(), Change::or)
    }

    /// Applies the table of the rules to a task, from the top.
    fn task(&mut self, task: Task, facts: &mut Facts) -> Result<Change, Broken> {
        let Change { time: newest, is_open } = self.newest_change(task);
        if task.1 == "t3" && !self.forced.contains(&task) {
            return match self.complete.get(&task.0).copied() {
                Some(time) if is_untimed(task.0) || Some(time) >= newest => {
                    Ok(self.unless(task, is_open && !is_untimed(task.0), self.completed(task.0)))
                }
                _ => self.run(task, 0, facts),
            };
        }
        let hash = facts.hashes.get(&task).copied().unwrap_or_default();
        let has_hash = matches!(task.1, "t0" | "c.x");
        let must = self.forced.contains(&task)
            || (self.failed.contains(&task) && task.1 != "t3")
            || match self.stamps.get(&task) {
                None => true,
                Some(stamp) if newest > Some(stamp.completed) => true,
                Some(_) if has_hash && facts.broken_hashes.contains(&task) => return Err(Broken),
                Some(stamp) => {
                    let has_drifted = task.1 == "thing" && self.verifies && facts.drifted.contains(&task.0);
                    (has_hash && stamp.hash != hash) || has_drifted || facts.invalid.contains(&task)
                }
            };
        if !must {
            let changed = self.stamps[&task].changed;
            return Ok(self.unless(task, is_open, Some(changed)));
        }
        if has_hash && facts.broken_hashes.contains(&task) && !self.is_plan {
            return Err(Broken);
        }
        self.run(task, hash, facts)
    }

    /// Returns the last change of a task that is up to date unless an earlier one changes something.
    fn unless(&mut self, task: Task, is_open: bool, time: Option<u64>) -> Change {
        if is_open {
            self.may_run.insert(task);
        }
        Change { time, is_open }
    }

    fn run(&mut self, task: Task, hash: u32, facts: &mut Facts) -> Result<Change, Broken> {
        self.ran.insert(task);
        self.clock += 1;
        let before = match task.1 {
            "t3" => self.changed.get(&task.0).copied(),
            _ => self.stamps.get(&task).map(|stamp| stamp.changed),
        };
        if self.is_plan {
            let time = before.filter(|_| !self.failed.contains(&task));
            return Ok(Change { time: time.or(Some(u64::MAX)), is_open: time.is_some() });
        }
        if facts.skipping.contains(&task) {
            return Ok(Change::default());
        }
        if facts.failing.contains(&task) {
            self.stamps.remove(&task);
            if task.1 == "t3" {
                self.changed.insert(task.0, self.clock);
            }
            self.failed.insert(task);
            return Err(Broken);
        }
        facts.invalid.remove(&task);
        if task.1 == "thing" {
            facts.drifted.remove(&task.0);
        }
        let had_failed = self.failed.remove(&task);
        let is_idle = facts.idle.contains(&task) && !had_failed && before.is_some();
        let changed = before.filter(|_| is_idle).unwrap_or(self.clock);
        if is_idle {
            self.unchanged.insert(task);
        }
        if task.1 == "t3" {
            self.complete.insert(task.0, self.clock);
            self.changed.insert(task.0, changed);
        } else {
            self.stamps.insert(task, Stamp { completed: self.clock, changed, hash });
        }
        Ok(Change::at(Some(changed)))
    }
}

/// Returns the tasks with a status in the report of a fleet.
fn told(report: &FleetReport, status: TaskStatus) -> BTreeSet<Task> {
    let of = |result: &setup_tasks::fleet::ObjectResult| {
        let number = result.object.parse().unwrap();
        result.with(status).map(move |task| (number, task.task)).collect::<Vec<_>>()
    };
    report.objects.iter().flat_map(of).collect()
}

/// Removes stamps in both implementations.
async fn forget(parts: &[Object<Part>], naive: &mut Naive, task: Task) {
    parts[task.0].delete_stamp(task.1).await.unwrap();
    naive.stamps.remove(&task);
    naive.failed.remove(&task);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_runs_the_tasks_that_a_naive_model_predicts() {
    for seed in [1, 2] {
        let mut numbers = Numbers::new(seed);
        let mut next = |below| numbers.index(below);
        let (place, world) = (Scratch::new(), World::default());
        let edges = random_edges(&mut next);
        let mut naive = Naive::new(&edges);
        let (mut layout, mut parts) = self::layout(&place, &world, &edges);
        let mut sizes = Vec::new();
        for step in 0..STEPS {
            let (kind, i) = (if step == 0 { 0 } else { next(17) }, next(OBJECTS));
            let task = (i, TASKS[next(3)]);
            let what = format!("seed {seed}, step {step}, kind {kind}, {task:?}");
            naive.verifies = step % 3 == 1;
            let jobs = 1 + next(8);
            let mut fleet = run(&layout, &naive).jobs(jobs);
            let mut plans = true;
            (naive.forced, naive.excluded) = (HashSet::new(), HashSet::new());
            match kind {
                0 => {}
                1 => *world.facts().hashes.entry((i, "t0")).or_default() += 1,
                2 => *world.facts().hashes.entry((i / 4 * 4, "c.x")).or_default() += 1,
                3 => _ = world.facts().invalid.insert((i, "t1")),
                4 => forget(&parts, &mut naive, task).await,
                5 => {
                    let task = (i, TASKS[next(4)]);
                    fleet = fleet.force(format!("{i}/{}", task.1));
                    naive.forced.insert(task);
                }
                6 => {
                    // A task fails until it is repaired. Meanwhile, its failure affects other tasks.
                    let task = (i, TASKS[next(4)]);
                    world.facts().failing.insert(task);
                    naive.forced.insert(task);
                    fleet = fleet.force(format!("{i}/{}", task.1));
                    plans = false;
                }
                7 => {
                    world.facts().complete.remove(&i);
                    naive.complete.remove(&i);
                }
                8 => {
                    world.facts().skipping.insert(task);
                    forget(&parts, &mut naive, task).await;
                    plans = false;
                }
                9 => _ = world.facts().broken_hashes.insert((i, "t0")),
                10 => {
                    // A new process knows only the stored data.
                    drop((layout, parts));
                    (layout, parts) = self::layout(&place, &world, &edges);
                    naive.ready.clear();
                    fleet = run(&layout, &naive);
                }
                11 => {
                    // One task runs by its handle, and then the fleet runs.
                    world.facts().ran.clear();
                    Part::T1.run(&parts[i]).await.unwrap();
                    let mut facts = world.facts();
                    facts.ran.clear();
                    naive.begin();
                    assert!(naive.run((i, "t1"), 0, &mut facts).is_ok());
                }
                12 => {
                    *world.facts().hashes.entry((i, "t0")).or_default() += 1;
                    let other = next(OBJECTS);
                    fleet = fleet.exclude(other.to_string());
                    naive.excluded.insert(other);
                }
                13 => {
                    // Many tasks report that they change nothing. Others report a change again.
                    let count = next(3 * OBJECTS);
                    world.facts().idle = (0..count).map(|_| (next(OBJECTS), IDLE[next(IDLE.len())])).collect();
                    plans = false;
                }
                14 => bring_down(layout.down().jobs(jobs), i, &world, &mut naive, &what).await,
                // Drift stays until a run verifies.
                15 => world.facts().drifted.extend([i, OBJECTS - 1 - i, i / 2]),
                _ => {
                    // One object runs with its dependencies, and then the fleet runs.
                    *world.facts().hashes.entry((i / 2, "t0")).or_default() += 1;
                    let mut before = world.facts().clone();
                    let ran = parts[i].run_setup_tasks().await;
                    let verifies = std::mem::take(&mut naive.verifies);
                    let (expected, failed) = naive.alone(i, &mut before);
                    naive.verifies = verifies;
                    let mut facts = world.facts();
                    assert_eq!((std::mem::take(&mut facts.ran), ran.is_err()), (expected, failed), "{what}: alone");
                }
            }
            if plans {
                compare_plan(&layout, &world, &naive, &what).await;
            }
            let mut before = world.facts().clone();
            let report = fleet.await.unwrap();
            let (expected, failures) = naive.fleet(&mut before);
            sizes.push(compare(&report, &world, &naive, (&expected, &failures), &what));
        }
        sizes.sort_unstable();
        assert!(sizes[0] == 0 && sizes[STEPS / 2] > 0, "neither nothing nor all runs at every step: {sizes:?}");
    }
}

/// Compares a plan of all objects with the tasks that the naive implementation expects in it.
async fn compare_plan(layout: &Layout, world: &World, naive: &Naive, what: &str) {
    let report = layout_plan(layout, naive).await;
    let mut plan = naive.clone();
    plan.is_plan = true;
    let (expected, failures) = plan.fleet(&mut world.facts().clone());
    assert_eq!(told(&report, TaskStatus::WouldRun), expected, "{what}: plan");
    assert_eq!(told(&report, TaskStatus::MayRun), plan.may_run, "{what}: plan");
    assert_eq!(failed(&report), failures, "{what}: plan");
    assert!(world.facts().ran.is_empty(), "{what}: a plan runs nothing");
}

/// Brings an object down in both implementations, with all that depend on it.
async fn bring_down(down: FleetDown, i: usize, world: &World, naive: &mut Naive, what: &str) {
    let report = down.include(i.to_string()).await.unwrap();
    assert!(report.is_success(), "{what}: {report}");
    let undone = std::mem::take(&mut world.facts().undone);
    let place = |i: usize| undone.iter().position(|other| *other == i);
    for &member in &undone {
        let comes_first = |needed: &usize| place(*needed).is_some_and(|needed| Some(needed) < place(member));
        assert_eq!(
            naive.needs(member).find(comes_first),
            None,
            "{what}: it comes down before {member}, which needs it"
        );
    }
    let expected = naive.down(i);
    assert_eq!((undone.len(), undone.into_iter().collect()), (expected.len(), expected), "{what}: down");
}

/// Compares a report and the world with the expected tasks and failures. Returns the number of tasks
/// that ran, and repairs what was broken for one run.
fn compare(
    report: &FleetReport,
    world: &World,
    naive: &Naive,
    (expected, failures): (&BTreeSet<Task>, &BTreeSet<usize>),
    what: &str,
) -> usize {
    let mut facts = world.facts();
    let ran = std::mem::take(&mut facts.ran);
    assert_eq!(ran, *expected, "{what}");
    let unchanged = told(report, TaskStatus::Unchanged);
    assert_eq!(unchanged, naive.unchanged, "{what}: unchanged");
    let mut reported = told(report, TaskStatus::Ran);
    reported.extend(unchanged);
    reported.extend(told(report, TaskStatus::Skipped));
    reported.extend(facts.failing.iter().filter(|task| ran.contains(task)));
    assert_eq!(reported, ran, "{what}: the report");
    assert_eq!(failed(report), *failures, "{what}: failures");
    facts.failing.clear();
    facts.skipping.clear();
    facts.broken_hashes.clear();
    ran.len()
}

/// Returns a run that verifies if the naive implementation does.
fn run(layout: &Layout, naive: &Naive) -> FleetRun {
    if naive.verifies { layout.run().verify() } else { layout.run() }
}

async fn layout_plan(layout: &Layout, naive: &Naive) -> FleetReport {
    let mut plan = run(layout, naive).dry_run();
    for (i, task) in &naive.forced {
        plan = plan.force(format!("{i}/{task}"));
    }
    for i in &naive.excluded {
        plan = plan.exclude(i.to_string());
    }
    plan.await.unwrap()
}

fn failed(report: &FleetReport) -> BTreeSet<usize> {
    let failed = report
        .objects
        .iter()
        .filter(|result| matches!(result.outcome, ObjectStatus::Failed | ObjectStatus::DependencyFailed));
    failed.map(|result| result.object.parse().unwrap()).collect()
}
