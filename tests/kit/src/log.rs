//! A log to which tasks write.

use std::sync::{Arc, Mutex};

/// The lines that tasks wrote, in the order of writing, and instructions for the tasks.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>, Arc<Mutex<String>>);

impl Log {
    /// Sets the instructions for the tasks that write to this log.
    pub fn order(&self, order: &str) {
        order.clone_into(&mut self.1.lock().unwrap());
    }

    /// Returns the latest instructions.
    pub fn orders(&self) -> String {
        self.1.lock().unwrap().clone()
    }

    /// Appends a line.
    pub fn say(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Returns the lines since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
