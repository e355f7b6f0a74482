//! The start of the agent on a machine: over a shared connection or another, as another user, copied first if it is not there.

mod scan;
mod script;
mod sudo;

use std::time::Duration;

use scan::{Scanner, Stage};
use script::Start;
use setup_tasks::error::Excerpt;
use setup_tasks_agent::protocol::{Hash, HelloError, Nonce, VERSION};
use sudo::Sudo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::error::MachineError;
use crate::machine::Settings;
use crate::session::Requests;
use crate::transport::{Channel, Sharing, Transport};

/// The time without any answer after which a machine is given up, besides the time for the connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// The greatest number of copies: one per place, and one for a broken copy.
const COPIES: usize = 4;
/// The time before the second attempt to connect to a server that is starting.
const PAUSE: Duration = Duration::from_secs(1);

/// A running agent.
pub(crate) struct Greeted {
    pub(crate) channel: Channel,
    /// The bytes that followed the hello.
    pub(crate) rest: Vec<u8>,
}

/// The result of an attempt to start the agent.
enum Attempt {
    /// The agent runs.
    Greeted(Box<Greeted>),
    /// The place with this number has no space.
    Short(usize),
    /// The copy on the machine is another binary.
    Stale,
}

/// Starts the agent on a machine. The first requests go out together with the connection, where nothing else reads the same input.
pub(crate) async fn start(
    settings: &Settings,
    sharing: Sharing,
    requests: &mut Requests,
) -> Result<Greeted, MachineError> {
    settings.check()?;
    if let Transport::InProcess(_) = settings.transport() {
        let channel = settings.transport().open_in_process(settings.name())?;
        return Ok(Greeted { channel, rest: Vec::new() });
    }
    let agents = settings.agents()?;
    if agents.all().is_empty() {
        let no_binary = || MachineError::NoBinary { machine: settings.name().to_owned() };
        return Err(agents.broken().unwrap_or_else(no_binary));
    }
    let (mut sharing, mut has_paused) = (sharing, false);
    let (mut skip, mut replace) = (0, false);
    let mut skipped = Vec::new();
    let mut copies = 0;
    loop {
        let start = Start { nonce: nonce(), agents: &agents, skip, replace };
        requests.rewind();
        let mut greeting = Greeting::open(settings, start, sharing, requests).await?;
        match greeting.run(&mut skipped).await {
            Ok(Attempt::Greeted(greeted)) => return Ok(*greeted),
            Ok(Attempt::Short(place)) if copies < COPIES => skip = place,
            Ok(Attempt::Stale) if copies < COPIES && !replace => replace = true,
            Ok(_) => return Err(greeting.broken("its copy is another binary each time".to_owned()).await),
            // A shared connection can be broken, or the server can accept no further session of it.
            Err(error) if sharing == Sharing::Shared && greeting.channel_was_reused && !error.concerns_rights() => {
                tracing::debug!(
                    machine = settings.name(),
                    "connects again, since the shared connection failed: {error}"
                );
                if matches!(error, MachineError::NoAnswer { .. }) {
                    settings.transport().forget().await;
                }
                sharing = Sharing::Own;
            }
            Err(error) if error.is_passing() && !has_paused => {
                tracing::debug!(machine = settings.name(), "connects again in a moment: {error}");
                has_paused = true;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
        copies += 1;
    }
}

/// Returns a random nonce.
fn nonce() -> Nonce {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    Nonce(bytes)
}

/// Returns the text of another program without secrets.
fn excerpt(text: &str) -> Option<Excerpt> {
    Excerpt::new(setup_tasks::secret::redact(text))
}

/// Returns the error of a connection that nobody waits for any more.
fn abandoned(settings: &Settings) -> MachineError {
    MachineError::Lost { machine: settings.name().to_owned(), reason: "nobody uses it".to_owned(), output: None }
}

/// The progress of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Connecting,
    /// The script has begun on the machine.
    Begun,
    /// The binary was sent.
    Sent,
}

/// An attempt to start the agent.
struct Greeting<'a> {
    settings: &'a Settings,
    channel: Option<Channel>,
    channel_was_reused: bool,
    start: Start<'a>,
    scanner: Scanner,
    requests: &'a mut Requests,
    /// Whether requests can precede the hello: the script, or the agent, is the only reader of the input.
    goes_ahead: bool,
    sudo: Option<Sudo<'a>>,
    step: Step,
    /// The time for the next step.
    patience: Duration,
    began: Instant,
}

