//! The listing of a library: each public definition once, with its public paths, its fields and its implementations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use syn::{Attribute, Field, Fields, ImplItem, Item, ItemImpl, TraitItem, Type, Visibility};

use super::modules::{Definition, Library, leaves, name_of};

/// The public paths of each definition, and the public names of items of other crates.
#[derive(Default)]
struct Reachable {
    paths: BTreeMap<Definition, BTreeSet<String>>,
    foreign: BTreeSet<String>,
}

pub fn list(library: &Library) -> String {
    let mut reachable = Reachable::default();
    reachable.visit(library, &library.name, &library.name);
    reachable.visit_macros(library);
    let mut sections: Vec<(String, String)> = reachable
        .paths
        .iter()
        .map(|(definition, paths)| {
            // The shortest path is the one that users write.
            let mut paths: Vec<_> = paths.iter().collect();
            paths.sort_by_key(|path| (path.matches("::").count(), path.as_str()));
            let mut text = format!("// {}\n", paths[0]);
            paths[1..].iter().for_each(|path| writeln!(text, "// also {path}").unwrap());
            library.items(definition).for_each(|item| describe(item, &mut text));
            implementations(library, &reachable, definition).iter().for_each(|item| text.push_str(&print(item)));
            (paths[0].clone(), text)
        })
        .collect();
    sections.sort();
    let mut text: String = reachable.foreign.iter().map(|line| format!("// {line}\n")).collect();
    sections.iter().for_each(|(_, section)| write!(text, "\n{section}").unwrap());
    text
}

impl Reachable {
    fn visit(&mut self, library: &Library, module: &str, public: &str) {
        for item in &library.modules[module] {
            match item {
                Item::Mod(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    self.visit(library, &format!("{module}::{}", item.ident), &format!("{public}::{}", item.ident));
                }
                Item::Use(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    for (path, name) in leaves(&item.tree) {
                        self.export(library, module, &path, &format!("{public}::{name}"));
                    }
                }
                _ => {
                    if let Some(name) = visible(item) {
                        let public = format!("{public}::{name}");
                        self.add((module.to_owned(), name), public);
                    }
                }
            }
        }
    }

    /// Adds the exported macros, which are at the root wherever they are defined.
    fn visit_macros(&mut self, library: &Library) {
        for (module, items) in &library.modules {
            for item in items {
                if let Item::Macro(item) = item
                    && item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"))
                    && !is_hidden(&item.attrs)
                {
                    let name = item.ident.as_ref().unwrap().to_string();
                    self.add((module.clone(), name.clone()), format!("{}::{name}", library.name));
                }
            }
        }
    }

    fn export(&mut self, library: &Library, module: &str, path: &[String], public: &str) {
        match library.resolve(module, path) {
            Some((module, name)) if name.is_empty() => self.visit(library, &module, public),
            Some(definition) => {
                if library.items(&definition).any(|item| visible(item).is_some()) {
                    self.add(definition, public.to_owned());
                }
            }
            None => {
                self.foreign.insert(format!("{public} = {}", path.join("::")));
            }
        }
    }

    fn add(&mut self, definition: Definition, public: String) {
        self.paths.entry(definition).or_default().insert(public);
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("hidden"))
    })
}

/// Returns the name of an item that can be seen from outside its module.
fn visible(item: &Item) -> Option<String> {
    let (visibility, attributes) = match item {
        Item::Const(item) => (&item.vis, &item.attrs),
        Item::Enum(item) => (&item.vis, &item.attrs),
        Item::Fn(item) => (&item.vis, &item.attrs),
        Item::Static(item) => (&item.vis, &item.attrs),
        Item::Struct(item) => (&item.vis, &item.attrs),
        Item::Trait(item) => (&item.vis, &item.attrs),
        Item::Type(item) => (&item.vis, &item.attrs),
        _ => return None,
    };
    if is_public(visibility) && !is_hidden(attributes) { name_of(item) } else { None }
}

/// Keeps the attributes that are a part of a signature.
fn strip(attributes: &mut Vec<Attribute>) {
    let kept = ["derive", "non_exhaustive", "must_use", "cfg", "deprecated"];
    attributes.retain(|attribute| kept.iter().any(|name| attribute.path().is_ident(name)));
}

