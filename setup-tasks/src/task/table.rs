//! Blocks of rows, and the table of a type. The table contains each task once in run order, after
//! overrides and `skip`.

use super::order::{CAPACITY, OrderError, TaskPosition, sort};
use super::row::{Action, TaskDef};
use super::text::{Message, holds, same};

/// The rows that one impl block or one mixin trait declares, and the mixins that it lists.
pub struct Block<T: 'static> {
    /// The module that declares the block. Module and name together identify the block.
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) mixins: &'static [Mixin<T>],
    pub(crate) rows: &'static [&'static [TaskDef<T>]],
}

impl<T> std::fmt::Debug for Block<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("module", &self.module).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A mixin in the list of a block.
pub struct Mixin<T: 'static> {
    block: &'static Block<T>,
    skip: &'static [&'static str],
}

impl<T> std::fmt::Debug for Mixin<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mixin").field("name", &self.block.name).field("skip", &self.skip).finish_non_exhaustive()
    }
}

impl<T: 'static> Clone for Mixin<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Mixin<T> {}

impl<T: 'static> Block<T> {
    /// Creates a block. Generated code calls this function.
    pub const fn new(
        module: &'static str,
        name: &'static str,
        mixins: &'static [Mixin<T>],
        rows: &'static [&'static [TaskDef<T>]],
    ) -> Self {
        Self { module, name, mixins, rows }
    }

    /// Returns the first task of the block itself, without its mixins, that is not a relationship.
    pub(crate) fn first_own(&self) -> Option<&'static str> {
        let own = self.rows.iter().flat_map(|rows| rows.iter());
        own.filter(|task| !matches!(task.action, Action::Relation(_))).map(TaskDef::name).next()
    }

    /// Adds the former names of all rows with a name, those of mixins included.
    fn add_former_names(&self, task: &str, to: &mut Vec<&'static str>) {
        for row in self.rows.iter().flat_map(|rows| rows.iter()).filter(|row| row.name() == task) {
            let new: Vec<_> = row.meta.formerly.iter().filter(|name| !to.contains(name)).collect();
            to.extend(new);
        }
        self.mixins.iter().for_each(|mixin| mixin.block.add_former_names(task, to));
    }

    const fn is(&self, other: &Self) -> bool {
        same(self.name, other.name) && same(self.module, other.module)
    }

    /// Returns whether `other` is among the mixins of this block, at any depth.
    const fn includes(&self, other: &Self) -> bool {
        let mut i = 0;
        while i < self.mixins.len() {
            if self.mixins[i].block.is(other) || self.mixins[i].block.includes(other) {
                return true;
            }
            i += 1;
        }
        false
    }
}

impl<T: 'static> Mixin<T> {
    /// Lists a mixin with all its tasks.
    pub const fn new(block: &'static Block<T>) -> Self {
        Self { block, skip: &[] }
    }

    pub(crate) const fn block(&self) -> &'static Block<T> {
        self.block
    }

    /// Excludes the named tasks.
    pub const fn skip(self, skip: &'static [&'static str]) -> Self {
        Self { skip, ..self }
    }
}

/// One task of a table: its row, and the row that determines its position. The latter is the
/// overridden row if the new one has no keys for the order.
pub(crate) struct Slot<T: 'static> {
    def: &'static TaskDef<T>,
    place: &'static TaskDef<T>,
    owner: &'static Block<T>,
    /// The former names of the row that this one replaces.
    inherited: &'static [&'static str],
}

impl<T: 'static> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Slot<T> {}

/// The names that are excluded on the path to a block.
struct Skips<'a> {
    names: &'a [&'static str],
    outer: Option<&'a Skips<'a>>,
}

impl Skips<'_> {
    const fn skips(&self, name: &str) -> bool {
        holds(self.names, name)
            || match self.outer {
                Some(outer) => outer.skips(name),
                None => false,
            }
    }
}

struct List<T: 'static> {
    slots: [Option<Slot<T>>; CAPACITY],
    len: usize,
    /// The number of tasks beyond the capacity.
    left_over: usize,
    /// Whether a row replaces one with former names.
    inherits_names: bool,
}

