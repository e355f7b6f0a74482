//! Checks that generated code performs in const evaluation, beside the tables and never inside them.

use super::table::{Block, TaskTable};
use super::text::{Message, distance, is_near, same};
use crate::SetupTasks;

/// Fails the build unless `T` has a task called `wanted`. The compiler reports the error at the
/// caller's token.
///
/// # Panics
///
/// Panics in const evaluation if such a task is missing. The panic is the compile error.
#[track_caller]
pub const fn require_task<T: SetupTasks>(type_name: &str, wanted: &str) {
    if let Some(message) = missing_in_table(T::TABLE, type_name, wanted) {
        panic!("{}", message.as_str());
    }
}

/// Fails the build unless the block, or one of its mixins, declares a task called `wanted`. The key
/// `skip` may name only such tasks.
///
/// # Panics
///
/// Panics in const evaluation if such a task is missing. The panic is the compile error.
#[track_caller]
pub const fn require_in_block<T: 'static>(block: &'static Block<T>, wanted: &str) {
    if declares(block, wanted) {
        return;
    }
    let mut message = no_task(block.name, wanted);
    let mut names = Names::new(wanted);
    names.add_block(block, &mut message);
    names.finish(&mut message);
    panic!("{}", message.as_str());
}

const fn missing_in_table<T: 'static>(table: &TaskTable<T>, type_name: &str, wanted: &str) -> Option<Message> {
    let mut i = 0;
    while let Some(task) = table.get(i) {
        if same(task.meta.place.name, wanted) {
            return None;
        }
        i += 1;
    }
    let mut message = no_task(type_name, wanted);
    let mut names = Names::new(wanted);
    i = 0;
    while let Some(task) = table.get(i) {
        names.add(task.meta.place.name, &mut message);
        i += 1;
    }
    names.finish(&mut message);
    Some(message)
}

const fn no_task(owner: &str, wanted: &str) -> Message {
    let mut message = Message::new();
    message.push_name(owner);
    message.push(" has no setup task ");
    message.push_name(wanted);
    message
}

const fn declares<T: 'static>(block: &'static Block<T>, wanted: &str) -> bool {
    let mut g = 0;
    while g < block.rows.len() {
        let mut r = 0;
        while r < block.rows[g].len() {
            if same(block.rows[g][r].meta.place.name, wanted) {
                return true;
            }
            r += 1;
        }
        g += 1;
    }
    let mut m = 0;
    while m < block.mixins.len() {
        if declares(block.mixins[m].block(), wanted) {
            return true;
        }
        m += 1;
    }
    false
}

/// Lists names in a message, and remembers the name nearest to the wanted one.
struct Names<'a> {
    wanted: &'a str,
    nearest: Option<&'static str>,
    least: usize,
    count: usize,
}

impl<'a> Names<'a> {
    const fn new(wanted: &'a str) -> Self {
        Self { wanted, nearest: None, least: usize::MAX, count: 0 }
    }

    const fn add(&mut self, name: &'static str, message: &mut Message) {
        message.push(if self.count == 0 { "; it has " } else { ", " });
        message.push_name(name);
        self.count += 1;
        let distance = distance(self.wanted, name);
        if distance < self.least {
            self.least = distance;
            self.nearest = Some(name);
        }
    }

    const fn add_block<T: 'static>(&mut self, block: &'static Block<T>, message: &mut Message) {
        let mut m = 0;
        while m < block.mixins.len() {
            self.add_block(block.mixins[m].block(), message);
            m += 1;
        }
        let mut g = 0;
        while g < block.rows.len() {
            let mut r = 0;
            while r < block.rows[g].len() {
                self.add(block.rows[g][r].meta.place.name, message);
                r += 1;
            }
            g += 1;
        }
    }

    const fn finish(&self, message: &mut Message) {
        if self.count == 0 {
            message.push("; it has no setup tasks");
        }
        if let Some(nearest) = self.nearest
            && is_near(self.wanted, self.least)
        {
            message.push("\nhelp: did you mean ");
            message.push_name(nearest);
            message.push("?");
        }
    }
}
