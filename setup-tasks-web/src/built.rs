//! A layout as it was built from its source, with the indices that pages need.

use std::collections::HashMap;
use std::sync::OnceLock;

use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::{AnyObject, Layout};

/// A layout and its objects.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) layout: Layout,
    pub(crate) objects: Vec<Member>,
    /// The names of the groups, in the order of their first objects.
    pub(crate) groups: Vec<String>,
    by_id: HashMap<String, usize>,
    by_subdir: HashMap<String, usize>,
    dependencies: OnceLock<Vec<Vec<usize>>>,
}

/// An object and its place.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) object: AnyObject,
    /// The index of the group.
    pub(crate) group: usize,
}

impl Built {
    pub(crate) fn new(layout: Layout) -> Self {
        let mut built = Self {
            objects: Vec::new(),
            groups: Vec::new(),
            by_id: HashMap::new(),
            by_subdir: HashMap::new(),
            dependencies: OnceLock::new(),
            layout,
        };
        let mut groups = HashMap::<String, usize>::new();
        for (at, object) in built.layout.all().into_iter().enumerate() {
            built.by_id.insert(object.id().to_owned(), at);
            built.by_subdir.insert(object.stamp_subdir().to_owned(), at);
            let name = object.groups().next().unwrap_or(object.type_name()).to_owned();
            let group = *groups.entry(name.clone()).or_insert(built.groups.len());
            if group == built.groups.len() {
                built.groups.push(name);
            }
            built.objects.push(Member { object, group });
        }
        built
    }

    /// Returns the index of the object with an id.
    pub(crate) fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Returns the index of the object with a name in the store.
    pub(crate) fn index_of_subdir(&self, subdir: &str) -> Option<usize> {
        self.by_subdir.get(subdir).copied()
    }

    /// Returns the id of the object with a name in the store, or the name itself if the object has left the layout.
    pub(crate) fn id_of<'a>(&'a self, subdir: &'a str) -> &'a str {
        self.index_of_subdir(subdir).map_or(subdir, |at| self.objects[at].object.id())
    }

    /// Returns the indices of the objects that each object depends on, as far as they were known at the first call.
    pub(crate) fn dependencies(&self) -> &Vec<Vec<usize>> {
        self.dependencies.get_or_init(|| self.find_dependencies())
    }

    /// Returns the indices of the objects that each object depends on, as far as they are known now.
    pub(crate) fn find_dependencies(&self) -> Vec<Vec<usize>> {
        let of = |member: &Member| {
            let tasks = member.object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves);
            let others = tasks.flat_map(|task| task.depends_on());
            let mut others: Vec<_> = others.filter_map(|(other, _)| self.index(other.id())).collect();
            others.sort_unstable();
            others.dedup();
            others
        };
        self.objects.iter().map(of).collect()
    }
}
