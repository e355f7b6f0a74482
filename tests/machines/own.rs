//! A resource of the tests. The agent of the tests has it, too.

use serde::{Deserialize, Serialize};
use setup_tasks_agent::far::{Attributes, Far};
use setup_tasks_agent::protocol::Difference;
use setup_tasks_agent::resource::Resource;
use setup_tasks_agent::{Result, register_resource};

/// The path of the greeting.
const PATH: &str = "/etc/greeting";

/// A greeting with the name of the machine, as the machine itself knows it.
#[derive(Serialize, Deserialize)]
pub struct Greeting(pub String);

impl Greeting {
    fn text(&self, far: &mut Far) -> Result<String> {
        let host = far.query("hostname").output("ask for the name")?.text().trim().to_owned();
        Ok(format!("{} from {host}\n", self.0))
    }
}

impl Resource for Greeting {
    const KIND: &str = "tests::greeting";

    fn name(&self) -> String {
        format!("greeting {}", self.0)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let (is, should_be) = (far.read_text(PATH)?, self.text(far)?);
        Ok((is.as_deref() != Some(&should_be)).then(|| Difference::new(PATH, "another greeting")).into_iter().collect())
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let text = self.text(far)?;
        far.write(PATH, text.as_bytes(), Attributes::default())
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        far.remove(PATH).map(drop)
    }
}

register_resource!(Greeting);
