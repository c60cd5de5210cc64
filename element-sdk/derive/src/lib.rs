//! Derive macros of `dibhost-element-sdk`; their documentation is at the traits of that crate.

mod choice;
mod fact;
mod parameters;
mod text;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `dibhost_element_sdk::Fact`.
#[proc_macro_derive(Fact, attributes(fact))]
pub fn fact(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    fact::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `dibhost_element_sdk::Parameters`.
#[proc_macro_derive(Parameters, attributes(parameter))]
pub fn parameters(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    parameters::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `dibhost_element_sdk::ParameterValue` for an enum without fields: a choice between
/// its variants' names in kebab-case.
#[proc_macro_derive(Choice)]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
