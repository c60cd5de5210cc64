//! `#[derive(Fact)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr, Result};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let (mut slot, mut arity, mut timing) = (None, None, None);
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("fact")) {
        attribute.parse_nested_meta(|meta| {
            let place = match meta.path.get_ident().map(ToString::to_string).as_deref() {
                Some("slot") => &mut slot,
                Some("arity") => &mut arity,
                Some("timing") => &mut timing,
                _ => return Err(meta.error("expected `slot`, `arity` or `timing`")),
            };
            *place = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        })?;
    }
    let missing = |what| {
        let message = format!(
            "`#[fact({what} = \"…\")]` is missing: a fact says \
             `#[fact(slot = \"name:space/name@1\", arity = \"many\", timing = \"planned\")]`"
        );
        Error::new_spanned(&input.ident, message)
    };
    let slot = slot.ok_or_else(|| missing("slot"))?;
    let arity = arity.ok_or_else(|| missing("arity"))?;
    let timing = timing.ok_or_else(|| missing("timing"))?;

    check_slot(&slot)?;
    let arity = match arity.value().as_str() {
        "one" => quote!(One),
        "optional" => quote!(Optional),
        "many" => quote!(Many),
        _ => return Err(Error::new(arity.span(), "expected `one`, `optional` or `many`")),
    };
    let timing = match timing.value().as_str() {
        "planned" => quote!(Planned),
        "observed" => quote!(Observed),
        _ => return Err(Error::new(timing.span(), "expected `planned` or `observed`")),
    };
    // The schemas of `dib:` slots are the host's own.
    let schema = if slot.value().starts_with("dib:") {
        quote!(::core::option::Option::None)
    } else {
        quote!(::core::option::Option::Some(::dibhost_element_sdk::__private::schema_of::<Self>()))
    };
    let doc = crate::text::doc(&input.attrs);
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::dibhost_element_sdk::Fact for #name #arguments #bounds {
            const SLOT: &'static str = #slot;
            const ARITY: ::dibhost_element_sdk::Arity = ::dibhost_element_sdk::Arity::#arity;
            const TIMING: ::dibhost_element_sdk::Timing = ::dibhost_element_sdk::Timing::#timing;
            const DOC: &'static str = #doc;

            fn schema() -> ::core::option::Option<::std::string::String> {
                #schema
            }
        }
    })
}

/// `space:path/name@1`.
fn check_slot(slot: &LitStr) -> Result<()> {
    let text = slot.value();
    let name = |part: &str| {
        !part.is_empty()
            && part.split('/').all(|p| {
                !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
            })
    };
    let sound = text.split_once(':').and_then(|(space, rest)| {
        let (path, version) = rest.rsplit_once('@')?;
        Some(name(space) && name(path) && version.parse::<u32>().is_ok())
    });
    if sound == Some(true) {
        return Ok(());
    }
    Err(Error::new(slot.span(), "a slot's name is `space:path/name@1`: `example:net/port@1`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<String> {
        derive(&syn::parse_str(text).unwrap()).map(|t| t.to_string())
    }

    #[test]
    fn a_dib_slot_has_no_schema_of_its_own() {
        let make = |slot: &str| {
            tokens(&format!(
                "#[fact(slot = \"{slot}\", arity = \"one\", timing = \"observed\")] struct A;"
            ))
            .unwrap()
        };
        assert!(!make("dib:boot/kernel@1").contains("schema_of"));
        assert!(make("example:boot/kernel@1").contains("schema_of"));
    }

    #[test]
    fn what_is_malformed_is_refused_with_a_reason() {
        let with =
            |inside: &str| tokens(&format!("#[fact({inside})] struct A;")).unwrap_err().to_string();
        assert!(with("arity = \"many\"").contains("`#[fact(slot = \"…\")]` is missing"));
        assert!(with("color = \"red\"").contains("expected `slot`"));
        for slot in ["kernel", "dib:kernel", "dib:kernel@x", ":a@1", "dib:a//b@1"] {
            let text = format!("slot = \"{slot}\", arity = \"many\", timing = \"planned\"");
            assert!(with(&text).contains("space:path/name@1"), "{slot}");
        }
        let text = "slot = \"dib:a@1\", arity = \"few\", timing = \"planned\"";
        assert!(with(text).contains("`one`, `optional` or `many`"));
    }
}
