//! TOML that dibhost writes: lines to be pasted, the lock file, and grants put into a person's own
//! definition.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::{DeString, DeTable, DeValue};

use crate::capability::{Capability, Scoped};

/// A text as TOML writes it.
#[must_use]
pub fn toml_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key as TOML writes it.
#[must_use]
pub fn toml_key(key: &str) -> String {
    let bare =
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { toml_text(key) }
}

fn by_capability<'a>(
    scopes: impl IntoIterator<Item = &'a Scoped>,
) -> BTreeMap<Capability, BTreeSet<&'a str>> {
    let mut sorted: BTreeMap<Capability, BTreeSet<&str>> = BTreeMap::new();
    for (capability, scope) in scopes {
        sorted.entry(*capability).or_default().insert(scope);
    }
    sorted
}

/// Capabilities with their scopes, a line each: `rootfs = ["write /etc/motd"]`. Ends in a newline
/// unless there is none.
#[must_use]
pub fn scope_lines<'a>(scopes: impl IntoIterator<Item = &'a Scoped>) -> String {
    let line = |(capability, scopes): (Capability, BTreeSet<&str>)| {
        if capability.unscoped() {
            return format!("{capability} = true\n");
        }
        let scopes: Vec<String> = scopes.into_iter().map(toml_text).collect();
        format!("{capability} = [{}]\n", scopes.join(", "))
    };
    by_capability(scopes).into_iter().map(line).collect()
}

/// The text of a definition with more grants in it: element → capability and scope. What the
/// person wrote, comments and blanks included, stays as it is.
///
/// # Errors
/// The text is no TOML, or is written in a way that this does not know how to add to: a sentence.
pub fn add_grants(text: &str, grants: &Grants) -> Result<String, String> {
    let table = DeTable::parse(text).map_err(|error| format!("this is no TOML: {error}"))?;
    let sections = get(table.get_ref(), "grants").and_then(|(_, item)| as_table(item));
    // Where something is put in, and what; of one place, in this order.
    let mut put: Vec<(Range<usize>, String)> = Vec::new();
    let mut more = String::new();
    for (element, scopes) in grants.iter().filter(|(_, scopes)| !scopes.is_empty()) {
        let section = sections.and_then(|s| get(s, element));
        let Some((key, item)) = section else {
            more += &format!("\n[grants.{}]\n{}", toml_key(element), scope_lines(scopes));
            continue;
        };
        // The line after the one that names the section.
        let header = key.span().end;
        let header = text[header..].find('\n').map_or(text.len(), |at| header + at + 1);
        let own = as_table(item);
        for (capability, scopes) in by_capability(scopes) {
            let there = own.and_then(|own| get(own, capability.name()));
            match there.map(|(_, item)| (item.get_ref(), item.span())) {
                None => {
                    let scopes: Vec<_> =
                        scopes.iter().map(|s| (capability, (*s).to_owned())).collect();
                    put.push((header..header, scope_lines(&scopes)));
                }
                Some((DeValue::Array(list), span)) => {
                    let known = |scope: &&str| !list.iter().any(|i| is_text(i.get_ref(), scope));
                    let new: Vec<String> =
                        scopes.into_iter().filter(known).map(toml_text).collect();
                    if new.is_empty() {
                        continue;
                    }
                    let new = new.join(", ");
                    put.push(match list.iter().last() {
                        Some(last) => (last.span().end..last.span().end, format!(", {new}")),
                        None => (span.start + 1..span.start + 1, new),
                    });
                }
                Some((_, span)) if capability.unscoped() => {
                    put.push((span, "true".to_owned()));
                }
                // What it is then is for the person to say.
                Some(_) => {}
            }
        }
    }
    put.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut written = text.to_owned();
    for (place, new) in put {
        let needs_line = new.ends_with('\n') && !written[..place.start].ends_with('\n');
        written.replace_range(place, &format!("{}{new}", if needs_line { "\n" } else { "" }));
    }
    if !more.is_empty() && !written.ends_with('\n') {
        written.push('\n');
    }
    written += &more;
    if granted(&written, grants) { Ok(written) } else { Err(by_hand(grants)) }
}

/// Element → capability and scope.
type Grants = BTreeMap<String, BTreeSet<Scoped>>;