impl<'a> Greeting<'a> {
    async fn open(
        settings: &'a Settings,
        start: Start<'a>,
        sharing: Sharing,
        requests: &'a mut Requests,
    ) -> Result<Self, MachineError> {
        let sudo = settings.become_user().map(|user| Sudo::new(user, settings.password(), start.nonce));
        let argv = start.argv(settings.become_user(), sudo.as_ref().and_then(Sudo::prompt));
        let channel = settings.transport().open(settings.name(), &argv, sharing).await?;
        // Sudo takes the next line for the password.
        let goes_ahead = sudo.as_ref().and_then(Sudo::prompt).is_none();
        // A shared connection that no longer works is found out soon.
        let patience = settings.connect_timeout() + if channel.is_reused { Duration::ZERO } else { PATIENCE };
        Ok(Self {
            settings,
            channel_was_reused: channel.is_reused,
            channel: Some(channel),
            start,
            scanner: Scanner::new(start.nonce),
            requests,
            goes_ahead,
            sudo,
            step: Step::Connecting,
            patience,
            began: Instant::now(),
        })
    }

    /// Follows the steps of the script until the agent runs.
    async fn run(&mut self, skipped: &mut Vec<String>) -> Result<Attempt, MachineError> {
        let mut part = vec![0; 16 << 10];
        loop {
            let count = self.read(&mut part).await?;
            if count == 0 {
                return Err(self.ended().await);
            }
            let mut input = &part[..count];
            while let Some(stage) = self.scanner.next(&mut input).map_err(|error| self.unreadable(&error))? {
                if self.step == Step::Connecting {
                    self.step = Step::Begun;
                }
                match stage {
                    Stage::Skipped(reason) => skipped.push(reason),
                    Stage::Need { .. } if self.step == Step::Sent => {
                        return Err(self.broken("it requests its copy a second time".to_owned()).await);
                    }
                    Stage::Need { system, unpacks, .. } => self.send(&system, unpacks).await?,
                    Stage::Short { place, reason } => {
                        skipped.push(reason);
                        return Ok(Attempt::Short(place));
                    }
                    Stage::Nowhere => return Err(self.nowhere(skipped)),
                    Stage::Hello(hello) if hello.version != VERSION || !self.is_known(hello.hash) => {
                        return Ok(Attempt::Stale);
                    }
                    Stage::Hello(_) => {
                        let channel = self.channel.take().expect("it is taken once");
                        return Ok(Attempt::Greeted(Box::new(Greeted { channel, rest: input.to_vec() })));
                    }
                }
            }
        }
    }

    fn is_known(&self, hash: Hash) -> bool {
        self.start.agents.all().iter().any(|binary| binary.hash == hash)
    }

    /// Reads a part of the output, and answers sudo in the meantime.
    async fn read(&mut self, part: &mut [u8]) -> Result<usize, MachineError> {
        loop {
            let Self { channel, sudo, settings, patience, began, requests, goes_ahead, .. } = self;
            let channel = channel.as_mut().expect("it is taken at the end");
            tokio::select! {
                biased;
                read = channel.stdout.read(part) => return Ok(read.unwrap_or(0)),
                () = channel.errors.more() => {
                    let Some(sudo) = sudo else { continue };
                    let wrong = |()| MachineError::WrongPassword { machine: settings.name().to_owned() };
                    if let Some(line) = sudo.answer(&channel.errors.text()).map_err(wrong)? {
                        // An error means that the program has ended, which the next read notices.
                        let _ = channel.stdin.write_all(&line).await;
                        let _ = channel.stdin.flush().await;
                        (*began, *patience) = (Instant::now(), PATIENCE);
                    }
                }
                request = requests.ahead(), if *goes_ahead => {
                    let Some(request) = request else { return Err(abandoned(settings)) };
                    // An error means that the connection has ended, which the next read notices.
                    let _ = channel.stdin.write_all(request).await;
                    let _ = channel.stdin.flush().await;
                }
                () = tokio::time::sleep_until(*began + *patience) => {
                    let limit = *patience;
                    let output = excerpt(&channel.errors.text());
                    return Err(MachineError::NoAnswer { machine: settings.name().to_owned(), limit, output });
                }
            }
        }
    }

