//! Tests of the floors of the runtime, which ARCHITECTURE.md lists. A file may import only from its
//! own floor or from a lower one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Attribute, Item, Meta, Token, UseTree, Visibility};

#[test]
fn imports_lead_to_the_same_floor_or_a_lower_one() {
    let (floors, sources) = (Floors::read(), Sources::read());
    let mut upward = BTreeSet::new();
    for import in &sources.imports {
        let from = &sources.modules[&import.module].file;
        let Some(to) = sources.file_of(&import.module, &import.path) else { continue };
        let (Some(low), Some(high)) = (floors.of(from), floors.of(to)) else { continue };
        if high > low {
            let name = import.path.join("::");
            upward.insert(format!("{from} (floor {low}) imports `{name}` of {to} (floor {high})"));
        }
    }
    assert!(upward.is_empty(), "these imports lead up: {upward:#?}");
}

#[test]
fn each_file_of_the_runtime_is_on_one_floor() {
    let (floors, sources) = (Floors::read(), Sources::read());
    let files: BTreeSet<_> = sources.modules.values().map(|module| &*module.file).collect();
    let homeless: Vec<_> = files.iter().filter(|file| floors.entry(file).is_none()).collect();
    assert!(homeless.is_empty(), "the table of floors does not list {homeless:?}");
    let stale = |place: &&String| !files.iter().any(|file| is_within(file, place));
    let stale: Vec<_> = floors.0.keys().filter(stale).collect();
    assert!(stale.is_empty(), "the table of floors lists what does not exist: {stale:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The floors by file or folder.
struct Floors(BTreeMap<String, Floor>);

#[derive(Clone, Copy)]
enum Floor {
    Number(u32),
    Outside,
}

impl Floors {
    /// Reads the table under the heading `Floors` of ARCHITECTURE.md.
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
        let (_, section) = text.split_once("\n## Floors\n").expect("a section about floors");
        let section = section.split("\n## ").next().unwrap_or_default();
        let mut floors = BTreeMap::new();
        for line in section.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let (floor, files) = (cells.next().unwrap(), cells.next().unwrap());
            let number = floor.split(' ').next().and_then(|number| number.parse().ok());
            let floor = number.map_or(Floor::Outside, Floor::Number);
            for place in files.split('`').skip(1).step_by(2) {
                assert!(floors.insert(place.to_owned(), floor).is_none(), "`{place}` is on two floors");
            }
        }
        Self(floors)
    }

    /// Returns the most specific entry for the file.
    fn entry(&self, file: &str) -> Option<Floor> {
        let entries = self.0.iter().filter(|(place, _)| is_within(file, place));
        entries.max_by_key(|(place, _)| place.len()).map(|(_, floor)| *floor)
    }

    fn of(&self, file: &str) -> Option<u32> {
        match self.entry(file)? {
            Floor::Number(number) => Some(number),
            Floor::Outside => None,
        }
    }
}

/// Returns whether a file is the entry itself, or is in the folder of that name.
fn is_within(file: &str, place: &str) -> bool {
    file == place || (place.ends_with('/') && file.starts_with(place))
}

/// The path of a module or of an imported item.
type Names = Vec<String>;

struct Module {
    /// The path of the file, relative to `setup-tasks/src`.
    file: String,
    /// The names that the `use` items bind, with the paths to which they refer.
    bindings: HashMap<String, Names>,
    globs: Vec<Names>,
}

struct Import {
    module: Names,
    path: Names,
}

/// The modules of the runtime without tests, and all their paths that begin within the crate.
#[derive(Default)]
struct Sources {
    modules: HashMap<Names, Module>,
    imports: Vec<Import>,
}

impl Sources {
    fn read() -> Self {
        let mut sources = Self::default();
        sources.add_file(Vec::new(), "lib.rs");
        sources
    }

    fn add_file(&mut self, module: Names, file: &str) {
        let text = std::fs::read_to_string(root().join("setup-tasks/src").join(file)).unwrap();
        let items = syn::parse_file(&text).unwrap().items;
        self.add_module(module, file, &items);
    }

