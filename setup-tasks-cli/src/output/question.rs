//! Questions to the user.

use std::io::{IsTerminal, Write};

use setup_tasks::Result;
use tokio::sync::oneshot;

use crate::exit::UsageError;

/// Asks whether to do `what`. Every answer other than `y` or `yes` is a no.
///
/// # Errors
///
/// If there is no terminal to ask at.
pub(crate) async fn confirm(what: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        let text = format!("cannot ask whether to {what}: there is no terminal");
        return Err(UsageError::new(text, "add `--yes`").into());
    }
    // The error means that the question cannot be shown, and no answer comes.
    let _ = write!(anstream::stderr().lock(), "{what}? [y/N] ");
    let (answered, answer) = oneshot::channel();
    // The read cannot be cancelled. A thread of its own does not delay a Ctrl-C.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        answered.send(read.map(|_| line))
    });
    let line = answer.await.ok().and_then(Result::ok).unwrap_or_default();
    if !line.ends_with('\n') {
        // The end of the input leaves the cursor behind the question.
        let _ = writeln!(anstream::stderr().lock());
    }
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}
