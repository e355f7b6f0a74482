//! While a command has the terminal, nothing else is written to it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressDrawTarget;

use super::{bars, line, note};

/// A line that is held back, by where it goes.
pub(super) enum Held {
    Line(String),
    Note(String),
    Json(String),
}

/// What is held back; `None` while the terminal is here.
static AWAY: Mutex<Option<Vec<Held>>> = Mutex::new(None);

/// Keeps still from now on whenever a task hands the terminal over.
pub(crate) fn follow_terminal() {
    #[cfg(unix)]
    setup_tasks::command::terminal::on_handover(|is_away| if is_away { go() } else { come_back() });
}

fn go() {
    // With the lock: a line that is being written comes first.
    let mut away = away();
    super::clear_bars();
    bars().set_draw_target(ProgressDrawTarget::hidden());
    *away = Some(Vec::new());
}

fn come_back() {
    let held = away().take().unwrap_or_default();
    bars().set_draw_target(super::bar_target());
    for held in held {
        match held {
            Held::Line(text) => line(text),
            Held::Note(text) => note(text),
            Held::Json(text) => super::json_line(&text),
        }
    }
}

/// Returns a line that can be written now, or holds it back.
pub(super) fn unless_away(text: String, hold: impl FnOnce(String) -> Held) -> Option<String> {
    match &mut *away() {
        Some(lines) => {
            lines.push(hold(text));
            None
        }
        None => Some(text),
    }
}

fn away() -> MutexGuard<'static, Option<Vec<Held>>> {
    AWAY.lock().unwrap_or_else(PoisonError::into_inner)
}
