//! Groups of objects of one type, which keep the diagram of a large layout readable.

use std::collections::{BTreeMap, HashMap};

use super::{Diagram, Edge, Node, Task, TaskIndex};

/// The number of objects above which a diagram is grouped.
pub const MOST: usize = 30;

impl Diagram {
    /// Returns the number of objects.
    pub(crate) fn object_count(&self) -> usize {
        self.nodes.iter().map(|node| node.objects).sum()
    }

    /// Joins the objects of each type, except for those that `stays` keeps. A type with one object is left as it is.
    pub(crate) fn grouped(self, stays: impl Fn(&str) -> bool) -> Self {
        let mut of_type: HashMap<_, usize> = HashMap::new();
        let stays: Vec<_> = self.nodes.iter().map(|node| stays(&node.title)).collect();
        for (node, _) in self.nodes.iter().zip(&stays).filter(|(_, stays)| !**stays) {
            *of_type.entry(node.type_name).or_default() += 1;
        }
        let mut groups: HashMap<&str, usize> = HashMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        // The new place of each old task.
        let mut places: Vec<Vec<TaskIndex>> = Vec::new();
        for (node, stays) in self.nodes.into_iter().zip(stays) {
            let is_alone = stays || of_type[node.type_name] == 1;
            let (type_name, next) = (node.type_name, nodes.len());
            let at = if is_alone { next } else { *groups.entry(type_name).or_insert(next) };
            if at < next {
                places.push(nodes[at].join(node).into_iter().map(|row| (at, row)).collect());
                continue;
            }
            places.push((0..node.tasks.len()).map(|row| (at, row)).collect());
            nodes.push(if is_alone { node } else { node.into_group() });
        }
        let mut edges: BTreeMap<(TaskIndex, TaskIndex), usize> = BTreeMap::new();
        for edge in self.edges {
            let (from, to) = (places[edge.from.0][edge.from.1], places[edge.to.0][edge.to.1]);
            *edges.entry((from, to)).or_default() += edge.count;
        }
        Self { nodes, edges: edges.into_iter().map(|((from, to), count)| Edge { from, to, count }).collect() }
    }
}

impl Node {
    /// Returns the object as a group of one.
    fn into_group(self) -> Self {
        let error = self.error.map(|error| format!("{}: {error}", self.title));
        Self { title: self.type_name.to_owned(), is_group: true, error, ..self }
    }

    /// Adds an object to the group. Returns the rows of its tasks.
    fn join(&mut self, object: Self) -> Vec<usize> {
        self.objects += object.objects;
        self.readonly += object.readonly;
        self.counts.add(&object.counts);
        if self.error.is_none() {
            self.error = object.error.map(|error| format!("{}: {error}", object.title));
        }
        object.tasks.into_iter().map(|task| self.join_task(task)).collect()
    }

    fn join_task(&mut self, task: Task) -> usize {
        let Some(row) = self.tasks.iter().position(|own| own.name == task.name) else {
            self.tasks.push(task);
            return self.tasks.len() - 1;
        };
        let own = &mut self.tasks[row];
        own.counts.add(&task.counts);
        own.hidden += task.hidden;
        task.reasons.into_iter().for_each(|(reason, count)| *own.reasons.entry(reason).or_default() += count);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::tests::{example, task};
    use super::*;

    #[test]
    fn objects_of_one_type_become_one_and_edges_are_counted() {
        let mut diagram = example();
        let mut cleo = Node { title: "cleo".to_owned(), error: Some("no disk".to_owned()), ..diagram.nodes.remove(1) };
        cleo.tasks[1] = task("mount", "Mount the share", false, State::WouldRun, "never ran");
        cleo.tasks.push(task("more", "Do more", false, State::UpToDate, ""));
        let mut diagram = Diagram { nodes: [example().nodes, vec![cleo]].concat(), edges: example().edges };
        diagram.edges.push(Edge { from: (3, 0), to: (0, 1), count: 1 });
        let all = diagram.grouped(|id| id == "files/main");
        let kinds: Vec<_> = all.nodes.iter().map(|node| (&*node.title, node.kind())).collect();
        let expected = ["FileServer", "3 objects, 1 readonly"].map(ToOwned::to_owned);
        assert_eq!(kinds, [("files/main", expected[0].clone()), ("Client", expected[1].clone())]);
        let client = &all.nodes[1];
        assert_eq!(client.error.as_deref(), Some("cleo: no disk"));
        let rows: Vec<_> = client.tasks.iter().map(|task| (&*task.name, task.counts.words(), task.reason())).collect();
        assert_eq!(rows[1].1, "2 would run, 1 not known");
        assert_eq!(rows[1].2, "files/main/publish changed something later, or another reason");
        assert_eq!(rows[2], ("unit", "may run".to_owned(), "if mount changes something".to_owned()));
        assert_eq!(rows[3], ("more", "up to date".to_owned(), String::new()));
        assert_eq!(all.edges, [Edge { from: (1, 0), to: (0, 1), count: 2 }]);
        assert_eq!(all.object_count(), 4);
    }
}
