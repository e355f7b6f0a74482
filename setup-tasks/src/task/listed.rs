//! The mixins that a type lists, as facts of the type system. A type that implements a mixin
//! without listing it is a compile error.

use crate::object::SetupTasks;

/// A mixin and the mixins that it lists. Beside each mixin trait, generated code declares a
/// constant of this type with the trait's name.
pub struct MixinId {
    module: &'static str,
    name: &'static str,
    mixins: &'static [&'static Self],
}

impl std::fmt::Debug for MixinId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MixinId").field("module", &self.module).field("name", &self.name).finish_non_exhaustive()
    }
}

impl MixinId {
    /// Describes a mixin. Generated code calls this function.
    pub const fn new(module: &'static str, name: &'static str, mixins: &'static [&'static Self]) -> Self {
        Self { module, name, mixins }
    }

    /// Returns the number that identifies the mixin: the FNV-1a hash of its path within its crate.
    /// The name of the crate is left out so that messages do not depend on it.
    pub const fn id(&self) -> u64 {
        let hash = add(add(0xcbf2_9ce4_8422_2325, self.module_in_crate()), b"::");
        // The highest numbers stand for positions without a mixin.
        add(hash, self.name.as_bytes()) >> 1
    }

    const fn module_in_crate(&self) -> &[u8] {
        let mut rest = self.module.as_bytes();
        while let [first, after @ ..] = rest {
            if *first == b':' {
                break;
            }
            rest = after;
        }
        rest
    }
}

const fn add(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

/// The largest number of mixins that are found within the mixins of one type. The type itself must
/// list further ones.
const WITHIN: usize = 64;

/// A set of mixins: first the mixins of a list, then the mixins that these list.
struct MixinSet {
    mixins: [Option<&'static MixinId>; WITHIN],
    len: usize,
}

impl MixinSet {
    const fn add(&mut self, mixins: &[&'static MixinId]) {
        let mut m = 0;
        while m < mixins.len() {
            let mut i = 0;
            while i < self.len {
                if let Some(known) = self.mixins[i]
                    && known.id() == mixins[m].id()
                {
                    break;
                }
                i += 1;
            }
            if i == self.len && i < WITHIN {
                self.mixins[i] = Some(mixins[m]);
                self.len += 1;
            }
            m += 1;
        }
    }
}

/// Returns the id of the mixin at a position in the sequence of the mixins that a type lists and
/// the mixins that these list. For a position without a mixin, returns a number that is the id of
/// no mixin.
pub const fn listed(mixins: &[&'static MixinId], place: usize) -> u64 {
    let mut found = MixinSet { mixins: [None; WITHIN], len: 0 };
    found.add(mixins);
    let mut i = 0;
    while i < found.len {
        if let Some(mixin) = found.mixins[i] {
            found.add(mixin.mixins);
        }
        i += 1;
    }
    if place < found.len
        && let Some(mixin) = found.mixins[place]
    {
        return mixin.id();
    }
    u64::MAX - place as u64
}

/// A model that lists the mixin with this id, itself or through another mixin.
#[diagnostic::on_unimplemented(
    message = "`{Self}` implements a mixin that it does not list",
    label = "this type lists no such mixin, and so has none of its tasks",
    note = "help: add the mixin to the model's attributes: `#[derive(SetupTasks)]` and `#[setup_tasks(subdir = \"…\", mixins(…))]`",
    note = "help: for a type of another crate, write `#[setup_tasks(plug_in)]` on the trait, and `setup_tasks::plug_in!(Type: Trait);`"
)]
pub trait Lists<const MIXIN: u64>: SetupTasks {}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: MixinId = MixinId::new("m", "Base", &[]);
    const MACHINE: MixinId = MixinId::new("m", "Machine", &[&BASE]);
    const BACKUP: MixinId = MixinId::new("m", "Backup", &[&BASE]);

    #[test]
    fn each_mixin_has_one_place() {
        let ids: Vec<_> = (0..5).map(|place| listed(&[&MACHINE, &BACKUP], place)).collect();
        assert_eq!(ids, [MACHINE.id(), BACKUP.id(), BASE.id(), u64::MAX - 3, u64::MAX - 4]);
    }

    #[test]
    fn ids_tell_modules_and_names_apart() {
        let ids = [("m::a", "b"), ("m::a", "c"), ("m::c", "b"), ("m", "b")]
            .map(|(module, name)| MixinId::new(module, name, &[]).id());
        let distinct: std::collections::HashSet<_> = ids.into_iter().collect();
        assert_eq!(distinct.len(), 4);
    }
}
