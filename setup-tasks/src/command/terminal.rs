//! The terminal of the process, which is handed over to one command at a time.
//!
//! Whoever draws on the terminal, as the command line of `setup-tasks-cli` does, is told by [`on_handover`] and keeps still meanwhile.

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

use super::child::{Child, Followed};
use super::running::unless_ending;
use super::{CommandError, TaskCommand};

/// How often it is looked whether the command was stopped by the terminal.
const LOOK: Duration = Duration::from_millis(100);

type Hook = Box<dyn Fn(bool) + Send>;

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
/// One command has the terminal; the others wait.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Sets what is called with `true` before the terminal is handed over to a command, and with `false` once it is back.
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
/// Its input and its outputs are the terminal, so nothing of it is in the log. A Ctrl-C is the command's own; a Ctrl-Z stops it
/// together with the run. One command has the terminal at a time.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct InteractiveCommand(pub(super) TaskCommand);

impl InteractiveCommand {
    /// Runs the command; an exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// [`CommandError`]; [`CommandError::NoTerminal`] if the process has none, or runs in its background.
    pub async fn run(self) -> Result<(), CommandError> {
        unless_ending(self.finish()).await
    }

    async fn finish(mut self) -> Result<(), CommandError> {
        let (text, limit, log) = (self.0.text(), self.0.timeout, self.0.log.take());
        let _turn = TURN.lock().await;
        let terminal =
            Terminal::take().map_err(|problem| CommandError::NoTerminal { command: text.clone(), problem })?;
        if let Some(log) = log {
            log.line(&format!("$ {text}"));
            log.line("# it has the terminal: what is said there is not in this log");
        }
        let mut child = match self.0.start_on(&terminal) {
            Ok(child) => child,
            Err(source) => return Err(CommandError::Start { command: text, source }),
        };
        let follow = terminal.follow(&mut child);
        let ended = match limit {
            None => Some(follow.await),
            Some(limit) => tokio::time::timeout(limit, follow).await.ok(),
        };
        match ended {
            Some(Ok(status)) if status.success() => Ok(()),
            Some(Ok(status)) => Err(CommandError::Failed { command: text, status, stderr: String::new() }),
            Some(Err(source)) => Err(CommandError::Lost { command: text, source }),
            None => {
                child.end().await;
                let limit = limit.unwrap_or_default();
                Err(CommandError::TimedOut { command: text, limit, stderr: String::new() })
            }
        }
    }
}

impl TaskCommand {
    /// Starts the command on the terminal, in a process group of its own that has the foreground.
    fn start_on(self, terminal: &Terminal) -> io::Result<Child> {
        let mut command = self.plain();
        let end = || terminal.tty.try_clone().map(Stdio::from);
        command.stdin(end()?).stdout(end()?).stderr(end()?).process_group(0);
        terminal.stop_writers()?;
        let child = Child::start_silent(command);
        // It gets the terminal before it has written to it: what a person answers is the command's from its first question on.
        terminal.give(child.as_ref().ok())?;
        child
    }
}

/// The terminal, as it was when it was taken. Dropped, it is back in the process's own hands.
struct Terminal {
    tty: File,
    own: Pid,
    settings: Termios,
}

impl Terminal {
    fn take() -> Result<Self, &'static str> {
        let tty = File::options().read(true).write(true).open("/dev/tty").map_err(|_| "there is none")?;
        let own = getpgrp();
        if tcgetpgrp(&tty).ok() != Some(own) {
            return Err("this process is not in its foreground");
        }
        let settings = tcgetattr(&tty).map_err(|_| "its settings cannot be read")?;
        call_hook(true);
        Ok(Self { tty, own, settings })
    }

    /// Lets the terminal stop what writes to it from the background.
    fn stop_writers(&self) -> io::Result<()> {
        let mut settings = self.settings.clone();
        settings.local_modes |= LocalModes::TOSTOP;
        Ok(tcsetattr(&self.tty, OptionalActions::Now, &settings)?)
    }

    /// Gives the foreground to a command, which was stopped if it used the terminal before it had it.
    fn give(&self, child: Option<&Child>) -> io::Result<()> {
        let group = child.and_then(Child::pid).and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        self.set_foreground(group.unwrap_or(self.own))?;
        if let Some(group) = group {
            kill_process_group(group, Signal::CONT)?;
        }
        Ok(())
    }

    /// Sets the foreground group, and the settings as they were. The system stops a process that does so from the background unless
    /// it blocks the signal for that.
    fn set_foreground(&self, group: Pid) -> io::Result<()> {
        let mut signals = SigSet::empty();
        signals.add(NixSignal::SIGTTOU);
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let set = tcsetpgrp(&self.tty, group);
        // A command that was killed may have left the terminal without echo. An error says that the terminal is gone.
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.settings);
        before.thread_set_mask()?;
        Ok(set?)
    }

    /// Waits for the end of a command that has the terminal, and stops together with it.
    async fn follow(&self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            let looked = tokio::time::timeout(LOOK, child.follow(None)).await;
            match looked {
                Ok(Ok(Followed::Ended(status))) => return Ok(status),
                Ok(Ok(Followed::TooMuchOutput)) => return Err(io::Error::other("nothing of it is captured")),
                Ok(Err(error)) => return Err(error),
                Err(_) if is_stopped(child) => self.stop_with(child).await?,
                Err(_) => {}
            }
        }
    }

    /// Stops the process, as the terminal has stopped the command; continues the command once the process has the foreground again.
    async fn stop_with(&self, child: &Child) -> io::Result<()> {
        self.set_foreground(self.own)?;
        kill_current_process_group(Signal::TSTP)?;
        loop {
            // A process that handles the signal itself stops a little later.
            tokio::time::sleep(3 * LOOK).await;
            if tcgetpgrp(&self.tty).is_ok_and(|group| group == self.own) {
                return self.give(Some(child));
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // An error says that the terminal is gone.
        let _ = self.set_foreground(self.own);
        call_hook(false);
    }
}

/// Returns whether a signal has stopped a command since this was last asked.
fn is_stopped(child: &Child) -> bool {
    let pid = child.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
    pid.is_some_and(|pid| {
        waitid(WaitId::Pid(pid), options).is_ok_and(|status| status.is_some_and(|status| status.stopped()))
    })
}
