//! The terminal of the process, which is handed over to one command at a time.
//!
//! A program that draws on the terminal, such as the command line of `setup-tasks-cli`, registers a
//! hook with [`on_handover`] and does not draw while the terminal is handed over.

use std::fs::File;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as NixSignal};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_current_process_group, kill_process_group, waitid,
};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

use super::child::{Child, Cut, within};
use super::running::unless_ending;
use super::stdin::Feed;
use super::{CommandError, TaskCommand};

/// The interval at which a command is checked for having been stopped by the terminal.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

type Hook = Box<dyn Fn(bool) + Send>;

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
/// The lock of the command that has the terminal. Other commands wait for it.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Sets the function that is called with `true` before the terminal is handed over to a command,
/// and with `false` after it has come back.
pub fn on_handover(hook: impl Fn(bool) + Send + 'static) {
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
}

fn call_hook(is_away: bool) {
    if let Some(hook) = &*HOOK.lock().unwrap_or_else(PoisonError::into_inner) {
        hook(is_away);
    }
}

/// A command that has the terminal while it runs: [`TaskCommand::interactive`].
///
/// The standard input and outputs are the terminal, so the log contains none of its output. Ctrl-C
/// goes to the command. Ctrl-Z stops the command together with the run. Only one command has the
/// terminal at a time.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct InteractiveCommand(pub(super) TaskCommand);

impl InteractiveCommand {
    /// Runs the command. An exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// [`CommandError`]. It is [`CommandError::NoTerminal`] if the process has no terminal or is in
    /// its background.
    pub async fn run(self) -> Result<(), CommandError> {
        let command = self.0.text();
        let status = self.status().await?;
        if status.success() {
            return Ok(());
        }
        Err(CommandError::Failed { command, status, stderr: None })
    }

    /// Runs the command and returns its exit status, also if it is not 0. This suits a dialog whose
    /// status is the answer.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), except for the exit status.
    pub async fn status(self) -> Result<ExitStatus, CommandError> {
        unless_ending(self.finish()).await
    }

    async fn finish(self) -> Result<ExitStatus, CommandError> {
        let (text, start, timeout) = (self.0.text(), self.0.text_of_start(), self.0.timeout);
        let _turn = TURN.lock().await;
        let terminal =
            Terminal::take().map_err(|problem| CommandError::NoTerminal { command: text.clone(), problem })?;
        let _announced = self.0.announce(&text);
        if let Some(log) = self.0.caller.log() {
            log.line("# the command has the terminal: its output is not in this log");
        }
        let started = self.0.start_on(&terminal);
        let mut child = started.map_err(|source| CommandError::Start { command: start, source })?;
        match within(timeout, terminal.wait(&mut child)).await {
            Ok(status) => Ok(status),
            Err(cut) => Err(child.cut(cut, text).await),
        }
    }
}

impl TaskCommand {
    /// Starts the command on the terminal, in a foreground process group of its own.
    fn start_on(self, terminal: &Terminal) -> io::Result<Child> {
        let mut command = self.plain();
        let end = || terminal.tty.try_clone().map(Stdio::from);
        command.stdin(end()?).stdout(end()?).stderr(end()?).process_group(0);
        terminal.stop_writers()?;
        let child = Child::start_silent(command, Feed::Nothing);
        // The command gets the terminal before it has written to it, so that the answer to its
        // first question reaches the command.
        terminal.give(child.as_ref().ok())?;
        child
    }
}

/// The terminal and the state in which it was taken. Dropping it gives the terminal back to this
/// process.
struct Terminal {
    tty: File,
    own: Pid,
    settings: Termios,
}

impl Terminal {
    fn take() -> Result<Self, &'static str> {
        let tty = File::options().read(true).write(true).open("/dev/tty").map_err(|_| "the process has no terminal")?;
        let own = getpgrp();
        if tcgetpgrp(&tty).ok() != Some(own) {
            return Err("the process is not in its foreground");
        }
        let settings = tcgetattr(&tty).map_err(|_| "its settings cannot be read")?;
        call_hook(true);
        Ok(Self { tty, own, settings })
    }

    /// Makes the terminal stop background processes that write to it.
    fn stop_writers(&self) -> io::Result<()> {
        let mut settings = self.settings.clone();
        settings.local_modes |= LocalModes::TOSTOP;
        Ok(tcsetattr(&self.tty, OptionalActions::Now, &settings)?)
    }

    /// Gives the foreground to a command and continues it. The command was stopped if it used the
    /// terminal before it had the foreground.
    fn give(&self, child: Option<&Child>) -> io::Result<()> {
        let group = child.and_then(Child::pid).and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        self.set_foreground(group.unwrap_or(self.own))?;
        if let Some(group) = group {
            kill_process_group(group, Signal::CONT)?;
        }
        Ok(())
    }

    /// Sets the foreground group and restores the settings. The system stops a background process
    /// that does this, unless it blocks SIGTTOU.
    fn set_foreground(&self, group: Pid) -> io::Result<()> {
        let mut signals = SigSet::empty();
        signals.add(NixSignal::SIGTTOU);
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let set = tcsetpgrp(&self.tty, group);
        // A command that was killed may have left the terminal without echo. An error means that
        // the terminal is gone.
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.settings);
        before.thread_set_mask()?;
        Ok(set?)
    }

    /// Waits for the end of a command that has the terminal. If the terminal stops the command, the
    /// process stops, too.
    async fn wait(&self, child: &mut Child) -> Result<ExitStatus, Cut> {
        loop {
            let ended = tokio::time::timeout(POLL_INTERVAL, child.wait()).await;
            match ended {
                Ok(ended) => return ended,
                Err(_) if is_stopped(child) => self.stop_with(child).await.map_err(Cut::Lost)?,
                Err(_) => {}
            }
        }
    }

    /// Stops the process after the terminal has stopped the command. Continues the command once the
    /// process has the foreground again.
    async fn stop_with(&self, child: &Child) -> io::Result<()> {
        self.set_foreground(self.own)?;
        kill_current_process_group(Signal::TSTP)?;
        loop {
            // A process that handles SIGTSTP itself stops a little later.
            tokio::time::sleep(3 * POLL_INTERVAL).await;
            if tcgetpgrp(&self.tty).is_ok_and(|group| group == self.own) {
                return self.give(Some(child));
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // An error means that the terminal is gone.
        let _ = self.set_foreground(self.own);
        call_hook(false);
    }
}

/// Returns whether a signal has stopped a command since the last check.
fn is_stopped(child: &Child) -> bool {
    let pid = child.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
    pid.is_some_and(|pid| {
        waitid(WaitId::Pid(pid), options).is_ok_and(|status| status.is_some_and(|status| status.stopped()))
    })
}
