//! The modules of a library, and the resolution of names within them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, UseTree};

/// The parsed modules of a library by their path, such as `setup_tasks::stamp`.
pub struct Library {
    pub name: String,
    pub modules: BTreeMap<String, Vec<Item>>,
}

/// The module and the name of a definition.
pub type Definition = (String, String);

impl Library {
    pub fn read(name: &str, source: &Path) -> Self {
        let mut library = Self { name: name.to_owned(), modules: BTreeMap::new() };
        library.read_file(name.to_owned(), &source.join("lib.rs"), source);
        library
    }

    /// Reads a file, and the files of its modules in `directory`.
    fn read_file(&mut self, path: String, file: &Path, directory: &Path) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let items = syn::parse_file(&text).unwrap().items;
        self.read_items(path, items, directory);
    }

    fn read_items(&mut self, path: String, items: Vec<Item>, directory: &Path) {
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if is_test(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let (child, below) = (format!("{path}::{name}"), directory.join(&name));
            match &module.content {
                Some((_, items)) => self.read_items(child, items.clone(), &below),
                None => {
                    let file = path_attribute(&module.attrs).map_or_else(
                        || Some(directory.join(format!("{name}.rs"))).filter(|file| file.exists()),
                        |file| Some(directory.join(file)),
                    );
                    self.read_file(child, &file.unwrap_or_else(|| below.join("mod.rs")), &below);
                }
            }
        }
        self.modules.insert(path, items);
    }

    /// Returns the definition to which a path refers within a module. For a path to a module, the
    /// name of the definition is empty. Returns `None` for a path out of the library.
    pub fn resolve(&self, module: &str, path: &[String]) -> Option<Definition> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" => Some(self.name.clone()),
            "self" => Some(module.to_owned()),
            "super" => Some(module.rsplit_once("::")?.0.to_owned()),
            _ => None,
        };
        if let Some(base) = base {
            return if rest.is_empty() { Some((base, String::new())) } else { self.resolve(&base, rest) };
        }
        let child = format!("{module}::{first}");
        if self.modules.contains_key(&child) {
            return if rest.is_empty() { Some((child, String::new())) } else { self.resolve(&child, rest) };
        }
        let items = self.modules.get(module)?;
        if rest.is_empty() && items.iter().any(|item| name_of(item).is_some_and(|name| name == *first)) {
            return Some((module.to_owned(), first.clone()));
        }
        let imports =
            items.iter().flat_map(|item| if let Item::Use(item) = item { leaves(&item.tree) } else { vec![] });
        let (target, _) = imports.into_iter().find(|(target, alias)| alias == first && target != path)?;
        match self.resolve(module, &target)? {
            (module, name) if name.is_empty() && !rest.is_empty() => self.resolve(&module, rest),
            definition => Some(definition),
        }
    }

    /// Returns the items of a definition. There can be several because a macro and a trait may share a name.
    pub fn items<'a>(&'a self, (module, name): &'a Definition) -> impl Iterator<Item = &'a Item> {
        self.modules[module].iter().filter(move |item| name_of(item).is_some_and(|own| own == *name))
    }
}

fn path_attribute(attributes: &[Attribute]) -> Option<PathBuf> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("path"))?;
    let value = &attribute.meta.require_name_value().unwrap().value;
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = value else { panic!("a path is a text") };
    Some(PathBuf::from(text.value()))
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// Returns each path that a `use` names, with the name that it gets.
pub fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let ident = path.ident.to_string();
            leaves(&path.tree)
                .into_iter()
                .map(|(mut rest, name)| {
                    if rest == ["self"] {
                        return (vec![ident.clone()], ident.clone());
                    }
                    rest.insert(0, ident.clone());
                    (rest, name)
                })
                .collect()
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => vec![(vec![rename.ident.to_string()], rename.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        // A glob would hide names from the listing. The existing globs import only traits of the
        // standard library.
        UseTree::Glob(_) => vec![],
    }
}

/// Returns the name that an item defines.
pub fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