impl<T: 'static> List<T> {
    /// Returns the rows of a block and its mixins, in the order of declaration.
    const fn of(block: &'static Block<T>) -> Self {
        let mut list = Self { slots: [None; CAPACITY], len: 0, left_over: 0, inherits_names: false };
        list.collect(block, &Skips { names: &[], outer: None });
        list
    }

    /// Adds the rows of the mixins of `block`, and then its own.
    const fn collect(&mut self, block: &'static Block<T>, skips: &Skips<'_>) {
        let mut m = 0;
        while m < block.mixins.len() {
            let inner = Skips { names: block.mixins[m].skip, outer: Some(skips) };
            self.collect(block.mixins[m].block, &inner);
            m += 1;
        }
        let mut g = 0;
        while g < block.rows.len() {
            let known = self.len;
            let mut r = 0;
            while r < block.rows[g].len() {
                let def = &block.rows[g][r];
                if !skips.skips(def.meta.place.name) {
                    self.add(def, block, known);
                }
                r += 1;
            }
            g += 1;
        }
    }

    /// Appends the row of a new name. A row whose name is in the list replaces the old one if its
    /// block includes the old one's block; otherwise the old one stays. The search covers only the
    /// first `known` slots: the names within one list of rows differ, and each step of const
    /// evaluation costs compile time.
    const fn add(&mut self, def: &'static TaskDef<T>, owner: &'static Block<T>, known: usize) {
        let (mut i, mut inherited): (usize, &'static [&'static str]) = (0, &[]);
        while i < known {
            if let Some(old) = self.slots[i]
                && same(old.def.meta.place.name, def.meta.place.name)
            {
                if !owner.includes(old.owner) {
                    return;
                }
                inherited = if old.def.meta.formerly.is_empty() { old.inherited } else { old.def.meta.formerly };
                self.inherits_names = self.inherits_names || !inherited.is_empty();
                if !def.meta.place.is_placed() {
                    self.slots[i] = Some(Slot { def, place: old.place, owner, inherited });
                    return;
                }
                while i + 1 < self.len {
                    self.slots[i] = self.slots[i + 1];
                    i += 1;
                }
                self.len -= 1;
                break;
            }
            i += 1;
        }
        if self.len == CAPACITY {
            self.left_over += 1;
            return;
        }
        self.slots[self.len] = Some(Slot { def, place: def, owner, inherited });
        self.len += 1;
    }
}

impl<T: 'static> List<T> {
    /// Returns an error for a former name that another task has, now or formerly.
    const fn wrong_former_name(&self) -> Option<OrderError> {
        let mut i = 0;
        while i < self.len {
            if let Some(slot) = self.slots[i] {
                let (task, own) = (slot.def.meta.place.name, slot.def.meta.formerly);
                let mut f = 0;
                while f < own.len() + slot.inherited.len() {
                    let former = if f < own.len() { own[f] } else { slot.inherited[f - own.len()] };
                    if let Some(error) = self.other_claim(former, task, i) {
                        return Some(error);
                    }
                    f += 1;
                }
            }
            i += 1;
        }
        None
    }

    /// Returns an error if another task has the former name of `task`, which is in slot `at`.
    const fn other_claim(&self, former: &'static str, task: &'static str, at: usize) -> Option<OrderError> {
        let mut j = 0;
        while j < self.len {
            if let Some(other) = self.slots[j] {
                if same(other.def.meta.place.name, former) {
                    return Some(OrderError::FormerName { former, task, other: None });
                }
                if j != at && (holds(other.def.meta.formerly, former) || holds(other.inherited, former)) {
                    let other = Some(other.def.meta.place.name);
                    return Some(OrderError::FormerName { former, task, other });
                }
            }
            j += 1;
        }
        None
    }
}

