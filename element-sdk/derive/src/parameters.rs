//! `#[derive(Parameters)]`.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::ParseStream;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result, Token, Type};

/// One field of the struct.
struct Parameter<'a> {
    field: &'a Ident,
    ty: &'a Type,
    name: String,
    doc: String,
    default: Option<TokenStream>,
    aliases: Vec<LitStr>,
    json: bool,
}

impl<'a> Parameter<'a> {
    fn parse(field: &'a Field) -> Result<Self> {
        let Some(ident) = field.ident.as_ref() else {
            return Err(Error::new_spanned(field, "a parameter has a name"));
        };
        let mut parameter = Self {
            field: ident,
            ty: &field.ty,
            name: crate::text::kebab(&ident.to_string()),
            doc: crate::text::doc(&field.attrs),
            default: None,
            aliases: Vec::new(),
            json: false,
        };
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("parameter")) {
            attribute.parse_nested_meta(|meta| {
                match meta.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("default") => parameter.default = Some(json(meta.value()?)?),
                    Some("alias") => parameter.aliases.push(meta.value()?.parse()?),
                    Some("name") => parameter.name = meta.value()?.parse::<LitStr>()?.value(),
                    Some("json") => parameter.json = true,
                    _ => return Err(meta.error("expected `default`, `alias`, `name` or `json`")),
                }
                Ok(())
            })?;
        }
        if parameter.doc.is_empty() {
            let message =
                "a parameter has a doc comment: people read it in `dibhost element inspect`";
            return Err(Error::new_spanned(field, message));
        }
        Ok(parameter)
    }

    fn declaration(&self) -> TokenStream {
        let Self { ty, name, doc, aliases, .. } = self;
        let kind = if self.json {
            quote!(::dibhost_element_sdk::ParameterKind::Json(
                ::dibhost_element_sdk::__private::schema_of::<#ty>()
            ))
        } else {
            quote!(<#ty as ::dibhost_element_sdk::ParameterValue>::kind())
        };
        let default = match &self.default {
            Some(value) => quote!(::core::option::Option::Some(
                ::dibhost_element_sdk::__private::json!(#value).to_string()
            )),
            None if self.json => quote!(::core::option::Option::None),
            None => quote!(
                <#ty as ::dibhost_element_sdk::ParameterValue>::is_optional()
                    .then(|| ::std::string::String::from("null"))
            ),
        };
        quote!(::dibhost_element_sdk::Parameter {
            name: #name.into(),
            kind: #kind,
            default: #default,
            doc: #doc.into(),
            aliases: ::std::vec![#(#aliases.into()),*],
            extensions: ::core::default::Default::default(),
        })
    }

    fn reader(&self) -> TokenStream {
        let Self { field, ty, name, .. } = self;
        if self.json {
            return quote!(#field: ::dibhost_element_sdk::__private::read_json::<#ty>(#name, get(#name)?)?);
        }
        quote!(#field: <#ty as ::dibhost_element_sdk::ParameterValue>::read(#name, get(#name)?)?)
    }
}

/// All up to the next comma: what `json!` takes is not always a Rust expression.
fn json(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "the parameters of an element are a struct"));
    };
    let parameters: Vec<Parameter<'_>> = match &data.fields {
        Fields::Named(fields) => {
            fields.named.iter().map(Parameter::parse).collect::<Result<_>>()?
        }
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => {
            return Err(Error::new_spanned(&input.ident, "parameters have names"));
        }
    };
    let declarations = parameters.iter().map(Parameter::declaration);
    let readers = parameters.iter().map(Parameter::reader);
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::dibhost_element_sdk::Parameters for #name {
            fn declare() -> ::std::vec::Vec<::dibhost_element_sdk::Parameter> {
                ::std::vec![#(#declarations),*]
            }

            #[allow(unused_variables, reason = "an element without parameters reads none")]
            fn read(
                get: &dyn ::core::ops::Fn(&str) -> ::dibhost_element_sdk::Result<
                    ::core::option::Option<::dibhost_element_sdk::__private::Value>,
                >,
            ) -> ::dibhost_element_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#readers),* })
            }
        }
    })
}

#[cfg(test)]
mod tests {
    fn refusal(text: &str) -> String {
        super::derive(&syn::parse_str(text).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_malformed_is_refused_with_a_reason() {
        assert!(refusal("struct A { port: u16 }").contains("has a doc comment"));
        assert!(refusal("struct A(u16);").contains("have names"));
        assert!(refusal("enum A { B }").contains("are a struct"));
        let unknown = "struct A { /// It.\n #[parameter(colour = 1)] port: u16 }";
        assert!(refusal(unknown).contains("expected `default`"));
    }
}
