//! An impl block or a trait: the item without our attributes, and the tasks and helpers in it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, ExprLit, Generics, Ident, ImplItem, Item, ItemImpl, ItemTrait, Lit, Meta, TraitItem, Type,
    Visibility,
};

use super::method::Method;
use crate::args::Target;
use crate::args::depends::DependsArgs;
use crate::args::key::Place;
use crate::args::task::TaskArgs;
use crate::errors::Errors;
use crate::names::{at, task_name};

/// An item that contains tasks.
pub struct Block {
    pub kind: Kind,
    pub tasks: Vec<Task>,
    /// Methods with `#[depends_on]`.
    pub relations: Vec<BlockRelation>,
    /// Every method, tasks included.
    pub methods: Vec<Method>,
    /// Every constant that is not a task.
    pub constants: Vec<Ident>,
    /// The members that `#[cfg]` excludes from this build.
    pub absent: Vec<Ident>,
}

/// The kind of item that contains the tasks.
pub enum Kind {
    Inherent(Box<ItemImpl>),
    Trait(Box<ItemTrait>),
}

/// A marked method or constant.
pub struct Task {
    pub name: String,
    pub ident: Ident,
    pub args: TaskArgs,
    /// Whether there is a description that was reported as invalid.
    pub has_bad_description: bool,
    pub action: Action,
    pub docs: Vec<Attribute>,
    pub vis: Visibility,
}

/// One `#[depends_on]` on a method.
pub struct BlockRelation {
    /// The name of its row, made of the method's and the task's.
    pub name: String,
    /// The index of the method in [`Block::methods`].
    pub method: usize,
    pub args: DependsArgs,
    pub vis: Visibility,
}

/// The work of a task.
pub enum Action {
    /// The method at this index in [`Block::methods`].
    Method(usize),
    Value(Box<(Type, Expr)>),
}

impl Block {
    /// Reads the item, or reports that it cannot have the attribute.
    pub fn read(item: Item, errors: &Errors) -> Option<Self> {
        match item {
            Item::Impl(block) if block.trait_.is_none() => Some(Self::inherent(block, errors)),
            Item::Impl(block) => {
                let what = "`#[setup_tasks]` cannot be used on the implementation of a trait";
                errors.add(
                    block.impl_token.span,
                    what,
                    "mark tasks on the trait itself, or in the type's own impl block",
                );
                None
            }
            Item::Trait(item) => Some(Self::of_trait(item, errors)),
            Item::Struct(item) => {
                let what = "`#[setup_tasks]` on a struct needs `#[derive(SetupTasks)]` above it";
                errors.add(
                    item.struct_token.span,
                    what,
                    "write `#[derive(SetupTasks)]` first, then `#[setup_tasks(subdir = \"…\")]`",
                );
                None
            }
            other => {
                let what = "`#[setup_tasks]` cannot be used on this item";
                errors.add(other.span(), what, "put it on the impl block, or on the trait, that holds the tasks");
                None
            }
        }
    }

    fn inherent(mut item: ItemImpl, errors: &Errors) -> Self {
        let (mut tasks, mut methods, mut constants) = (Vec::new(), Vec::new(), Vec::new());
        let mut relations = Vec::new();
        item.items.retain_mut(|item| match item {
            ImplItem::Fn(method) => {
                let found = take_relations(&mut method.attrs, &method.sig.ident, &method.vis, methods.len(), errors);
                if let Some(attr) = take_task_attribute(&mut method.attrs, errors)
                    && is_only_task(&attr, &found, errors)
                {
                    tasks.push(Task::method(
                        &attr,
                        &method.attrs,
                        &method.sig.ident,
                        &method.vis,
                        methods.len(),
                        errors,
                    ));
                }
                relations.extend(found);
                methods.push(Method::read(&method.sig, Some(&method.block)));
                true
            }
            ImplItem::Const(constant) => {
                let Some(attr) = take_task_attribute(&mut constant.attrs, errors) else {
                    constants.push(constant.ident.clone());
                    return true;
                };
                let value = (constant.ty.clone(), constant.expr.clone());
                tasks.push(Task::value(&attr, &constant.attrs, &constant.ident, &constant.vis, value, errors));
                false
            }
            ImplItem::Type(item) => refuse_task_attribute(&mut item.attrs, errors),
            _ => true,
        });
        Self { kind: Kind::Inherent(Box::new(item)), tasks, relations, methods, constants, absent: Vec::new() }
    }

