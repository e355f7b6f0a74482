//! Resources: things of a machine with a state that can be observed and applied.

mod registry;
mod restore;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

pub(crate) use registry::{AnyResource, decode};
pub use registry::{ResourceType, has_own, is_built_in};
pub use restore::{KeptFile, Restore};

use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure, ResourceData};
use crate::resources::Content;

/// A thing of a machine with a state that can be observed and applied. It is plain data, which travels to the agent. The methods run
/// there.
///
/// A resource of your own is registered with [`register_resource!`](crate::register_resource). Your own binary is then the agent.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use setup_tasks_agent::far::{Attributes, Far};
/// use setup_tasks_agent::protocol::Difference;
/// use setup_tasks_agent::resource::Resource;
/// use setup_tasks_agent::{Result, register_resource};
///
/// /// The message of the day.
/// #[derive(Serialize, Deserialize)]
/// struct Motd(String);
///
/// impl Resource for Motd {
///     const KIND: &str = "example::motd";
///
///     fn name(&self) -> String {
///         "message of the day".into()
///     }
///
///     fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
///         let text = far.read_text("/etc/motd")?;
///         let differs = text.as_deref() != Some(&self.0);
///         Ok(differs.then(|| Difference::new("/etc/motd", "text differs")).into_iter().collect())
///     }
///
///     fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
///         far.write("/etc/motd", self.0.as_bytes(), Attributes::default())
///     }
///
///     fn undo(&self, far: &mut Far) -> Result<()> {
///         far.remove("/etc/motd").map(drop)
///     }
/// }
///
/// register_resource!(Motd);
/// ```
pub trait Resource: Serialize + DeserializeOwned + 'static {
    /// The kind, by which the agent finds the code. Names with `::` are free for your own resources.
    const KIND: &'static str;

    /// Whether it has no state to observe, such as a restart. It is then applied without an observation.
    const ACTION: bool = false;

    /// Whether [`undo`](Self::undo) can take it away again. A task with a resource of a type without an undo cannot be declared as
    /// undone.
    const HAS_UNDO: bool = true;

    /// Returns whether this one is an action. The default is [`ACTION`](Self::ACTION).
    fn is_action(&self) -> bool {
        Self::ACTION
    }

    /// Returns whether an action has something to do. An action that has nothing to do counts as unchanged. By default, it always has.
    ///
    /// # Errors
    ///
    /// The state of the machine cannot be read.
    fn is_due(&self, _far: &mut Far) -> Result<bool> {
        Ok(true)
    }

    /// Returns the time within which the machine must answer again, if applying this restarts it. The controller calls this.
    fn restart(&self) -> Option<Duration> {
        None
    }

    /// Returns a name for people, such as `user deploy`. It must not contain secrets.
    fn name(&self) -> String;

    /// Returns all differences between the machine and this resource. It changes nothing. An action returns none.
    ///
    /// # Errors
    ///
    /// The state cannot be read, or the resource can never be as it is described.
    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>>;

    /// Removes the differences. Afterwards, [`observe`](Self::observe) must return none.
    ///
    /// # Errors
    ///
    /// The machine cannot be changed.
    fn apply(&self, far: &mut Far, differences: &[Difference]) -> Result<()>;

    /// Takes the resource away again. If there is nothing to take away, it does nothing.
    ///
    /// # Errors
    ///
    /// The machine cannot be changed, or the resource has no undo.
    fn undo(&self, far: &mut Far) -> Result<()>;

    /// Announces the data that [`observe`](Self::observe) is going to need, so that one query can serve all resources of a request.
    fn prepare(&self, _far: &mut Far) {}

    /// Returns the data by which the controller asks for the differences. Content of files can be left out of it, since its hash
    /// suffices. The default is all data.
    fn question(&self) -> ResourceData {
        ResourceData::of(self)
    }

    /// Returns the content of the files of the resource, with their paths. The controller transfers what is long before the resource is
    /// applied, and shows the difference of texts.
    fn contents(&self) -> Vec<(String, Content)> {
        Vec::new()
    }

    /// Returns the steps that restore the current state, for a guarded change.
    ///
    /// # Errors
    ///
    /// The resource cannot be guarded.
    fn keep(&self, _far: &mut Far) -> Result<Vec<Restore>> {
        Err(Failure::new("guard the change", Cause::Refused("this resource cannot be guarded".into())))
    }
}

impl ResourceData {
    /// Returns the data of a resource.
    ///
    /// # Panics
    ///
    /// Panics if the `Serialize` of a resource of your own fails.
    pub fn of<R: Resource>(resource: &R) -> Self {
        let fields = postcard::to_stdvec(resource).expect("the fields of a resource can be serialized");
        Self { kind: R::KIND.to_owned(), fields: ByteBuf::from(fields) }
    }
}

/// Returns the failure of an undo that does not exist.
pub(crate) fn no_undo(reason: &str) -> Failure {
    Failure::new("take it away", Cause::Refused(reason.to_owned()))
}