/// Whether a definition grants all of that, each in its own section.
fn granted(text: &str, grants: &Grants) -> bool {
    let Ok(table) = DeTable::parse(text) else { return false };
    let sections = get(table.get_ref(), "grants").and_then(|(_, item)| as_table(item));
    grants.iter().all(|(element, scopes)| {
        scopes.iter().all(|(capability, scope)| {
            let section = sections.and_then(|s| get(s, element)).and_then(|(_, i)| as_table(i));
            match section.and_then(|s| get(s, capability.name())).map(|(_, item)| item.get_ref()) {
                Some(DeValue::Boolean(granted)) => *granted && scope.is_empty(),
                Some(DeValue::Array(list)) => list.iter().any(|i| is_text(i.get_ref(), scope)),
                _ => false,
            }
        })
    })
}

fn by_hand(grants: &Grants) -> String {
    let sections: Vec<_> = grants
        .iter()
        .map(|(element, scopes)| format!("[grants.{}]\n{}", toml_key(element), scope_lines(scopes)))
        .collect();
    format!(
        "the grants of the definition are written in a way that nothing can be added to by itself; add by hand\n{}",
        sections.concat().trim_end()
    )
}

type Entry<'t, 'i> = (&'t toml::Spanned<DeString<'i>>, &'t toml::Spanned<DeValue<'i>>);

fn get<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<Entry<'t, 'i>> {
    table.iter().find(|(key, _)| key.get_ref() == name)
}

fn as_table<'t, 'i>(item: &'t toml::Spanned<DeValue<'i>>) -> Option<&'t DeTable<'i>> {
    match item.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn is_text(value: &DeValue<'_>, text: &str) -> bool {
    matches!(value, DeValue::String(there) if there == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(list: &[(&str, &str, &str)]) -> Grants {
        let mut all = Grants::new();
        for (element, capability, scope) in list {
            let scope = (Capability::named(capability).unwrap(), (*scope).to_owned());
            all.entry((*element).to_owned()).or_default().insert(scope);
        }
        all
    }

    #[test]
    fn grants_are_added_and_all_else_stays() {
        let text = "# mine\n[image]\nname = 'x'   # odd quotes\nelements = [ \"a\" ]\n\n\
                    [grants.motd]  # looked at by me\nrootfs = [\n    \"write /etc\", # wide\n]\n";
        let more = grants(&[
            ("motd", "rootfs", "write /usr"),
            ("motd", "rootfs", "write /etc"),
            ("motd", "block-device", ""),
            ("a.b", "exec", "sh \"x\""),
        ]);
        let written = add_grants(text, &more).unwrap();
        insta::assert_snapshot!(written, @r#"
        # mine
        [image]
        name = 'x'   # odd quotes
        elements = [ "a" ]

        [grants.motd]  # looked at by me
        block-device = true
        rootfs = [
            "write /etc", "write /usr", # wide
        ]

        [grants."a.b"]
        exec = ["sh \"x\""]
        "#);
        assert_eq!(add_grants(&written, &more).unwrap(), written);
        let first = add_grants("[image]\nname = \"x\"\n", &more).unwrap();
        insta::assert_snapshot!(first, @r#"
        [image]
        name = "x"

        [grants."a.b"]
        exec = ["sh \"x\""]

        [grants.motd]
        block-device = true
        rootfs = ["write /etc", "write /usr"]
        "#);
        assert_eq!(add_grants(text, &grants(&[])).unwrap(), text);
    }

    #[test]
    fn grants_in_other_forms_are_added_to_or_refused() {
        let sh = grants(&[("motd", "exec", "sh")]);
        for (text, written) in [
            (
                "grants = { motd = { exec = [\"a\"] } }\n",
                "grants = { motd = { exec = [\"a\", \"sh\"] } }\n",
            ),
            ("grants.motd.exec = [\"a\"]\n", "grants.motd.exec = [\"a\", \"sh\"]\n"),
            ("[grants.motd]\nexec = []", "[grants.motd]\nexec = [\"sh\"]"),
            ("[grants.motd]", "[grants.motd]\nexec = [\"sh\"]\n"),
            ("[grants]\n[grants.\"motd\"]\n", "[grants]\n[grants.\"motd\"]\nexec = [\"sh\"]\n"),
        ] {
            assert_eq!(add_grants(text, &sh).unwrap(), written);
        }
        for text in [
            "grants = 1",
            "[grants]\nmotd = 1",
            "[grants]\nmotd = {}\n",
            "grants = {}",
            "[grants.motd]\nexec = true",
            "grants.motd.cache = true\n",
            "[x",
        ] {
            assert!(add_grants(text, &sh).is_err(), "{text}");
        }
        let unscoped = grants(&[("motd", "cache", "")]);
        let refused = "[grants.motd]\ncache = false # no\n";
        assert_eq!(add_grants(refused, &unscoped).unwrap(), "[grants.motd]\ncache = true # no\n");
    }
}
