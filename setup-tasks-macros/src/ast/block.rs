//! An impl block or a trait: the item without our attributes, and the tasks and helpers in it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, Generics, Ident, ImplItem, ImplItemConst, ImplItemFn, Item, ItemImpl, ItemTrait, Signature,
    TraitItem, TraitItemConst, TraitItemFn, Type, Visibility,
};

use super::attribute::{arguments, refuse_task_attribute, take_task_attribute};
use super::method::Method;
use super::task::{Action, Task};
use crate::args::Target;
use crate::args::depends::DependsArgs;
use crate::args::key::Place;
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

/// One `#[depends_on]` on a method.
pub struct BlockRelation {
    /// The name of its row, made of the method's and the task's.
    pub name: String,
    /// The index of the method in [`Block::methods`].
    pub method: usize,
    pub args: DependsArgs,
    pub vis: Visibility,
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
        let mut members = Members::new(errors);
        item.items.retain_mut(|item| match item {
            ImplItem::Fn(ImplItemFn { attrs, sig, vis, block, .. }) => {
                members.method(attrs, sig, vis, Some(block));
                true
            }
            ImplItem::Const(ImplItemConst { attrs, ident, vis, ty, expr, .. }) => {
                members.constant(attrs, ident, vis, ty, Some(expr))
            }
            ImplItem::Type(item) => refuse_task_attribute(&mut item.attrs, errors),
            _ => true,
        });
        members.into_block(Kind::Inherent(Box::new(item)))
    }

    fn of_trait(mut item: ItemTrait, errors: &Errors) -> Self {
        let mut members = Members::new(errors);
        let vis = Visibility::Inherited;
        item.items.retain_mut(|item| match item {
            TraitItem::Fn(TraitItemFn { attrs, sig, default, .. }) => {
                members.method(attrs, sig, &vis, default.as_ref());
                true
            }
            TraitItem::Const(TraitItemConst { attrs, ident, ty, default, .. }) => {
                members.constant(attrs, ident, &vis, ty, default.as_ref().map(|(_, value)| value))
            }
            TraitItem::Type(item) => refuse_task_attribute(&mut item.attrs, errors),
            _ => true,
        });
        members.into_block(Kind::Trait(Box::new(item)))
    }

    /// Returns whether `#[cfg]` excludes the member of the task called `name`.
    pub fn leaves_out(&self, name: &str) -> bool {
        self.absent.iter().map(task_name).any(|absent| {
            // The name of a relationship begins with the method's.
            name.strip_prefix(&absent).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    }

    /// Returns every task that a `before`, `after` or `subscribe` key names.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let of_relations = self.relations.iter().flat_map(|relation| &relation.args.before);
        let of_tasks = self
            .tasks
            .iter()
            .flat_map(|Task { args, .. }| args.before.iter().chain(&args.after).chain(args.subscribe.iter().flatten()));
        of_tasks.chain(of_relations)
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

/// The members of an item, collected while our attributes are removed from them.
struct Members<'e> {
    tasks: Vec<Task>,
    relations: Vec<BlockRelation>,
    methods: Vec<Method>,
    constants: Vec<Ident>,
    errors: &'e Errors,
}

impl<'e> Members<'e> {
    fn new(errors: &'e Errors) -> Self {
        Self { tasks: Vec::new(), relations: Vec::new(), methods: Vec::new(), constants: Vec::new(), errors }
    }

    /// Reads a method.
    fn method(
        &mut self,
        attrs: &mut Vec<Attribute>,
        signature: &Signature,
        vis: &Visibility,
        body: Option<&syn::Block>,
    ) {
        let index = self.methods.len();
        let relations = take_relations(attrs, &signature.ident, vis, index, self.errors);
        if let Some(attribute) = take_task_attribute(attrs, self.errors)
            && is_only_task(&attribute, &relations, self.errors)
        {
            let action = Action::Method(index);
            self.tasks.push(Task::read(&attribute, attrs, &signature.ident, vis, action, self.errors));
        }
        self.relations.extend(relations);
        self.methods.push(Method::read(signature, body));
    }

    /// Reads a constant. Returns whether it stays in the item: the constant of a task is generated anew.
    fn constant(
        &mut self,
        attrs: &mut Vec<Attribute>,
        ident: &Ident,
        vis: &Visibility,
        ty: &Type,
        value: Option<&Expr>,
    ) -> bool {
        let Some(attribute) = take_task_attribute(attrs, self.errors) else {
            self.constants.push(ident.clone());
            return true;
        };
        let Some(value) = value else {
            let what = format_args!("the task `{ident}` has no value").to_string();
            self.errors.add(ident.span(), what, "give it one: `const NAME: Kind = …;`");
            return true;
        };
        let action = Action::Value(Box::new((ty.clone(), value.clone())));
        self.tasks.push(Task::read(&attribute, attrs, ident, vis, action, self.errors));
        false
    }

    fn into_block(self, kind: Kind) -> Block {
        let Self { tasks, relations, methods, constants, .. } = self;
        Block { kind, tasks, relations, methods, constants, absent: Vec::new() }
    }
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
