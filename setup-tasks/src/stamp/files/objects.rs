//! The ids and the types of the objects, with one file per object. The first change of an object
//! writes its file.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::shared::Shared;
use super::{json, parse, replace};
use crate::fs::hashed_name;
use crate::private_dir::PrivateDir;
use crate::stamp::{StampError, StoredObject};

/// The directory of the files.
const OBJECTS: &str = "objects";
const ENDING: &str = ".json";

/// The content of a file.
#[derive(PartialEq, Serialize, Deserialize)]
struct Identity {
    /// The `stamp_subdir` of the object.
    object: String,
    id: String,
    #[serde(rename = "type")]
    type_name: String,
}

/// Returns the name of an object's file.
fn file_name(object: &str) -> String {
    hashed_name(object, ENDING)
}

fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StampError {
    let path = path.into();
    move |error| StampError::io(action, path, error)
}

impl Shared {
    /// Keeps the id and the type of an object. The caller must hold the lock.
    pub(super) fn identify(&self, object: &str, id: &str, type_name: &str) -> Result<(), StampError> {
        let [object, id, type_name] = [object, id, type_name].map(str::to_owned);
        let (name, identity) = (file_name(&object), Identity { object, id, type_name });
        let directory = self.directory()?;
        let directory = directory.make(OBJECTS).map_err(io("create the directory", directory.path().join(OBJECTS)))?;
        // A file that is not written again becomes private, too.
        directory.check(&name, true, false).map_err(io("make private", directory.path().join(&name)))?;
        if read(&directory, &name)?.is_some_and(|known| known == identity) {
            return Ok(());
        }
        replace(&directory, &name, &json(&directory.path().join(&name), &identity)?, None)
    }

    /// Forgets the id and the type of an object. The caller must hold the lock.
    pub(super) fn retire(&self, object: &str) -> Result<(), StampError> {
        let Some(directory) = find(&*self.directory()?)? else { return Ok(()) };
        let name = file_name(object);
        directory.remove(&name).map_err(io("remove", directory.path().join(&name)))
    }

    /// Returns the objects that have a file.
    pub(super) fn objects(&self) -> Result<Vec<StoredObject>, StampError> {
        let directory = self.existing()?.map_or(Ok(None), |directory| find(&directory))?;
        let Some(directory) = directory else { return Ok(Vec::new()) };
        let names = directory.names().map_err(io("read the directory", directory.path()))?;
        let names = names.iter().filter_map(|name| name.to_str()).filter(|name| name.ends_with(ENDING));
        let mut objects = Vec::new();
        for name in names {
            // Another process may have retired the object meanwhile.
            if let Some(Identity { object, id, type_name }) = read(&directory, name)? {
                objects.push(StoredObject::new(object).identified(id, type_name));
            }
        }
        objects.sort_unstable();
        Ok(objects)
    }
}

fn find(directory: &PrivateDir) -> Result<Option<PrivateDir>, StampError> {
    directory.find(OBJECTS).map_err(io("open the directory", directory.path().join(OBJECTS)))
}

fn read(directory: &PrivateDir, name: &str) -> Result<Option<Identity>, StampError> {
    let path = directory.path().join(name);
    let text = directory.read(name).map_err(io("read", &path))?;
    text.map(|text| parse(&path, &text)).transpose()
}
