//! The selection of objects that are no longer in the layout.

use super::{FleetError, nothing};
use crate::layout::{Layout, Orphan};
use crate::work::ObjectName;

impl Layout {
    /// Returns the [orphans](Self::orphans) and the retired objects that are down, as far as something
    /// of them is left. Each name selects one by its id, or all whose id matches a pattern (`*`, `?`,
    /// `[ab]`). Without names, returns all of them.
    ///
    /// # Errors
    ///
    /// Returns an error if a pattern is malformed, if a name selects nothing, or if the store cannot
    /// be read.
    pub async fn orphans_named(&self, names: &[String]) -> Result<Vec<Orphan>, FleetError> {
        let mut orphans = self.orphans().await?;
        orphans.extend(self.retired_left().await?);
        let mut selected = Vec::new();
        for name in names {
            let is_id = orphans.iter().any(|orphan| orphan.id() == name);
            let pattern = if is_id { ObjectName::Id(name.as_str().into()) } else { ObjectName::new(name, self)? };
            if !orphans.iter().any(|orphan| pattern.matches(orphan.id())) {
                return Err(self.unknown_orphan(name, &orphans));
            }
            selected.push(pattern);
        }
        if !selected.is_empty() {
            orphans.retain(|orphan| selected.iter().any(|name| name.matches(orphan.id())));
        }
        Ok(orphans)
    }

    fn unknown_orphan(&self, name: &str, orphans: &[Orphan]) -> FleetError {
        const WHAT: &str = "object that has left the layout is";
        if let Some(object) = self.get(name) {
            let help = if object.is_retired() {
                "it is retired and still up, or nothing of it is left; a run brings it down"
            } else {
                "it is in the layout; take it out first"
            };
            let help = help.to_owned();
            return FleetError::Nothing { what: WHAT, wanted: name.to_owned(), help };
        }
        nothing(WHAT, name, "these have left it:", orphans.iter().map(Orphan::id))
    }
}
