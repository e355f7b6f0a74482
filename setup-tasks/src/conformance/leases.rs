//! The laws of leases.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::{BrokenLaws, Checked, Observation, expect, expect_equal};
use crate::BoxFuture;
use crate::lease::{Acquired, Lease, LeaseError, Leases};

/// A law of [`Leases`] and [`Lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaseLaw {
    /// A lease that nobody has taken is free, and breaking it changes nothing.
    BeginsFree,
    /// While a lease is held, nobody else gets it, in the same process or in another one.
    HasOneHolder,
    /// The leases of other objects stay free, even if the names are similar.
    SeparatesObjects,
    /// Everybody sees the holder of a lease by its name.
    ShowsHolder,
    /// A released lease is free, within two seconds. A release does not wait for a server.
    IsReleased,
    /// Of several attempts at the same time, one gets the lease.
    HasOneWinner,
    /// Each lease of an object has a higher fence than the one before.
    RaisesFences,
    /// Leases that must be renewed have fences.
    FencesWhatExpires,
    /// A lease that is held can be renewed.
    RenewsHeldLeases,
    /// A lease that was broken is lost, stays lost, and has a lower fence than the next.
    LosesBrokenLeases,
    /// The release of a lost lease does not free the lease of the next holder.
    IgnoresLateRelease,
}

impl LeaseLaw {
    /// All laws, in the order of their checks.
    pub const ALL: [Self; 11] = [
        Self::BeginsFree,
        Self::HasOneHolder,
        Self::SeparatesObjects,
        Self::ShowsHolder,
        Self::IsReleased,
        Self::HasOneWinner,
        Self::RaisesFences,
        Self::FencesWhatExpires,
        Self::RenewsHeldLeases,
        Self::LosesBrokenLeases,
        Self::IgnoresLateRelease,
    ];
}

impl fmt::Display for LeaseLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeginsFree => "A lease that nobody has taken is free.",
            Self::HasOneHolder => "While a lease is held, nobody else gets it.",
            Self::SeparatesObjects => "The leases of other objects stay free.",
            Self::ShowsHolder => "Everybody sees the holder of a lease by its name.",
            Self::IsReleased => "A released lease is free, within two seconds.",
            Self::HasOneWinner => "Of several attempts at the same time, one gets the lease.",
            Self::RaisesFences => "Each lease of an object has a higher fence than the one before.",
            Self::FencesWhatExpires => "Leases that must be renewed have fences.",
            Self::RenewsHeldLeases => "A lease that is held can be renewed.",
            Self::LosesBrokenLeases => "A lease that was broken is lost, and stays lost.",
            Self::IgnoresLateRelease => "The release of a lost lease does not free the lease of the next holder.",
        })
    }
}

/// Checks all laws of leases. `empty_place` returns a function that opens one new place in which no
/// lease is held.
///
/// # Errors
///
/// Returns the laws that the leases break.
pub async fn check_leases<L, P>(mut empty_place: impl FnMut() -> P) -> Result<(), BrokenLaws<LeaseLaw>>
where
    L: Leases,
    P: Fn() -> Arc<L>,
{
    let mut broken = Vec::new();
    for law in LeaseLaw::ALL {
        let open = empty_place();
        let (own, other) = (open(), open());
        if let Err(Observation(observed)) = check(law, &*own, &*other).await {
            broken.push((law, observed));
        }
    }
    BrokenLaws::none_or(broken)
}

/// Checks one law with two openings of one place.
fn check<'l>(law: LeaseLaw, own: &'l dyn Leases, other: &'l dyn Leases) -> BoxFuture<'l, Checked> {
    match law {
        LeaseLaw::BeginsFree => begins_free(own).boxed(),
        LeaseLaw::HasOneHolder => has_one_holder(own, other).boxed(),
        LeaseLaw::SeparatesObjects => separates_objects(own, other).boxed(),
        LeaseLaw::ShowsHolder => shows_holder(own, other).boxed(),
        LeaseLaw::IsReleased => is_released(own, other).boxed(),
        LeaseLaw::HasOneWinner => has_one_winner(own, other).boxed(),
        LeaseLaw::RaisesFences => raises_fences(own, other).boxed(),
        LeaseLaw::FencesWhatExpires => fences_what_expires(own).boxed(),
        LeaseLaw::RenewsHeldLeases => renews_held_leases(own, other).boxed(),
        LeaseLaw::LosesBrokenLeases => loses_broken_leases(own, other).boxed(),
        LeaseLaw::IgnoresLateRelease => ignores_late_release(own, other).boxed(),
    }
}