fn strip_fields(fields: &mut Fields, all_public: bool) -> bool {
    let keep = |field: &Field| (all_public || is_public(&field.vis)) && !is_hidden(&field.attrs);
    let before = fields.len();
    match fields {
        Fields::Named(fields) => fields.named = fields.named.iter().filter(|field| keep(field)).cloned().collect(),
        Fields::Unnamed(list) if list.unnamed.iter().all(keep) => {}
        Fields::Unnamed(_) => *fields = Fields::Unit,
        Fields::Unit => {}
    }
    fields.iter_mut().for_each(|field| strip(&mut field.attrs));
    fields.len() < before
}

fn empty() -> syn::Block {
    syn::parse_quote!({})
}

/// Writes the signature of an item.
fn describe(item: &Item, text: &mut String) {
    let mut item = item.clone();
    match &mut item {
        Item::Const(item) => {
            strip(&mut item.attrs);
            *item.expr = syn::parse_quote!(..);
        }
        Item::Enum(item) => {
            strip(&mut item.attrs);
            item.variants = std::mem::take(&mut item.variants).into_iter().filter(|v| !is_hidden(&v.attrs)).collect();
            for variant in &mut item.variants {
                strip(&mut variant.attrs);
                strip_fields(&mut variant.fields, true);
            }
        }
        Item::Fn(item) => {
            strip(&mut item.attrs);
            *item.block = empty();
        }
        Item::Macro(item) => {
            strip(&mut item.attrs);
            item.mac.tokens = syn::parse_quote!(() => {});
        }
        Item::Struct(item) => {
            strip(&mut item.attrs);
            if strip_fields(&mut item.fields, false) {
                text.push_str("// with private fields\n");
            }
        }
        Item::Trait(item) => {
            strip(&mut item.attrs);
            item.items = std::mem::take(&mut item.items).into_iter().filter_map(signature).collect();
        }
        Item::Type(item) => strip(&mut item.attrs),
        _ => return,
    }
    text.push_str(&print(&item));
}

/// Returns an item of a trait without its body, or `None` if it is hidden.
fn signature(mut item: TraitItem) -> Option<TraitItem> {
    let attributes = match &mut item {
        TraitItem::Const(item) => &mut item.attrs,
        TraitItem::Fn(item) => {
            item.default = item.default.as_ref().map(|_| empty());
            &mut item.attrs
        }
        TraitItem::Type(item) => &mut item.attrs,
        _ => return Some(item),
    };
    let hidden = is_hidden(attributes);
    strip(attributes);
    (!hidden).then_some(item)
}

/// Returns the implementations of a definition: those for a type, and those of a trait for types of other crates.
fn implementations(library: &Library, reachable: &Reachable, definition: &Definition) -> Vec<Item> {
    let mut found = Vec::new();
    for (module, items) in &library.modules {
        for item in items {
            let Item::Impl(item) = item else { continue };
            let of_type = path_of(&item.self_ty).and_then(|path| library.resolve(module, &path));
            let of_trait = item.trait_.as_ref().map(|(path, _)| library.resolve(module, &segments(path)));
            let belongs = match (&of_type, &of_trait) {
                (Some(of_type), _) if reachable.paths.contains_key(of_type) => of_type == definition,
                (None, Some(Some(of_trait))) => of_trait == definition,
                _ => false,
            };
            // An implementation of a private trait cannot be used.
            let private = of_trait.flatten().is_some_and(|of_trait| !reachable.paths.contains_key(&of_trait));
            if belongs && !private && !is_hidden(&item.attrs) {
                found.extend(outline(item));
            }
        }
    }
    found.sort_by_key(print);
    found
}

/// Returns an implementation with its public signatures, or `None` if it has none.
fn outline(item: &ItemImpl) -> Option<Item> {
    let mut item = item.clone();
    strip(&mut item.attrs);
    if item.trait_.is_some() {
        item.items.retain(|item| matches!(item, ImplItem::Type(_)));
        return Some(Item::Impl(item));
    }
    item.items.retain_mut(|item| match item {
        ImplItem::Const(item) => {
            item.expr = syn::parse_quote!(..);
            let shown = is_public(&item.vis) && !is_hidden(&item.attrs);
            strip(&mut item.attrs);
            shown
        }
        ImplItem::Fn(item) => {
            item.block = empty();
            let shown = is_public(&item.vis) && !is_hidden(&item.attrs);
            strip(&mut item.attrs);
            shown
        }
        _ => false,
    });
    (!item.items.is_empty()).then_some(Item::Impl(item))
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn path_of(of: &Type) -> Option<Vec<String>> {
    match of {
        Type::Path(path) if path.qself.is_none() => Some(segments(&path.path)),
        _ => None,
    }
}

fn print(item: &Item) -> String {
    prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: vec![], items: vec![item.clone()] })
}
