//! The struct under `#[derive(SetupTasks)]`.

use proc_macro2::Span;
use quote::{ToTokens, format_ident};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Generics, Ident, Member, Meta, Type, Visibility};

use super::attribute::arguments;
use crate::args::depends::DependsArgs;
use crate::args::key::Place;
use crate::args::model::ModelArgs;
use crate::errors::Errors;
use crate::names::task_name;

/// A struct and the arguments of our attributes on it.
pub struct Model {
    pub ident: Ident,
    pub generics: Generics,
    pub args: ModelArgs,
    pub fields: Vec<String>,
    pub relations: Vec<Relation>,
    /// The field with `#[machine]`, and its type.
    pub machine: Option<(Member, Type)>,
    /// The fields without an accessor, because another member has its name.
    pub without_accessor: Vec<Member>,
    pub is_struct: bool,
}

/// A field with `#[depends_on]`.
pub struct Relation {
    pub member: Member,
    pub ty: Type,
    pub vis: Visibility,
    pub span: Span,
    pub args: DependsArgs,
}

impl Model {
    /// Reads the struct and its fields.
    pub fn read(input: DeriveInput, errors: &Errors) -> Self {
        let mut tokens = proc_macro2::TokenStream::new();
        for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("setup_tasks")) {
            let arguments = arguments(attr, errors);
            if !arguments.is_empty() {
                tokens.extend(quote::quote!(#arguments,));
            }
        }
        let mut model = Self {
            args: ModelArgs::parse(tokens, Place::Struct, errors),
            ident: input.ident,
            generics: input.generics,
            fields: Vec::new(),
            relations: Vec::new(),
            machine: None,
            without_accessor: Vec::new(),
            is_struct: matches!(input.data, Data::Struct(_)),
        };
        if let Data::Struct(data) = input.data {
            for (field, member) in data.fields.iter().zip(data.fields.members()) {
                model.fields.push(member.to_token_stream().to_string().trim_start_matches("r#").to_owned());
                for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("machine")) {
                    model.read_machine(attr, (member.clone(), field.ty.clone()), errors);
                }
                for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("depends_on")) {
                    let args = DependsArgs::parse(arguments(attr, errors), attr.path().span(), Place::Field, errors);
                    model.relations.extend(args.map(|args| Relation {
                        member: member.clone(),
                        ty: field.ty.clone(),
                        vis: field.vis.clone(),
                        span: field.ty.span(),
                        args,
                    }));
                }
            }
        }
        model
    }

    /// Reads `#[machine]` on a field.
    fn read_machine(&mut self, attr: &Attribute, field: (Member, Type), errors: &Errors) {
        if !matches!(attr.meta, Meta::Path(_)) {
            errors.add(attr.span(), "`#[machine]` takes no arguments", "write `#[machine]`");
        }
        if self.machine.replace(field).is_some() {
            errors.add(
                attr.span(),
                "a model has one machine",
                "remove this attribute; tasks reach the other machine through its field",
            );
        }
    }
}

impl Relation {
    /// Returns the name of its row, made of the field's and the task's.
    pub fn name(&self) -> String {
        format!("{}_{}", task_name(&self.field()), self.args.on.name())
    }

    /// Returns the field's name, or a name made of its number.
    pub fn field(&self) -> Ident {
        match &self.member {
            Member::Named(ident) => ident.clone(),
            Member::Unnamed(index) => format_ident!("field_{}", index.index),
        }
    }
}
