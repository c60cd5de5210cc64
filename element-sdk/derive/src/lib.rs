//! Derive macros of `dibhost-element-sdk`; their documentation is at the traits of that crate.

mod choice;
mod fact;
mod parameters;

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

/// The text of the doc comments among `attributes`, lines joined by a blank.
fn doc(attributes: &[syn::Attribute]) -> String {
    let line = |attribute: &syn::Attribute| {
        let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &meta.value else {
            return None;
        };
        attribute.path().is_ident("doc").then(|| text.value().trim().to_owned())
    };
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    lines.join(" ").trim().to_owned()
}

/// `DataSource` and `data_source` as `data-source`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (at, character) in name.trim_start_matches("r#").chars().enumerate() {
        match character {
            '_' => out.push('-'),
            c if c.is_ascii_uppercase() => {
                if at > 0 {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_become_kebab_case() {
        for (name, kebab) in
            [("DataSource", "data-source"), ("data_source", "data-source"), ("r#type", "type")]
        {
            assert_eq!(super::kebab(name), kebab);
        }
    }
}
