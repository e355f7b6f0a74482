//! Output while a command uses the terminal. Lines are held back until the command gives the terminal back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressDrawTarget;

use super::{bars, line, note};

/// A line that is held back, by its destination.
pub(super) enum Held {
    Line(String),
    Note(String),
    Json(String),
}

/// The lines that are held back, or `None` while no command uses the terminal.
static AWAY: Mutex<Option<Vec<Held>>> = Mutex::new(None);

/// Starts to hold lines back whenever a task hands the terminal to a command.
pub(crate) fn follow_terminal() {
    #[cfg(unix)]
    setup_tasks::command::terminal::on_handover(|is_away| if is_away { go() } else { come_back() });
}

fn go() {
    // The lock is taken first, so that a line that is being written is completed.
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

/// Returns a line if it can be written now. Otherwise holds it back.
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