    /// Sends the binary for a system.
    async fn send(&mut self, system: &str, unpacks: bool) -> Result<(), MachineError> {
        let (nonce, machine) = (self.start.nonce, self.settings.name());
        let no_agent = || MachineError::NoAgent { machine: machine.to_owned(), system: system.to_owned() };
        let binary = self.start.agents.for_system(system)?.ok_or_else(no_agent)?;
        let packed = if unpacks && self.settings.transport().can_be_cut() { binary.packed().await } else { None };
        let bytes = packed.as_ref().unwrap_or(&binary.bytes);
        tracing::info!(
            machine,
            "copies the agent of {} KiB, {} KiB on the way",
            binary.bytes.len() >> 10,
            bytes.len() >> 10
        );
        // The script skips what was sent before this line. It is sent again after the hello.
        self.goes_ahead = false;
        self.step = Step::Sent;
        self.requests.rewind();
        let go = match &packed {
            Some(packed) => format!("\n{nonce} {}\n", packed.len()),
            None => format!("\n{nonce}\n"),
        };
        let channel = self.channel.as_mut().expect("it is taken at the end");
        let sent = async {
            channel.stdin.write_all(go.as_bytes()).await?;
            for part in bytes.chunks(256 << 10) {
                channel.stdin.write_all(part).await?;
                (self.began, self.patience) = (Instant::now(), PATIENCE);
            }
            channel.stdin.flush().await
        };
        // An error means that the script has ended; its last step or the output of the connection has the reason.
        let _: std::io::Result<()> = tokio::time::timeout(PATIENCE.saturating_mul(20), sent).await.unwrap_or(Ok(()));
        Ok(())
    }

    /// Returns the error of a channel that ended before the agent began.
    async fn ended(&mut self) -> MachineError {
        let machine = self.settings.name().to_owned();
        let channel = self.channel.as_mut().expect("it is taken at the end");
        let status = tokio::time::timeout(Duration::from_secs(2), channel.child.wait()).await;
        let errors = channel.errors.finish().await;
        if let Some(error) = self.sudo.as_ref().and_then(|sudo| sudo.error(&machine, errors.as_ref())) {
            return error;
        }
        let code = status.ok().and_then(Result::ok).and_then(|status| status.code());
        let is_connection = self.step == Step::Connecting && self.settings.transport().failed_with(code);
        let output = errors.or_else(|| excerpt(&self.scanner.noise()));
        if is_connection {
            return MachineError::Connect { machine, output };
        }
        let problem = match code {
            Some(code) => format!("it ended with code {code} before its hello"),
            None => "it ended before its hello".to_owned(),
        };
        MachineError::Agent { machine, problem, output }
    }

    async fn broken(&mut self, problem: String) -> MachineError {
        let output = match &mut self.channel {
            Some(channel) => channel.errors.finish().await,
            None => None,
        };
        MachineError::Agent { machine: self.settings.name().to_owned(), problem, output }
    }

    fn unreadable(&self, error: &HelloError) -> MachineError {
        let output = excerpt(&self.scanner.noise());
        MachineError::Agent { machine: self.settings.name().to_owned(), problem: error.to_string(), output }
    }

    fn nowhere(&self, skipped: &[String]) -> MachineError {
        MachineError::NoPlace { machine: self.settings.name().to_owned(), tried: Excerpt::new(skipped.join("\n")) }
    }
}
