//! Observations and changes of resources.

use std::sync::Arc;
use std::sync::PoisonError;

use super::call::OpenCall;
use super::connection::Work;
use super::guard::Guarded;
use super::panics::caught;
use crate::Result;
use crate::far::Far;
use crate::protocol::{
    Answer, Apply, Cause, Change, Difference, Failure, FrameError, Outcome, ResourceData, ResourceId, ToController,
};
use crate::resource::{AnyResource, decode};

/// The greatest number of differences in a message.
const MAX_DIFFERENCES: usize = 5_000;
/// The greatest length of all texts in the observations of a call, in bytes. The controller has no more room for them.
const MAX_TEXTS: usize = 64 << 20;

/// Observes resources, and sends one message per resource.
pub(super) fn observe(work: &Work, open: &OpenCall, resources: &[ResourceId]) -> Result<Answer> {
    let mut far = open.far();
    let decoded: Vec<_> =
        resources.iter().map(|id| (*id, declared(work, *id).and_then(|data| decode(&data)))).collect();
    decoded.iter().filter_map(|(_, resource)| resource.as_ref().ok()).for_each(|resource| {
        // A panic comes again in the observation, and is reported there.
        let _ = caught("prepare the observation", || {
            resource.prepare(&mut far);
            Ok(())
        });
    });
    let mut texts = 0;
    for (resource, found) in decoded {
        far.check_cancelled("observe the resources")?;
        let mut observation = found.and_then(|found| observe_one(&*found, &mut far));
        texts += observation.as_ref().map_or(0, |differences| differences.iter().map(length_of_texts).sum());
        if texts > MAX_TEXTS {
            observation = observation.map(without_texts);
        }
        send_observed(open, resource, observation);
    }
    Ok(Answer::Done)
}

fn declared(work: &Work, id: ResourceId) -> Result<Arc<ResourceData>> {
    work.declared.lock().unwrap_or_else(PoisonError::into_inner).get(id)
}

fn observe_one(resource: &dyn AnyResource, far: &mut Far) -> Result<Vec<Difference>> {
    if resource.is_action() {
        return Ok(Vec::new());
    }
    caught("observe it", || resource.observe(far)).map(limited).map_err(|failure| named(resource, failure))
}

/// Replaces the end of a long list by its length.
fn limited(mut differences: Vec<Difference>) -> Vec<Difference> {
    let surplus = differences.len().saturating_sub(MAX_DIFFERENCES);
    if surplus > 0 {
        differences.truncate(MAX_DIFFERENCES);
        differences.push(Difference::new("further differences", surplus.to_string()));
    }
    differences
}

/// Sends an observation. If it is too long, its texts are left out.
fn send_observed(open: &OpenCall, resource: ResourceId, observation: Result<Vec<Difference>>) {
    let message = |observation| ToController::Observed { id: open.id, resource, observation };
    let Err(FrameError::TooLong) = open.outbox.send(&message(observation.clone())) else { return };
    let shortened = observation.map(without_texts);
    if open.outbox.send(&message(shortened)).is_err() {
        open.send(&message(Err(too_long("observe it"))));
    }
}

fn too_long(tried: &str) -> Failure {
    Failure::new(tried, Cause::Refused("its texts are too long for a message".into()))
}

fn length_of_texts(difference: &Difference) -> usize {
    let texts = difference.texts.iter().flat_map(|texts| [&texts.old, &texts.new]);
    texts.flatten().map(String::len).sum()
}

fn without_texts(mut differences: Vec<Difference>) -> Vec<Difference> {
    differences.iter_mut().for_each(|difference| difference.texts = None);
    differences
}

/// Changes resources, one after the other, and then observes others.
pub(super) fn apply(work: &Work, open: &OpenCall, apply: &Apply) -> Result<Answer> {
    let changed = locked_change(work, open, apply);
    observe(work, open, &apply.then_observe)?;
    changed.map(|()| Answer::Done)
}

fn locked_change(work: &Work, open: &OpenCall, apply: &Apply) -> Result<()> {
    let cancelled = || Failure::new("begin the change", Cause::Cancelled);
    let _turn = work.turn.take(&open.cancel).ok_or_else(cancelled)?;
    let _held = open.lock.acquire(open)?;
    let mut far = open.far();
    far.check_cancelled("begin the change")?;
    let resources = apply.resources.iter().map(|id| Ok((*id, decode(&*declared(work, *id)?)?)));
    let resources = resources.collect::<Result<Vec<_>>>()?;
    let guarded = match &apply.guard {
        Some(guard) => {
            work.guards.lock().unwrap_or_else(PoisonError::into_inner).insert(guard.id.clone());
            Some(Guarded::begin(guard, work.guardian.as_ref(), &resources, &mut far)?)
        }
        None => None,
    };
    let mut has_changed = false;
    let changed = resources.iter().try_for_each(|(id, resource)| {
        has_changed |= change_one(open, &mut far, *id, &**resource, apply.change)?;
        Ok(())
    });
    match guarded {
        Some(guarded) if changed.is_err() => guarded.fail(),
        Some(guarded) if !has_changed => guarded.settle(),
        // The time for the confirmation begins now.
        guarded => drop(guarded),
    }
    changed
}

/// Changes a resource, and returns whether it differed.
fn change_one(
    open: &OpenCall,
    far: &mut Far,
    id: ResourceId,
    resource: &dyn AnyResource,
    change: Change,
) -> Result<bool> {
    far.check_cancelled("begin the change").map_err(|failure| named(resource, failure))?;
    far.forget_shared();
    let outcome = caught("change it", || match change {
        Change::Apply if resource.is_action() && !resource.is_due(far)? => Ok(Outcome::Unchanged),
        Change::Apply if resource.is_action() => resource.apply(far, &[]).map(|()| Outcome::Done),
        Change::Apply => bring(resource, far),
        Change::Undo => resource.undo(far).map(|()| Outcome::Changed(Vec::new())),
    });
    far.forget_shared();
    let outcome = outcome.map_err(|failure| named(resource, failure));
    let changed = outcome.as_ref().map(|outcome| *outcome != Outcome::Unchanged).map_err(Clone::clone);
    let message = |outcome| ToController::Applied { id: open.id, resource: id, outcome };
    if let Err(FrameError::TooLong) = open.outbox.send(&message(outcome.clone())) {
        let shortened = outcome.map(|outcome| match outcome {
            Outcome::Changed(differences) => Outcome::Changed(without_texts(differences)),
            other => other,
        });
        if open.outbox.send(&message(shortened)).is_err() {
            open.send(&message(Err(too_long("report the change"))));
        }
    }
    changed
}

/// Observes a resource, removes its differences, and observes it again.
fn bring(resource: &dyn AnyResource, far: &mut Far) -> Result<Outcome> {
    let before = resource.observe(far)?;
    if before.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    resource.apply(far, &before)?;
    far.forget_shared();
    let after = resource.observe(far)?;
    if after.is_empty() {
        // The texts were for a plan.
        return Ok(Outcome::Changed(without_texts(limited(before))));
    }
    Err(Failure::new("bring it into its state", Cause::StillDiffers(without_texts(limited(after)))))
}

fn named(resource: &dyn AnyResource, failure: Failure) -> Failure {
    match failure.resource {
        Some(_) => failure,
        None => failure.of(caught("name it", || Ok(resource.name())).unwrap_or_else(|_| "a resource".into())),
    }
}
