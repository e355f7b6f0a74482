//! The part of an object that does not depend on its model's type.

use std::any::TypeId;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::any::AnyObject;
use super::dyn_object::{DynObject, RowId};
use super::former::FormerObject;
use super::permit::Permit;
use super::progress::ObjectProgress;
use crate::config::Config;
use crate::depends::KnownRelatives;
use crate::event::{Event, EventKey, EventKind};
use crate::injector::{InjectionKey, Injector, OwnInjector, READONLY};
use crate::layout::Layout;
use crate::log;
use crate::paths::{PathError, Paths};
use crate::stamp::{Change, Entry, Fence, Records, Stamp, StampError, TaskRename, Timestamp};
use crate::task::former_names::FormerNames;
use crate::task::name::with_stem;
use crate::wait::WorkKind;
use crate::work::{Mode, RequestCx, RequestId, SharedOnce, WorkContext};

/// The part of an object that does not depend on its model's type.
pub(crate) struct ObjectCore {
    pub(crate) id: Arc<str>,
    pub(crate) subdir: Arc<str>,
    pub(crate) type_name: &'static str,
    pub(crate) type_id: TypeId,
    pub(crate) layout: Layout,
    injector: OwnInjector,
    uncommon: Option<Box<Uncommon>>,
    pub(crate) ready: SharedOnce<()>,
    pub(crate) own_readonly: Option<bool>,
    pub(crate) model_readonly: Option<bool>,
    /// The number of the current task's row plus 1, or 0 without a current task.
    current_row: AtomicUsize,
    /// The results of the relationship methods.
    pub(crate) relatives: KnownRelatives,
    /// The object's part of the records that a fleet read at its start, until the object's run in
    /// that fleet takes it.
    prefetched: Mutex<Option<(RequestId, Range<usize>)>>,
    /// The former names of the object's tasks.
    pub(crate) former_names: FormerNames,
    /// Whether the store has the object's id and type from this process.
    is_identified: AtomicBool,
    readonly: OnceLock<bool>,
    config: OnceLock<Arc<Config>>,
    paths: OnceLock<Box<Paths>>,
    real: ObjectProgress,
    plan: OnceLock<Box<ObjectProgress>>,
}

/// The parts that few objects have. All others pay for one pointer, which saves a page fault per 40
/// objects.
struct Uncommon {
    /// The object to which a customization is applied, and the stem of its stamps.
    host: Option<Host>,
    /// The keys that the model adds to its type and its id.
    event_keys: Vec<EventKey>,
    /// The groups by which a fleet can select the object.
    groups: Vec<Arc<str>>,
    /// The former names of the object, or of the host of a customization.
    former: Option<Arc<FormerObject>>,
    /// The host on which the object runs.
    on: Option<Arc<str>>,
    /// Whether the object is to be gone.
    is_retired: bool,
}

impl Uncommon {
    /// Returns the parts, or `None` if the object has none of them.
    fn boxed(self) -> Option<Box<Self>> {
        let Self { host, event_keys, groups, former, on, is_retired } = &self;
        let has_names = !event_keys.is_empty() || !groups.is_empty();
        let is_any = has_names || host.is_some() || former.is_some() || on.is_some() || *is_retired;
        is_any.then(|| Box::new(self))
    }
}

/// Returns the configuration with an absolute base directory, so that a change of the working
/// directory has no effect.
fn absolute(config: Arc<Config>) -> Arc<Config> {
    if config.base_dir.is_absolute() {
        return config;
    }
    Arc::new(Config { base_dir: crate::fs::absolute(config.base_dir.clone()), ..(*config).clone() })
}

/// The object to which a customization is applied.
pub(crate) struct Host {
    pub(crate) object: Weak<dyn DynObject>,
    pub(crate) stem: &'static str,
}

/// The settings with which an object is created.
pub(crate) struct Placing {
    pub(crate) id: Arc<str>,
    pub(crate) subdir: Arc<str>,
    pub(crate) layout: Layout,
    /// The parent of the object's injector.
    pub(crate) parent: Injector,
    pub(crate) host: Option<Host>,
    pub(crate) readonly: Option<bool>,
    /// The former names of the object, or of the host of a customization.
    pub(crate) former: Option<Arc<FormerObject>>,
    /// The groups by which a fleet can select the object.
    pub(crate) groups: Vec<Arc<str>>,
    /// The host on which the object runs.
    pub(crate) on: Option<Arc<str>>,
    /// Whether the object is to be gone.
    pub(crate) is_retired: bool,
}