    fn of_trait(mut item: ItemTrait, errors: &Errors) -> Self {
        let (mut tasks, mut methods, mut constants) = (Vec::new(), Vec::new(), Vec::new());
        let mut relations = Vec::new();
        let vis = Visibility::Inherited;
        item.items.retain_mut(|item| match item {
            TraitItem::Fn(method) => {
                let found = take_relations(&mut method.attrs, &method.sig.ident, &vis, methods.len(), errors);
                if let Some(attr) = take_task_attribute(&mut method.attrs, errors)
                    && is_only_task(&attr, &found, errors)
                {
                    tasks.push(Task::method(&attr, &method.attrs, &method.sig.ident, &vis, methods.len(), errors));
                }
                relations.extend(found);
                methods.push(Method::read(&method.sig, method.default.as_ref()));
                true
            }
            TraitItem::Const(constant) => {
                let Some(attr) = take_task_attribute(&mut constant.attrs, errors) else {
                    constants.push(constant.ident.clone());
                    return true;
                };
                let Some((_, expr)) = constant.default.clone() else {
                    let what = format_args!("the task `{}` has no value", constant.ident).to_string();
                    errors.add(constant.ident.span(), what, "give it one: `const NAME: Kind = …;`");
                    return true;
                };
                tasks.push(Task::value(
                    &attr,
                    &constant.attrs,
                    &constant.ident,
                    &vis,
                    (constant.ty.clone(), expr),
                    errors,
                ));
                false
            }
            TraitItem::Type(item) => refuse_task_attribute(&mut item.attrs, errors),
            _ => true,
        });
        Self { kind: Kind::Trait(Box::new(item)), tasks, relations, methods, constants, absent: Vec::new() }
    }

    /// Returns whether `#[cfg]` excludes the member of the task called `name`.
    pub fn leaves_out(&self, name: &str) -> bool {
        self.absent.iter().map(task_name).any(|absent| {
            // The name of a relationship begins with the method's.
            name.strip_prefix(&absent).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    }

    /// Returns every task that a `before` or `after` key names.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let of_relations = self.relations.iter().flat_map(|relation| &relation.args.before);
        self.tasks.iter().flat_map(|task| task.args.before.iter().chain(&task.args.after)).chain(of_relations)
    }

    /// Returns the method called `name`.
    pub fn method(&self, name: &Ident) -> Option<&Method> {
        self.methods.iter().find(|method| method.ident == *name)
    }

    /// Returns the name of the type or trait for messages.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Inherent(item) => type_name(&item.self_ty),
            Kind::Trait(item) => item.ident.to_string(),
        }
    }

    /// Returns the path through which its methods are called. A trait's is qualified, since another trait may have methods of the
    /// same names.
    pub fn owner(&self, place: Span) -> TokenStream {
        match &self.kind {
            Kind::Inherent(_) => quote_spanned!(at(place)=> Self),
            Kind::Trait(item) => {
                let (ident, (_, generics, _)) = (&item.ident, item.generics.split_for_impl());
                quote_spanned!(at(place)=> <Self as #ident #generics>)
            }
        }
    }

    /// Returns its generic parameters.
    pub fn generics(&self) -> &Generics {
        match &self.kind {
            Kind::Inherent(item) => &item.generics,
            Kind::Trait(item) => &item.generics,
        }
    }
}

/// Returns the last segment of a type's path.
pub fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        other => other.to_token_stream().to_string(),
    }
}

impl Task {
    fn method(
        attr: &Attribute,
        attrs: &[Attribute],
        ident: &Ident,
        vis: &Visibility,
        at: usize,
        errors: &Errors,
    ) -> Self {
        Self::read(attr, attrs, ident, vis, Action::Method(at), errors)
    }

