//! Names and doc comments, as the contract has them.

/// The text of the doc comments among `attributes`, lines joined by a blank.
pub(crate) fn doc(attributes: &[syn::Attribute]) -> String {
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
pub(crate) fn kebab(name: &str) -> String {
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