impl ObjectCore {
    pub(crate) fn new<T: super::SetupTasks>(placing: Placing, model: &T) -> Self {
        let Placing { id, subdir, layout, parent, host, readonly, former, groups, on, is_retired } = placing;
        let uncommon = Uncommon { host, event_keys: model.event_keys(), groups, former, on, is_retired };
        Self {
            type_name: T::NAME,
            type_id: TypeId::of::<T>(),
            uncommon: uncommon.boxed(),
            ready: SharedOnce::new(WorkKind::Ready, id.clone()),
            own_readonly: readonly,
            model_readonly: T::READONLY,
            current_row: AtomicUsize::new(0),
            relatives: KnownRelatives::default(),
            prefetched: Mutex::new(None),
            former_names: FormerNames::default(),
            is_identified: AtomicBool::new(false),
            readonly: OnceLock::new(),
            config: OnceLock::new(),
            paths: OnceLock::new(),
            real: ObjectProgress::new(WorkKind::Run, id.clone()),
            plan: OnceLock::new(),
            id,
            subdir,
            layout,
            injector: OwnInjector::below(parent),
        }
    }

    /// Returns the reference to the object to which a customization is applied, and the stem of its
    /// stamps.
    pub(crate) fn own_host(&self) -> Option<&Host> {
        self.uncommon.as_ref()?.host.as_ref()
    }

    /// Returns the groups by which a fleet can select the object.
    pub(crate) fn groups(&self) -> &[Arc<str>] {
        self.uncommon.as_ref().map_or(&[], |uncommon| &uncommon.groups)
    }

    /// Returns the host on which the object runs, if it has one of its own.
    pub(crate) fn on(&self) -> Option<&str> {
        self.uncommon.as_ref()?.on.as_deref()
    }

    /// Returns whether the object is to be gone.
    pub(crate) fn is_retired(&self) -> bool {
        self.uncommon.as_ref().is_some_and(|uncommon| uncommon.is_retired)
    }

    /// Returns the former names of the object, or of the host of a customization.
    pub(crate) fn former(&self) -> Option<&Arc<FormerObject>> {
        self.uncommon.as_ref()?.former.as_ref()
    }

    /// Returns the injector of the object.
    pub(crate) fn injector(&self) -> &Injector {
        self.injector.get(&self.id)
    }

    /// Returns the readonly flag of the object, of its model or of the nearest injector, in this
    /// order, or false. It is looked up once. A customization has the flag of its host.
    pub(crate) fn readonly(&self) -> bool {
        self.readonly_or(|| match self.injector.nearest().get_now(&READONLY) {
            Ok(readonly) => readonly.is_some_and(|readonly| *readonly),
            Err(error) => {
                tracing::warn!(object = %self.id, "the object counts as readonly, because the flag cannot be determined: {error}");
                true
            }
        })
    }

    fn readonly_or(&self, nearest: impl FnOnce() -> bool) -> bool {
        *self.readonly.get_or_init(|| self.own_readonly.or(self.model_readonly).unwrap_or_else(nearest))
    }

    /// Returns the configuration of the nearest injector. It is looked up once.
    pub(crate) fn config(&self) -> &Arc<Config> {
        self.config.get_or_init(|| match self.injector.nearest().get_now(&InjectionKey::<Config>::of()) {
            Ok(Some(config)) => absolute(config),
            Ok(None) => self.layout.shared_config(),
            Err(error) => {
                tracing::warn!(object = %self.id, "the layout's configuration is used, because the object's own cannot be determined: {error}");
                self.layout.shared_config()
            }
        })
    }

    /// Returns the object's injector, or its parent if the object has none yet.
    pub(super) fn nearest_injector(&self) -> &Injector {
        self.injector.nearest()
    }

    /// Sets the values of the nearest injector, unless they were looked up before.
    pub(super) fn set_inherited(&self, readonly: Option<bool>, config: Option<&Arc<Config>>) {
        if let Some(readonly) = readonly {
            self.readonly_or(|| readonly);
        }
        if let Some(config) = config {
            self.config.get_or_init(|| absolute(config.clone()));
        }
    }

