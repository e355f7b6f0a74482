//! The hosts to which objects are bound.

use std::collections::HashMap;

use glob::Pattern;
use tokio::sync::OnceCell;

use super::WorkersError;
use crate::layout::Layout;
use crate::object::AnyObject;

/// The places of the objects of a layout. The first question reads the bindings.
#[derive(Debug)]
pub(in crate::fleet) struct Places {
    layout: Layout,
    read: OnceCell<Rules>,
}

/// The rules of a layout about places.
#[derive(Debug)]
struct Rules {
    /// The patterns of the configuration with their hosts, the longest pattern first.
    patterns: Vec<(Pattern, String)>,
    /// The hosts where files of objects are, by subdir.
    bindings: HashMap<String, String>,
}

impl Places {
    pub(in crate::fleet) fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), read: OnceCell::new() }
    }

    /// Returns the host of an object, or `None` for an object that runs anywhere. The host of the object itself comes before the
    /// configuration, and that before the host where files of the object are.
    pub(in crate::fleet) async fn host(&self, object: &AnyObject) -> Result<Option<String>, WorkersError> {
        if let Some(own) = object.host() {
            return Ok(Some(own.to_owned()));
        }
        let rules = self.read.get_or_try_init(|| self.rules()).await?;
        let placement = &self.layout.config().placement;
        let by_pattern =
            || rules.patterns.iter().find(|(pattern, _)| pattern.matches(object.id())).map(|(_, host)| host);
        let bound = || rules.bindings.get(object.stamp_subdir());
        Ok(placement.get(object.id()).or_else(by_pattern).or_else(bound).cloned())
    }

    /// Returns the host of the object with a subdir, unless that is this host.
    pub(in crate::fleet) async fn elsewhere(&self, subdir: &str) -> Result<Option<String>, WorkersError> {
        let (Some(object), Some(hosts)) = (self.layout.at_subdir(subdir), self.layout.hosts()) else { return Ok(None) };
        Ok(self.host(&object).await?.filter(|host| *host != hosts.here()))
    }

    async fn rules(&self) -> Result<Rules, WorkersError> {
        let config = self.layout.config();
        let mut patterns: Vec<_> =
            config.placement.iter().map(|(pattern, host)| rule(pattern, host)).collect::<Result<_, _>>()?;
        patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.as_str().len()));
        let bindings = match self.layout.hosts() {
            Some(hosts) if !config.shared_files => hosts.bindings().await?,
            _ => HashMap::new(),
        };
        Ok(Rules { patterns, bindings })
    }
}

fn rule(pattern: &str, host: &str) -> Result<(Pattern, String), WorkersError> {
    let problem = |error: glob::PatternError| WorkersError::Placement {
        pattern: pattern.to_owned(),
        problem: error.msg.to_owned(),
    };
    Ok((Pattern::new(pattern).map_err(problem)?, host.to_owned()))
}