const OBJECT: &str = "hosts/web";

/// The time within which a released lease is free.
const RELEASE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Takes a lease that is free, or was released just before.
async fn take(leases: &dyn Leases, object: &str) -> Result<Box<dyn Lease>, Observation> {
    let since = Instant::now();
    loop {
        match leases.acquire(object).await? {
            Acquired::Lease(lease) => return Ok(lease),
            Acquired::Held(_) if since.elapsed() < RELEASE => tokio::time::sleep(PAUSE).await,
            Acquired::Held(holder) => {
                return Err(Observation(format!("the free lease of `{object}` is held by {holder}")));
            }
        }
    }
}

/// Expects that a released lease becomes free.
async fn expect_free(leases: &dyn Leases, object: &str) -> Checked {
    let since = Instant::now();
    while let Some(holder) = leases.holder(object).await? {
        expect(since.elapsed() < RELEASE, || format!("the released lease is held by {holder}"))?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Expects that somebody holds a lease.
async fn expect_held(leases: &dyn Leases, object: &str, when: &str) -> Checked {
    match leases.acquire(object).await? {
        Acquired::Held(_) => Ok(()),
        Acquired::Lease(_) => Err(Observation(format!("the held lease of `{object}` was granted again {when}"))),
    }
}

/// Takes a lease and breaks it. Returns `None` if these leases cannot be broken while their holder
/// is alive.
async fn take_and_break(own: &dyn Leases, other: &dyn Leases) -> Result<Option<Box<dyn Lease>>, Observation> {
    let lease = take(own, OBJECT).await?;
    let Some(holder) = other.holder(OBJECT).await? else {
        return Err(Observation("a held lease has no holder".to_owned()));
    };
    match other.break_lease(OBJECT, Some(&holder.name)).await {
        Ok(_) => Ok(Some(lease)),
        Err(LeaseError::Alive { .. } | LeaseError::Unknown { .. }) => {
            expect_held(other, OBJECT, "after it was not broken").await?;
            lease.release();
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn begins_free(leases: &dyn Leases) -> Checked {
    expect_equal("the holder", &leases.holder(OBJECT).await?, &None)?;
    let broken = leases.break_lease(OBJECT, None).await?;
    expect_equal("the result of breaking", &broken, &crate::lease::LeaseBreak::NotHeld)?;
    expect_equal("the holder after breaking", &leases.holder(OBJECT).await?, &None)?;
    take(leases, OBJECT).await?.release();
    Ok(())
}

async fn has_one_holder(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let lease = take(own, OBJECT).await?;
    for _ in 0..2 {
        expect_held(own, OBJECT, "to its holder").await?;
        expect_held(other, OBJECT, "to another process").await?;
    }
    lease.release();
    Ok(())
}

async fn separates_objects(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let similar = ["hosts", "hosts/web", "hosts/web2", "hosts/web/inner", "hosts/we_", "hosts%2Fweb", "Hosts/web"];
    let mut leases = Vec::new();
    for object in similar {
        leases.push(take(if leases.len() % 2 == 0 { own } else { other }, object).await?);
    }
    leases.remove(1).release();
    for object in similar.into_iter().filter(|object| *object != OBJECT) {
        expect_held(own, object, "when that of a similar object was released").await?;
    }
    take(other, OBJECT).await?.release();
    leases.iter().for_each(|lease| lease.release());
    Ok(())
}

async fn shows_holder(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let lease = take(own, OBJECT).await?;
    lease.note_task("mount");
    let Acquired::Held(refused) = other.acquire(OBJECT).await? else {
        return Err(Observation("the held lease was granted again".to_owned()));
    };
    for leases in [own, other] {
        let holder = leases.holder(OBJECT).await?;
        let name = holder.as_ref().map(|holder| holder.name.as_str()).unwrap_or_default();
        expect(!name.trim().is_empty(), || format!("the holder is {holder:?}"))?;
        expect_equal("the name of the holder", &name, &refused.name.as_str())?;
        let doing = holder.as_ref().and_then(|holder| holder.doing.clone());
        let is_true = doing.as_ref().is_none_or(|doing| doing.contains("mount"));
        expect(is_true, || format!("the holder's work is {doing:?} while it runs `mount`"))?;
        let holders = leases.holders(&["hosts/free", OBJECT, "hosts"]).await?;
        let names: Vec<_> = holders.iter().map(|holder| holder.as_ref().map(|holder| holder.name.as_str())).collect();
        expect_equal("the list of holders", &names, &vec![None, Some(name), None])?;
    }
    lease.release();
    Ok(())
}

async fn is_released(own: &dyn Leases, other: &dyn Leases) -> Checked {
    for (first, second) in [(own, other), (other, own), (own, own)] {
        take(first, OBJECT).await?.release();
        expect_free(second, OBJECT).await?;
        take(second, OBJECT).await?.release();
    }
    Ok(())
}

async fn has_one_winner(own: &dyn Leases, other: &dyn Leases) -> Checked {
    for _ in 0..5 {
        let attempts = (0..8).map(|number| if number % 2 == 0 { own } else { other }.acquire(OBJECT));
        let mut won = Vec::new();
        for acquired in join_all(attempts).await {
            if let Acquired::Lease(lease) = acquired? {
                won.push(lease);
            }
        }
        expect(won.len() == 1, || format!("{} of 8 attempts got the lease", won.len()))?;
        won.iter().for_each(|lease| lease.release());
        expect_free(other, OBJECT).await?;
    }
    Ok(())
}

async fn raises_fences(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let mut last = None;
    for leases in [own, other, other, own] {
        let lease = take(leases, OBJECT).await?;
        let fence = lease.fence();
        lease.release();
        expect(fence.is_none() || fence > last, || format!("fence {fence:?} follows {last:?}"))?;
        expect(last.is_none() || fence.is_some(), || "a lease without a fence follows one with a fence".to_owned())?;
        last = fence;
    }
    Ok(())
}

async fn fences_what_expires(leases: &dyn Leases) -> Checked {
    let lease = take(leases, OBJECT).await?;
    let fence = lease.fence();
    lease.release();
    expect(leases.renew_every().is_none() || fence.is_some(), || "a lease that must be renewed has no fence".to_owned())
}

async fn renews_held_leases(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let lease = take(own, OBJECT).await?;
    for _ in 0..3 {
        lease.renew().await?;
        expect_held(other, OBJECT, "after it was renewed").await?;
    }
    lease.release();
    Ok(())
}

async fn loses_broken_leases(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let Some(broken) = take_and_break(own, other).await? else { return Ok(()) };
    let next = take(other, OBJECT).await?;
    let (old, new) = (broken.fence(), next.fence());
    expect(new > old, || format!("the next fence is {new:?}, and that of the broken lease is {old:?}"))?;
    for _ in 0..2 {
        let result = broken.renew().await;
        let is_lost = matches!(result, Err(LeaseError::Lost { .. }));
        expect(is_lost, || format!("the renewal of a broken lease returned {result:?}"))?;
    }
    Ok(next.renew().await?)
}

async fn ignores_late_release(own: &dyn Leases, other: &dyn Leases) -> Checked {
    let Some(broken) = take_and_break(own, other).await? else { return Ok(()) };
    let next = take(other, OBJECT).await?;
    broken.note_task("late");
    broken.release();
    expect_held(own, OBJECT, "after the release of a lost lease").await?;
    next.renew().await?;
    let doing = own.holder(OBJECT).await?.and_then(|holder| holder.doing);
    let is_true = doing.as_ref().is_none_or(|doing| !doing.contains("late"));
    expect(is_true, || format!("the holder's work is {doing:?}, as a lost lease noted"))
}
