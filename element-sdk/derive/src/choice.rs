//! `#[derive(Choice)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "only an enum is a choice"));
    };
    let mut names = Vec::new();
    let mut variants = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a choice has no fields"));
        }
        names.push(crate::text::kebab(&variant.ident.to_string()));
        variants.push(&variant.ident);
    }
    let expected = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let expected = format!("one of {expected}");
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::dibhost_element_sdk::ParameterValue for #name {
            fn kind() -> ::dibhost_element_sdk::ParameterKind {
                ::dibhost_element_sdk::ParameterKind::Choice(::std::vec![#(#names.into()),*])
            }

            fn read(
                name: &str,
                value: ::core::option::Option<::dibhost_element_sdk::__private::Value>,
            ) -> ::dibhost_element_sdk::Result<Self> {
                match value.as_ref().and_then(|v| v.as_str()) {
                    #(::core::option::Option::Some(#names) => ::core::result::Result::Ok(Self::#variants),)*
                    _ => ::core::result::Result::Err(
                        ::dibhost_element_sdk::__private::wrong(name, value.as_ref(), #expected),
                    ),
                }
            }
        }
    })
}
