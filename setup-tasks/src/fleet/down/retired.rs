//! Retired objects in a run of the layout: they are brought down before the other objects are brought
//! up.

use std::sync::Arc;

use super::super::FleetRun;
use super::super::report::ObjectResult;
use super::super::runner::fail;
use super::super::schedule::address;
use super::graph::Graph;
use super::runner::Down;
use crate::object::AnyObject;
use crate::report::RunError;
use crate::work::FleetOptions;

/// The retired objects of a run, and the others.
pub(in super::super) struct Retired {
    pub(in super::super) retired: Vec<AnyObject>,
    pub(in super::super) others: Vec<AnyObject>,
}

impl Retired {
    /// Separates the retired objects from the others.
    pub(in super::super) fn of(objects: Vec<AnyObject>) -> Self {
        if !objects.iter().any(AnyObject::is_retired) {
            return Self { retired: Vec::new(), others: objects };
        }
        let (retired, others) = objects.into_iter().partition(AnyObject::is_retired);
        Self { retired, others }
    }
}

/// Brings the retired objects down, and returns their results. A retired object on which another
/// object depends stays, and the error names both.
pub(in super::super) async fn bring_down_retired(
    fleet: &FleetRun,
    retired: Vec<AnyObject>,
    options: &Arc<FleetOptions>,
) -> Vec<ObjectResult> {
    let (mut results, mut down) = (Vec::new(), Vec::new());
    let live: Vec<_> = fleet.layout.all().into_iter().filter(|object| !object.is_retired()).collect();
    for object in retired {
        match live.iter().find_map(|live| depends_on(live, &object)) {
            None => down.push(object),
            Some(error) => results.push(failed(&object, error)),
        }
    }
    match Graph::of(down.clone()).await {
        Ok(graph) => {
            let all = (0..graph.objects.len()).collect();
            let down = Down::new(fleet, &graph, options.clone(), fleet.mode()).run(&all).await;
            results.extend(down.into_iter().map(|(_, result)| result));
        }
        Err(error) => results.extend(down.iter().map(|object| failed(object, error.clone()))),
    }
    results
}

/// Returns the error of an object that depends on a retired one, as far as the dependency is known
/// without a call of relationship methods.
fn depends_on(live: &AnyObject, retired: &AnyObject) -> Option<RunError> {
    if !live.0.relates() {
        return None;
    }
    let rows = live.0.order();
    let (_, to) =
        rows.iter().flat_map(|row| live.0.needs_now(row)).find(|(other, _)| address(other) == address(retired))?;
    let (object, other) = (live.id().to_owned(), retired.id().to_owned());
    Some(RunError::DependsOnRetired { object, other, task: to.task })
}

fn failed(object: &AnyObject, error: RunError) -> ObjectResult {
    let mut result = ObjectResult::new(object, Vec::new(), 0);
    fail(&mut result, anyhow::Error::new(error).into());
    result
}