    fn add_module(&mut self, module: Names, file: &str, items: &[Item]) {
        let (bindings, globs) = (HashMap::new(), Vec::new());
        self.modules.insert(module.clone(), Module { file: file.to_owned(), bindings, globs });
        let children: BTreeSet<_> = items.iter().filter_map(child).collect();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            match item {
                Item::Mod(inner) => {
                    let path = [&*module, &[inner.ident.to_string()]].concat();
                    match &inner.content {
                        Some((_, items)) => self.add_module(path, file, items),
                        None => self.add_file(path, &file_of_module(file, inner)),
                    }
                }
                Item::Use(import) => {
                    let mut paths = Vec::new();
                    flatten(&import.tree, &mut Vec::new(), &mut paths);
                    let is_public = !matches!(import.vis, Visibility::Inherited);
                    for (name, path) in paths {
                        let first = path.iter().find(|name| *name != "self").cloned().unwrap_or_default();
                        let entry = self.modules.get_mut(&module).unwrap();
                        match name {
                            Some(name) => _ = entry.bindings.insert(name, path.clone()),
                            None => entry.globs.push(path.clone()),
                        }
                        // A re-export from a child module is not an import.
                        if !(is_public && children.contains(&first)) {
                            self.imports.push(Import { module: module.clone(), path });
                        }
                    }
                }
                item => {
                    let mut paths = Paths::default();
                    paths.visit_item(item);
                    let import = |path| Import { module: module.clone(), path };
                    self.imports.extend(paths.0.into_iter().map(import));
                }
            }
        }
    }

    /// Returns the file that defines the last name of a path, or the last name that can be resolved.
    fn file_of(&self, module: &Names, path: &[String]) -> Option<&str> {
        let found = self.follow(module, path, 0)?;
        Some(&self.modules[&found].file)
    }

    /// Returns the module at a path, or the module that defines the item at a path. Returns `None`
    /// for a path into another crate.
    fn follow(&self, module: &Names, path: &[String], depth: usize) -> Option<Names> {
        let mut rest = path;
        let mut at = match &*path[0] {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len() - 1].to_vec(),
            first => {
                let child = [&**module, &[first.to_owned()]].concat();
                let is_here = self.modules.contains_key(&child) || self.modules[module].bindings.contains_key(first);
                if !is_here || depth > 16 {
                    return None;
                }
                return self.descend(module.clone(), rest, depth);
            }
        };
        rest = &rest[1..];
        while rest.first().is_some_and(|name| name == "super") {
            at.pop();
            rest = &rest[1..];
        }
        self.descend(at, rest, depth)
    }

    fn descend(&self, mut at: Names, names: &[String], depth: usize) -> Option<Names> {
        for (i, name) in names.iter().enumerate() {
            let child = [&*at, std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&child) {
                at = child;
                continue;
            }
            let module = &self.modules[&at];
            if let Some(path) = module.bindings.get(name).filter(|path| path[0] != *name || path.len() > 1) {
                let target = self.follow(&at, path, depth + 1)?;
                return self.descend(target, &names[i + 1..], depth + 1);
            }
            return Some(at);
        }
        Some(at)
    }
}

/// The paths within an item that begin with `crate`, `self` or `super`.
#[derive(Default)]
struct Paths(Vec<Names>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 && ["crate", "self", "super"].contains(&&*names[0]) {
            self.0.push(names);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // The arguments of most macros of this crate are expressions.
        let arguments = Punctuated::<syn::Expr, Token![,]>::parse_terminated;
        if let Ok(arguments) = arguments.parse2(call.tokens.clone()) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }
}

fn child(item: &Item) -> Option<String> {
    if let Item::Mod(module) = item { Some(module.ident.to_string()) } else { None }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns whether the attributes keep an item out of everything but tests.
fn is_test(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let words = list.tokens.to_string();
            words == "test" || words.replace(' ', "").starts_with("all(test,")
        }
        _ => false,
    };
    attributes.iter().any(is_test)
}

/// Returns the file of `mod name;` in a file.
fn file_of_module(file: &str, module: &syn::ItemMod) -> String {
    let path = Path::new(file);
    let folder = path.parent().unwrap();
    let named = module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("path") => match &meta.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) => Some(folder.join(name.value())),
            _ => None,
        },
        _ => None,
    });
    let stem = path.file_stem().unwrap();
    let below = if stem == "mod" || stem == "lib" { folder.to_owned() } else { folder.join(stem) };
    let name = module.ident.to_string();
    let of = [below.join(format!("{name}.rs")), below.join(&name).join("mod.rs")];
    let exists = |file: &PathBuf| root().join("setup-tasks/src").join(file).exists();
    let file = named.or_else(|| of.into_iter().find(exists)).unwrap_or_else(|| panic!("no file of `{name}` in {file}"));
    file.to_str().unwrap().replace('\\', "/")
}

/// Lists the paths of a `use` tree, each with the name that it binds, or none for a glob.
fn flatten(tree: &UseTree, prefix: &mut Names, paths: &mut Vec<(Option<String>, Names)>) {
    let with = |prefix: &Names, last: &str| [&**prefix, &[last.to_owned()]].concat();
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, paths);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => paths.push((prefix.last().cloned(), prefix.clone())),
        UseTree::Name(name) => paths.push((Some(name.ident.to_string()), with(prefix, &name.ident.to_string()))),
        UseTree::Rename(name) => paths.push((Some(name.rename.to_string()), with(prefix, &name.ident.to_string()))),
        UseTree::Glob(_) => paths.push((None, prefix.clone())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, paths)),
    }
}
