//! Tests of circles of waits of every kind and mixture: readiness, relationships, factories,
//! customizations. No circle hangs, and each is reported.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use setup_tasks::fleet::ObjectStatus;
use setup_tasks::prelude::*;
use setup_tasks::{AnyObject, Customization, Deferred, InjectionKey, Injector, Layout, NewTask};

use test_kit::{Log, Numbers, chain};

/// The kind of dependency of one object on another.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A task waits until the other object is ready.
    Ready,
    /// A relationship.
    Related,
    /// A relationship with `ready`.
    RelatedReady,
    /// A task requests a value, whose factory requests the other object.
    Factory,
    /// A task of a customization waits until the other object is ready.
    Customization,
}

const KINDS: [Kind; 5] = [Kind::Ready, Kind::Related, Kind::RelatedReady, Kind::Factory, Kind::Customization];

/// An edge of the graph: the first object depends on the second.
type Edge = (usize, usize, Kind);

type Needs = Arc<OnceLock<Vec<AnyObject>>>;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "nodes/{number}", id = "{number}")]
struct Node {
    number: usize,
    log: Log,
    needs: Needs,
    values: Vec<InjectionKey<Value>>,
    #[depends_on(Node::link)]
    related: Vec<Deferred<Node>>,
    #[depends_on(Node::link, ready)]
    related_ready: Vec<Deferred<Node>>,
}

#[setup_tasks]
impl Node {
    #[setup_task("Wait for what is needed")]
    async fn link(&self, cx: &TaskContext) -> Result<()> {
        wait_for(&self.needs).await?;
        for value in &self.values {
            cx.injector().get(value).await?;
        }
        self.log.say(self.number.to_string());
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "custom")]
struct Custom(Needs);

#[setup_tasks]
impl Custom {
    #[setup_task("Wait for what is needed")]
    async fn link(&self) -> Result<()> {
        wait_for(&self.0).await
    }
}

/// Waits for one half of the objects one by one, and for the other half at the same time.
async fn wait_for(needs: &Needs) -> Result<()> {
    // All objects are requested before the first is ready.
    tokio::task::yield_now().await;
    let needs = needs.get().map(Vec::as_slice).unwrap_or_default();
    let (one_by_one, at_once) = needs.split_at(needs.len() / 2);
    for need in one_by_one {
        need.ready().await?;
    }
    let waits = at_once.iter().map(|need| async move { Box::pin(need.ready()).await });
    futures_util::future::join_all(waits).await.into_iter().try_for_each(|waited| Ok(waited?))
}

#[derive(Debug)]
struct Value;

fn object_key(i: usize) -> InjectionKey<Object<Node>> {
    InjectionKey::named(Box::leak(i.to_string().into_boxed_str()))
}

fn value_key(i: usize) -> InjectionKey<Value> {
    InjectionKey::named(Box::leak(format!("value of {i}").into_boxed_str()))
}

fn graph(count: usize, edges: &[Edge]) -> (Layout, Vec<Object<Node>>, Log) {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let add = |i: usize| {
        let of = |kind: Kind| edges.iter().filter(move |edge| edge.0 == i && edge.2 == kind).map(|edge| edge.1);
        let late = |kind| of(kind).map(|j| Deferred::new(object_key(j))).collect();
        let node = Node {
            number: i,
            log: log.clone(),
            needs: Needs::default(),
            values: of(Kind::Factory).map(value_key).collect(),
            related: late(Kind::Related),
            related_ready: late(Kind::RelatedReady),
        };
        layout.add(node).unwrap()
    };
    let nodes: Vec<_> = (0..count).map(add).collect();
    for (i, node) in nodes.iter().enumerate() {
        layout.injector().provide(object_key(i), node.clone()).unwrap();
        let key = object_key(i);
        let make = move |at: Injector| async move {
            at.get(&key).await?;
            Ok(Value)
        };
        layout.injector().provide_async(value_key(i), make).unwrap();
        let of = |kind| {
            edges
                .iter()
                .filter(|edge| edge.0 == i && edge.2 == kind)
                .map(|edge| nodes[edge.1].as_any().clone())
                .collect()
        };
        assert!(node.needs.set(of(Kind::Ready)).is_ok());
        let custom: Vec<AnyObject> = of(Kind::Customization);
        if !custom.is_empty() {
            let custom = Customization::with_model(Custom(Arc::new(custom.into())));
            node.add_setup_task(NewTask::value("custom", custom).before("link")).unwrap();
        }
    }
    (layout, nodes, log)
}

