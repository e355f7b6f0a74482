//! Compares a shared store in `PostgreSQL` with the embedded one, on the same work in turn.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::measure::{Measured, Once, Places, ROUNDS, Store, own_in};
use crate::server::{Server, address_in};
use crate::work::{TASKS, What};
use crate::{Contestant, in_turn, show};

const EMBEDDED: &str = "the embedded store";
const SHARED: &str = "PostgreSQL";

/// A place with its store.
struct Site<'p> {
    places: &'p Places,
    server: &'p Server,
}

impl Site<'_> {
    /// Returns a directory and a store.
    fn next(&self, is_shared: bool) -> Result<(PathBuf, Store)> {
        let store = if is_shared { Store::Shared(address_in(self.server)) } else { Store::Embedded };
        Ok((self.places.next()?, store))
    }
}

/// Prints the ratios of both stores.
pub fn compare(places: &Places, objects: usize) -> Result<()> {
    let server = Server::start_with("shared_buffers = '128MB'", "", |_: &Path| ()).context("no PostgreSQL")?;
    let site = Site { places, server: &server };
    let tasks = objects * TASKS;
    println!("nothing to do, {tasks} tasks");
    let measured = nothing_to_do(&site, objects)?;
    show(&measured);
    let seconds = |index: usize| measured[index].time.median.as_secs_f64();
    let connects = seconds(3) - seconds(2);
    println!(
        "without the connection ({:.0} ms): {:.2} times the embedded store\n",
        connects * 1e3,
        (seconds(1) - connects) / seconds(0)
    );
    let objects = objects / 10;
    println!("first run, {} tasks; the shared store syncs each write", objects * TASKS);
    show(&first_run(&site, objects)?);
    Ok(())
}

/// Measures runs with nothing to do, of many objects and of one.
fn nothing_to_do(site: &Site<'_>, objects: usize) -> Result<Vec<Measured>> {
    let of = [
        (EMBEDDED, false, objects),
        (SHARED, true, objects),
        ("… one object", false, 1),
        ("… one object, PostgreSQL", true, 1),
    ];
    let made = of.iter().map(|(_, is_shared, objects)| {
        let (place, store) = site.next(*is_shared)?;
        own_in(What::Run, &place, *objects, &store)?;
        Ok((place, store))
    });
    let made: Vec<_> = made.collect::<Result<_>>()?;
    // The store does not trust the time of a file that was written a moment ago.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let of = of.iter().zip(&made).map(|((name, _, objects), (place, store))| -> Contestant<'_> {
        (name, objects * TASKS, Box::new(move || own_in(What::Run, place, *objects, store)))
    });
    in_turn(ROUNDS, of.collect())
}

/// Measures first runs, each in its own directory and schema.
fn first_run(site: &Site<'_>, objects: usize) -> Result<Vec<Measured>> {
    let run = |store: Option<Store>| -> Result<Once> {
        let (place, new) = site.next(store.is_none())?;
        own_in(What::Run, &place, objects, &store.unwrap_or(new))
    };
    let of: Vec<Contestant<'_>> = vec![
        (EMBEDDED, objects * TASKS, Box::new(move || run(Some(Store::Embedded)))),
        ("… with durable stamps", objects * TASKS, Box::new(move || run(Some(Store::Durable)))),
        (SHARED, objects * TASKS, Box::new(move || run(None))),
    ];
    in_turn(ROUNDS.min(5), of)
}
