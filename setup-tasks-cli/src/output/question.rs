//! Questions to the user.

use std::io::{IsTerminal, Write};

use setup_tasks::Result;
use tokio::sync::oneshot;

use crate::exit::UsageError;

/// Returns an error with this help if there is no terminal to ask at whether to do `what`.
pub(crate) fn require_terminal(what: &str, help: &str) -> Result<()> {
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        return Ok(());
    }
    Err(UsageError::new(format!("cannot ask whether to {what}: there is no terminal"), help).into())
}

/// Asks whether to do `what`. Every answer other than `y` or `yes` is a no.
///
/// # Errors
///
/// If there is no terminal to ask at.
pub(crate) async fn confirm(what: &str) -> Result<bool> {
    require_terminal(what, "add `--yes`")?;
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