    /// Returns whether runs of the object change nothing at present.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.mode_for(WorkContext::mode_now()).is_plan()
    }

    /// Returns the mode of a run of the object that is requested in `mode`.
    pub(crate) fn mode_for(&self, mode: Mode) -> Mode {
        if self.config().dry_run { Mode::Plan } else { self.layout.mode_for(mode) }
    }

    pub(crate) fn paths(&self) -> &Paths {
        if let Some(planned) = self.former().and_then(|former| former.planned())
            && self.is_dry_run()
        {
            return planned;
        }
        self.paths.get_or_init(|| {
            let config = self.config();
            let is_layouts = std::ptr::eq(Arc::as_ptr(config), self.layout.config());
            Box::new(Paths::new(config.clone(), &self.subdir, is_layouts))
        })
    }

    /// Returns the directory for files that can be created again. A dry run does not create it.
    pub(crate) fn stamp_path(&self) -> Result<&Path, PathError> {
        if self.is_dry_run() { Ok(self.paths().stamp_path()) } else { self.paths().stamp(self.layout.roots()) }
    }

    /// Returns the directory for files that must not be lost. A dry run does not create it.
    pub(crate) fn state_path(&self) -> Result<&Path, PathError> {
        if self.is_dry_run() { Ok(self.paths().state_path()) } else { self.paths().state(self.layout.roots()) }
    }

    /// Returns the directory for logs. A dry run does not create it.
    pub(crate) fn log_path(&self) -> Result<&Path, PathError> {
        if self.is_dry_run() { Ok(self.paths().log_path()) } else { self.paths().log(self.layout.roots()) }
    }

    /// Returns the row that a run of the object is considering.
    pub(crate) fn current_row(&self) -> Option<RowId> {
        self.current_row.load(Ordering::Relaxed).checked_sub(1).map(RowId::of_index)
    }

    /// Sets the row that a run of the object is considering.
    pub(crate) fn set_current_row(&self, row: Option<RowId>) {
        self.current_row.store(row.map_or(0, |row| row.index() + 1), Ordering::Relaxed);
    }

    /// Returns the progress of the object's runs or dry runs.
    pub(crate) fn progress(&self, mode: Mode) -> &ObjectProgress {
        match mode {
            Mode::Apply => &self.real,
            Mode::Plan => self.plan.get_or_init(|| Box::new(ObjectProgress::new(WorkKind::Plan, self.id.clone()))),
        }
    }

    /// Returns the progress of dry runs, if there was one.
    pub(crate) fn plan(&self) -> Option<&ObjectProgress> {
        self.plan.get().map(|progress| &**progress)
    }

    /// Returns the object to which a customization is applied.
    pub(crate) fn host(&self) -> Option<AnyObject> {
        self.own_host()?.object.upgrade().map(AnyObject)
    }

    /// Returns a valid stamp.
    pub(crate) async fn stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {
        Ok(self.load().await?.get(name).and_then(Entry::valid).cloned())
    }

    /// Changes the object's records, under the fence of a session if there is one.
    pub(crate) async fn change(
        &self,
        _permit: &Permit,
        fence: Option<Fence>,
        change: Change,
    ) -> Result<(), StampError> {
        self.prefetch(None);
        self.settle().await?;
        self.write(fence, vec![change]).await
    }

    /// Writes changes of the object's records. The first write of a process carries the object's
    /// id and type as well, by which the store knows the object once it has left the layout. A run
    /// with nothing to do therefore writes nothing.
    pub(crate) async fn write(&self, fence: Option<Fence>, mut changes: Vec<Change>) -> Result<(), StampError> {
        // The records of a customization are those of its host.
        if let Some(host) = self.host() {
            return Box::pin(host.0.core().write(fence, changes)).await;
        }
        let is_identified = self.is_identified.load(Ordering::Relaxed);
        if !is_identified {
            changes.splice(0..0, Box::pin(self.first_changes()).await?);
        }
        self.layout.store().write(&self.subdir, fence, changes).await?;
        if !is_identified {
            self.is_identified.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Adds the former names of a task that was added at run time. The next change writes the present
    /// names again. Those of a customization's task belong to its host.
    pub(super) fn add_former_names(&self, task: &'static str, formerly: &[&'static str]) {
        if formerly.is_empty() {
            return;
        }
        if let (Some(host), Some(own)) = (self.host(), self.own_host()) {
            let formerly: Vec<_> = formerly.iter().map(|name| with_stem(own.stem, name)).collect();
            return host.0.core().add_former_names(with_stem(own.stem, task), &formerly);
        }
        self.former_names.add_task(task, formerly);
        self.is_identified.store(false, Ordering::Relaxed);
    }

    /// Returns the change by which the store knows the object's id and type.
    pub(super) fn identify(&self) -> Change {
        Change::Identify { id: self.id.to_string(), type_name: self.type_name.to_owned() }
    }

    /// Returns the changes that precede the first change of a process: the object's id and type, and
    /// the present names of entries with former names. The logs of these tasks are renamed first.
    async fn first_changes(&self) -> Result<Vec<Change>, StampError> {
        let mut changes = vec![self.identify()];
        if self.former_names.is_empty() {
            return Ok(changes);
        }
        let mut records = self.layout.store().load(&self.subdir).await?;
        let Some(renamed) = self.former_names.apply(&self.id, &mut records) else { return Ok(changes) };
        log::rename(self.paths(), &renamed.moved);
        for TaskRename { from, to } in renamed.moved {
            let entry = records.get(&to).cloned().unwrap_or_default();
            changes.push(Change::Carry { task: to.into(), entry });
            changes.push(Change::Forget { task: from.into() });
        }
        changes.extend(renamed.remnants.into_iter().map(|task| Change::Forget { task: task.into() }));
        Ok(changes)
    }

    /// Like [`load`](Self::load), for the decisions of a run. Returns the records that the fleet
    /// read at its start if there are any. The run reads them again under the object's lock before
    /// it changes them.
    pub(crate) async fn load_for(&self, cx: &RequestCx<'_>) -> Result<Records, StampError> {
        let prefetched = self.prefetched_for(cx);
        self.prefetch(None);
        if !cx.mode.is_plan() {
            self.settle().await?;
        }
        match prefetched {
            Some(records) => Ok(records),
            None => Ok(self.seen(self.stored(cx.mode).await?)),
        }
    }

    /// Returns the records that the fleet of a request read at its start, if they can be decoded.
    pub(crate) fn prefetched_for(&self, cx: &RequestCx<'_>) -> Option<Records> {
        let (of, part) = self.prefetched().clone()?;
        if of != cx.request || self.former().is_some() {
            return None;
        }
        let records = match cx.fleet?.prefetched.get(part)? {
            [] => Records::default(),
            bytes => self.layout.store().decode(&self.subdir, bytes).ok()?,
        };
        Some(self.seen(records))
    }

    /// Sets the object's part of the records that a fleet read at its start, or removes it.
    pub(crate) fn prefetch(&self, prefetched: Option<(RequestId, Range<usize>)>) {
        *self.prefetched() = prefetched;
    }

    fn prefetched(&self) -> MutexGuard<'_, Option<(RequestId, Range<usize>)>> {
        self.prefetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the object's current records for the caller's work.
    pub(crate) async fn load(&self) -> Result<Records, StampError> {
        self.load_in(self.layout.mode_for(WorkContext::mode_now())).await
    }

    /// Loads the object's current records and advances the clock to their times.
    pub(crate) async fn load_in(&self, mode: Mode) -> Result<Records, StampError> {
        Ok(self.seen(self.stored(mode).await?))
    }

    /// Returns a digest of records of the object under the private key.
    pub(crate) fn records_digest(&self, records: &Records) -> Result<String, StampError> {
        self.layout.texts().digest(records, false)
    }

    /// Like [`load`](Self::load), for the holder of the object's lease, which may have read
    /// already. Also advances the clock to the latest time in the store, so that later stamps have
    /// later times than all existing ones.
    pub(crate) async fn load_to_change(
        &self,
        read: Option<(Records, Option<Timestamp>)>,
    ) -> Result<Records, StampError> {
        let (records, latest) = match read {
            Some(read) => read,
            None => self.layout.store().load_and_latest(&self.subdir).await?,
        };
        self.layout.observe(latest);
        Ok(self.seen(records))
    }

    fn seen(&self, mut records: Records) -> Records {
        self.layout.observe(records.latest());
        // The records of a customization are those of its host.
        match self.host() {
            Some(host) => host.0.core().former_names.apply(&self.id, &mut records),
            None => self.former_names.apply(&self.id, &mut records),
        };
        records
    }

    /// Emits an event of the object or of one of its tasks.
    pub(crate) fn emit(&self, task: &'static str, kind: impl FnOnce() -> EventKind) {
        self.emit_about(|| (task, Cow::Borrowed("")), kind);
    }

    /// Like [`emit`](Self::emit). The task's name and description are computed only if there is a
    /// listener.
    pub(crate) fn emit_about(
        &self,
        task: impl FnOnce() -> (&'static str, Cow<'static, str>),
        kind: impl FnOnce() -> EventKind,
    ) {
        let event = || {
            let (task, description) = task();
            let object = self.host().map_or_else(|| self.id.clone(), |host| host.0.core().id.clone());
            Event::new(object, task, description, kind())
        };
        self.injector.nearest().emit(event, |key| self.has_event_key(key));
    }

    /// Emits an event about the object that another process has sent.
    pub(crate) fn emit_event(&self, event: Event) {
        self.injector.nearest().emit(|| event, |key| self.has_event_key(key));
    }

    fn has_event_key(&self, key: &EventKey) -> bool {
        key.fits(&self.id, self.type_id)
            || self.uncommon.as_ref().is_some_and(|uncommon| uncommon.event_keys.contains(key))
            || self.host().is_some_and(|host| host.0.core().has_event_key(key))
    }
}