/// The tasks of a type in the order in which they run. The table is a `const`, computed at compile time.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) {}
///     #[setup_task("Hang it", before = paint)]
///     fn hang(&self) {}
/// }
///
/// let names: Vec<_> = Door::setup_tasks().iter().map(|task| task.name()).collect();
/// assert_eq!(names, ["hang", "paint"]);
/// ```
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property")]
pub struct TaskTable<T: 'static> {
    block: &'static Block<T>,
    tasks: [Option<&'static TaskDef<T>>; CAPACITY],
    len: usize,
    /// Whether a task may depend on other objects.
    relates: bool,
    /// Whether a task, or a task of a customization, may have former names.
    may_have_former_names: bool,
    /// Whether a task replaces one with former names.
    inherits_names: bool,
    /// Whether a task has the key `subscribe`.
    subscribes: bool,
    /// Whether the stamps alone can prove that the tasks are up to date.
    by_stamps: bool,
}

impl<T> std::fmt::Debug for TaskTable<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskTable").field("name", &self.block.name).field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T: 'static> TaskTable<T> {
    /// Builds the table of a type in const evaluation.
    ///
    /// # Panics
    ///
    /// Panics if the tasks cannot be put in an order. In const evaluation, the panic is the compile error.
    #[track_caller]
    pub const fn build(block: &'static Block<T>) -> Self {
        match Self::try_build(block) {
            Ok(table) => table,
            Err(error) => {
                let mut message = Message::new();
                error.describe(block, &mut message);
                message.push("\nhelp: ");
                message.push(error.help());
                panic!("{}", message.as_str())
            }
        }
    }

    /// Builds the table of a type, or returns the reason why its tasks form no table.
    #[expect(clippy::result_large_err, reason = "const evaluation has no heap")]
    pub(crate) const fn try_build(block: &'static Block<T>) -> Result<Self, OrderError> {
        let list = List::of(block);
        if list.left_over > 0 {
            return Err(OrderError::TooMany { count: CAPACITY + list.left_over });
        }
        let mut places = [TaskPosition::new(""); CAPACITY];
        let mut i = 0;
        while i < list.len {
            if let Some(slot) = list.slots[i] {
                places[i] = slot.place.meta.place;
            }
            i += 1;
        }
        let (places, _) = places.split_at(list.len);
        let sorted = match sort(places) {
            Ok(sorted) => sorted,
            Err(error) => return Err(error),
        };
        if let Some(error) = list.wrong_former_name() {
            return Err(error);
        }
        let (mut tasks, mut relates, mut may_have_former_names, mut subscribes, mut by_stamps) =
            ([None; CAPACITY], false, list.inherits_names, false, true);
        i = 0;
        while i < list.len {
            if let Some(slot) = list.slots[sorted[i] as usize] {
                tasks[i] = Some(slot.def);
                relates = relates || !matches!(slot.def.action, Action::Method(_));
                may_have_former_names = may_have_former_names
                    || !slot.def.meta.formerly.is_empty()
                    || matches!(slot.def.action, Action::Value(_));
                subscribes = subscribes || slot.def.meta.subscribe.is_some();
                by_stamps = by_stamps && slot.def.is_by_stamp();
            }
            i += 1;
        }
        let (len, inherits_names) = (list.len, list.inherits_names);
        let table = Self { block, tasks, len, relates, may_have_former_names, inherits_names, subscribes, by_stamps };
        match table.later_subscription() {
            Some(error) => Err(error),
            None => Ok(table),
        }
    }

    /// Returns the error of the first task that subscribes to one that does not run before it. A name
    /// that is not in the table is that of a skipped task, which never changes anything.
    const fn later_subscription(&self) -> Option<OrderError> {
        let mut i = 0;
        while self.subscribes && i < self.len {
            if let Some(task) = self.tasks[i]
                && let Some(names) = task.meta.subscribe
            {
                let mut later = i;
                while later < self.len {
                    if let Some(other) = self.tasks[later]
                        && holds(names, other.meta.place.name)
                    {
                        return Some(OrderError::LaterSubscription {
                            task: task.meta.place.name,
                            to: other.meta.place.name,
                        });
                    }
                    later += 1;
                }
            }
            i += 1;
        }
        None
    }

    /// Returns the keys that determine the order, for each task in the order of declaration.
    pub(crate) fn places(&self) -> Vec<TaskPosition<'static>> {
        let list = List::of(self.block);
        let place = |slot: &Slot<T>| TaskPosition { name: slot.def.name(), ..slot.place.meta.place };
        list.slots.iter().flatten().map(place).collect()
    }

    /// Returns the number of tasks.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether a task may depend on other objects. A task that is a method does not.
    pub(crate) fn relates(&self) -> bool {
        self.relates
    }

    /// Returns whether a task, or a task of a customization, may have former names.
    pub(crate) fn may_have_former_names(&self) -> bool {
        self.may_have_former_names
    }

    /// Returns whether the stamps alone can prove that the tasks are up to date, without a call of a helper method.
    pub(crate) fn is_by_stamps(&self) -> bool {
        self.by_stamps
    }

    /// Returns the former names of a task: its own, and those of the tasks that it replaces.
    pub(crate) fn former_names(&self, task: &TaskDef<T>) -> Vec<&'static str> {
        let mut names = task.meta.formerly.to_vec();
        if self.inherits_names {
            self.block.add_former_names(task.name(), &mut names);
        }
        names
    }

    /// Returns whether a task runs only for changes of the tasks that it names.
    pub(crate) fn subscribes(&self) -> bool {
        self.subscribes
    }

    /// Returns whether the table is empty.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the task at position `i` of the run order, counted from 0.
    pub const fn get(&self, i: usize) -> Option<&'static TaskDef<T>> {
        if i < self.len { self.tasks[i] } else { None }
    }

    /// Returns the tasks in the order in which they run.
    pub fn iter(&self) -> impl Iterator<Item = &'static TaskDef<T>> + '_ {
        self.tasks[..self.len].iter().copied().flatten()
    }

    /// Returns the position of the task called `name` in the run order.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.iter().position(|task| task.name() == name)
    }
}