    fn value(
        attr: &Attribute,
        attrs: &[Attribute],
        ident: &Ident,
        vis: &Visibility,
        (ty, expr): (Type, Expr),
        errors: &Errors,
    ) -> Self {
        Self::read(attr, attrs, ident, vis, Action::Value(Box::new((ty, expr))), errors)
    }

    fn read(
        attr: &Attribute,
        attrs: &[Attribute],
        ident: &Ident,
        vis: &Visibility,
        action: Action,
        errors: &Errors,
    ) -> Self {
        let before = errors.count();
        let mut args = TaskArgs::parse(arguments(attr, errors), errors);
        let has_bad_description = args.description.is_none() && errors.count() > before;
        let docs: Vec<_> = attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned().collect();
        if args.description.is_none() {
            args.description = docs.iter().find_map(first_line);
        }
        Self { name: task_name(ident), ident: ident.clone(), args, has_bad_description, action, docs, vis: vis.clone() }
    }

    /// Returns the span of the task's name.
    pub fn span(&self) -> Span {
        self.ident.span()
    }
}

fn first_line(doc: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &doc.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return None };
    let text = text.value();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.trim_end_matches('.').to_owned())
}

/// Returns the arguments of an attribute. An attribute without parentheses has none.
pub fn arguments(attr: &Attribute, errors: &Errors) -> TokenStream {
    match &attr.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(meta) => {
            let name = meta.path.to_token_stream();
            errors.add(
                meta.eq_token.span,
                format_args!("`{name}` takes its arguments in parentheses"),
                format_args!("write `#[{name}(…)]`"),
            );
            TokenStream::new()
        }
    }
}

/// Returns whether an attribute is `#[setup_task]`, by its name or by a path.
fn is_task_attribute(attr: &Attribute) -> bool {
    let path = attr.path();
    path.segments.len() <= 2 && path.segments.last().is_some_and(|last| last.ident == "setup_task")
}

/// Removes `#[setup_task]` from an item and reports a second one.
fn take_task_attribute(attrs: &mut Vec<Attribute>, errors: &Errors) -> Option<Attribute> {
    let at = attrs.iter().position(is_task_attribute)?;
    let attribute = attrs.remove(at);
    while let Some(second) = attrs.iter().position(is_task_attribute) {
        let second = attrs.remove(second);
        errors.add(second.path().span(), "`#[setup_task]` is given twice", "put all keys in one `#[setup_task(…)]`");
    }
    Some(attribute)
}

/// Removes every `#[depends_on]` from a method.
fn take_relations(
    attrs: &mut Vec<Attribute>,
    ident: &Ident,
    vis: &Visibility,
    method: usize,
    errors: &Errors,
) -> Vec<BlockRelation> {
    let is_relation = |attr: &Attribute| attr.path().is_ident("depends_on");
    let taken: Vec<_> = attrs.extract_if(.., |attr| is_relation(attr)).collect();
    let relation = |attr: &Attribute| {
        let args = DependsArgs::parse(arguments(attr, errors), attr.path().span(), Place::Method, errors)?;
        let name = format!("{}_{}", task_name(ident), args.on.name());
        Some(BlockRelation { name, method, args, vis: vis.clone() })
    };
    taken.iter().filter_map(relation).collect()
}

/// Checks that a task's method is not a relationship as well.
fn is_only_task(attribute: &Attribute, relations: &[BlockRelation], errors: &Errors) -> bool {
    if !relations.is_empty() {
        let what = "a method is a setup task or a relationship, not both";
        errors.add(attribute.path().span(), what, "put `#[depends_on]` on a method that returns the related object");
    }
    relations.is_empty()
}

fn refuse_task_attribute(attrs: &mut Vec<Attribute>, errors: &Errors) -> bool {
    if let Some(attribute) = take_task_attribute(attrs, errors) {
        errors.add(attribute.path().span(), "a setup task is a method or a constant", "remove the attribute");
    }
    true
}