/// Requests all objects at the same time, each in its own tokio task. Returns the errors.
async fn ready_all(nodes: &[Object<Node>]) -> Vec<String> {
    let asker = |node: &Object<Node>| {
        let node = node.clone();
        tokio::spawn(async move { node.ready().await })
    };
    let askers: Vec<_> = nodes.iter().map(asker).collect();
    let mut errors = Vec::new();
    for asker in askers {
        let ready = tokio::time::timeout(Duration::from_mins(1), asker).await.expect("nothing hangs").unwrap();
        errors.extend(ready.err().map(chain));
    }
    errors
}

/// Checks that an error contains a circle that exists in the graph.
fn tells_a_true_circle(error: &str, edges: &[Edge]) {
    let (_, circle) = error.rsplit_once("waiting would never end: ").expect(error);
    let is_edge = |from, to| edges.iter().any(|edge| (edge.0, edge.1) == (from, to));
    // A factory is between the object that requests the value and the object that the factory requests.
    let members: Vec<usize> = circle
        .split(" -> ")
        .map(|name| name.split('`').nth(1).unwrap())
        .filter_map(|name| match name.strip_prefix("value of ") {
            Some(_) => None,
            None => Some(name.parse().unwrap()),
        })
        .collect();
    let closed = members.iter().zip(members.iter().skip(1).chain([&members[0]]));
    let pairs: Vec<_> = closed.filter(|(from, to)| from != to || is_edge(**from, **to)).collect();
    assert!(!pairs.is_empty() && pairs.iter().all(|(from, to)| is_edge(**from, **to)), "{circle}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acyclic_graphs_of_any_waits_become_ready() {
    for (seed, count) in [(1, 10), (2, 50), (3, 200), (4, 1000)] {
        let mut numbers = Numbers::new(seed);
        let mut next = |below| numbers.index(below);
        let mut edges: Vec<Edge> = Vec::new();
        for i in 1..count {
            edges.extend((0..3).map(|_| (i, next(i), KINDS[next(5)])));
        }
        let (layout, nodes, log) = graph(count, &edges);
        if seed % 2 == 0 {
            let report = layout.run().jobs(64).await.unwrap();
            assert!(report.is_success(), "{report}");
        } else {
            assert_eq!(ready_all(&nodes).await, [""; 0]);
        }
        let mut place = vec![usize::MAX; count];
        let order = log.take();
        order.iter().enumerate().for_each(|(at, i)| place[i.parse::<usize>().unwrap()] = at);
        assert_eq!(order.len(), count, "each once");
        assert!(edges.iter().all(|(from, to, _)| place[*to] < place[*from]), "what is needed comes first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn graphs_with_a_circle_end_in_errors_that_print_a_true_one() {
    for (seed, count) in [(1, 2), (2, 3), (3, 20), (4, 100), (5, 1000)] {
        let mut numbers = Numbers::new(seed);
        let mut next = |below| numbers.index(below);
        let mut edges: Vec<Edge> = (1..count).flat_map(|i| [(i, next(i), KINDS[next(5)])]).collect();
        // These edges close a circle through all objects, with any kinds of waits.
        edges.extend((0..count).map(|i| (i, (i + count - 1) % count, KINDS[next(5)])));
        let (_layout, nodes, _) = graph(count, &edges);
        let errors = ready_all(&nodes).await;
        assert_eq!(errors.len(), count, "every object needs the circle");
        errors.iter().for_each(|error| tells_a_true_circle(error, &edges));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_any_two_kinds_is_reported_also_to_a_fleet() {
    for one in KINDS {
        for other in KINDS {
            let edges = [(0, 1, one), (1, 0, other), (2, 0, one)];
            let (layout, nodes, log) = graph(4, &edges);
            let report = tokio::time::timeout(Duration::from_mins(1), layout.run().into_future()).await;
            let report = report.unwrap_or_else(|_| panic!("{one:?} and {other:?} hang")).unwrap();
            for number in 0..3 {
                let result = report.object(&number.to_string()).unwrap();
                let error = chain(anyhow::anyhow!("{:#}", result.error.as_ref().unwrap().get()));
                tells_a_true_circle(&error, &edges);
            }
            assert_eq!(report.object("3").unwrap().outcome, ObjectStatus::Ran, "it is no part of it");
            assert_eq!(log.take(), ["3"]);
            // Each object runs alone, in its own request.
            let error = chain(nodes[2].run_setup_tasks().await.unwrap_err());
            tells_a_true_circle(&error, &edges);
        }
    }
}