/// The help for a type or an object with more tasks than [`CAPACITY`].
pub(super) const TOO_MANY_HELP: &str =
    "give some of them to another model, and depend on it or apply it as a `Customization`";

impl OrderError {
    /// Writes the error message. For a cycle, it contains the path `a -> b -> a` with the names of
    /// the block that was sorted.
    pub(crate) const fn describe<T: 'static>(&self, block: &'static Block<T>, message: &mut Message) {
        let (members, len) = match self {
            Self::Cycle { members, len } => (members, len),
            Self::FormerName { former, task, other } => {
                describe_former_name(former, task, *other, block.name, message);
                return;
            }
            Self::LaterSubscription { task, to } => {
                message.push_name(task);
                message.push(" of ");
                message.push_name(block.name);
                message.push(" cannot subscribe to ");
                message.push_name(to);
                message.push(", which does not run before it");
                return;
            }
            Self::TooMany { count } => {
                message.push_name(block.name);
                message.push(" has ");
                message.push_number(*count);
                message.push(" setup tasks, its mixins' included; a type can have ");
                message.push_number(CAPACITY);
                return;
            }
        };
        let list = List::of(block);
        message.push("the setup tasks of ");
        message.push_name(block.name);
        message.push(" cannot be put in an order: ");
        let mut i = 0;
        while i <= *len {
            if let Some(slot) = list.slots[members[i % *len] as usize] {
                if i > 0 {
                    message.push(" -> ");
                }
                message.push(slot.def.meta.place.name);
            }
            i += 1;
        }
    }

    /// Returns advice for the user.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Cycle { .. } => "remove one of these `before` or `after` keys",
            Self::TooMany { .. } => TOO_MANY_HELP,
            Self::LaterSubscription { .. } => {
                "name earlier tasks only, or move one of the two with `before` or `after`"
            }
            Self::FormerName { other: Some(_), .. } => "keep `formerly` on the task that takes over the records",
            Self::FormerName { other: None, .. } => "remove or rename that task, or remove this `formerly`",
        }
    }
}

/// Writes the message of [`OrderError::FormerName`].
const fn describe_former_name(former: &str, task: &str, other: Option<&str>, owner: &str, message: &mut Message) {
    message.push("the setup task ");
    message.push_name(task);
    message.push(" of ");
    message.push_name(owner);
    message.push(" has the former name ");
    message.push_name(former);
    match other {
        Some(other) => {
            message.push(", and so has ");
            message.push_name(other);
        }
        None => {
            message.push(", which is the name of a present task");
        }
    }
}
