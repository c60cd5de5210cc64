//! What a registry says it wants to know: `WWW-Authenticate`.
//!
//! Source: RFC 9110, 11.6.1, and the token specification of the distribution project.

/// What a registry wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A user and a password, with each request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// Where the service is.
        realm: String,
        /// What the registry calls itself there.
        service: Option<String>,
    },
}

/// The challenge that is answered, of the values of all headers: a token rather than a password.
pub(crate) fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all: Vec<Challenge> = headers.into_iter().flat_map(parse).collect();
    let bearer = all.iter().find(|c| matches!(c, Challenge::Bearer { .. })).cloned();
    bearer.or_else(|| all.into_iter().next())
}

/// All challenges of a header that are known.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut scheme = String::new();
    let (mut realm, mut service) = (None, None);
    let mut end = |scheme: &str, realm: Option<String>, service: Option<String>| match (
        scheme.to_ascii_lowercase().as_str(),
        realm,
    ) {
        ("basic", _) => found.push(Challenge::Basic),
        ("bearer", Some(realm)) => found.push(Challenge::Bearer { realm, service }),
        _ => {}
    };
    let mut rest = header.trim_start_matches(is_gap);
    while !rest.is_empty() {
        let word_end = rest.find(|c: char| is_gap(c) || c == '=').unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        let after = after.trim_start_matches([' ', '\t']);
        match after.strip_prefix('=') {
            Some(value) if !word.is_empty() => {
                let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
                match word.to_ascii_lowercase().as_str() {
                    "realm" => realm = Some(value),
                    "service" => service = Some(value),
                    _ => {}
                }
                rest = after;
            }
            _ if word.is_empty() => rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..],
            _ => {
                end(&scheme, realm.take(), service.take());
                word.clone_into(&mut scheme);
                rest = after;
            }
        }
        rest = rest.trim_start_matches(is_gap);
    }
    end(&scheme, realm, service);
    found
}

fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '\t' | ',')
}

/// A word or a quoted text, and what comes behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(is_gap).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn challenges_are_read_in_all_ways_that_registries_write_them() {
        for (header, wanted) in [
            ("Basic realm=\"x\"", vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            (
                "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a:pull,push\"",
                vec![bearer("https://a/t", Some("s"))],
            ),
            ("bearer  service=s , realm = https://a/t", vec![bearer("https://a/t", Some("s"))]),
            (
                "Basic realm=\"a, Bearer b\", Bearer realm=\"c\\\"d\"",
                vec![Challenge::Basic, bearer("c\"d", None)],
            ),
            ("Bearer service=\"s\"", vec![]),
            ("Negotiate abc==", vec![]),
            ("", vec![]),
            ("=,=\"", vec![]),
            ("Bearer realm=\"open", vec![bearer("open", None)]),
            ("ä ö=ü, Basic", vec![Challenge::Basic]),
        ] {
            assert_eq!(parse(header), wanted, "{header}");
        }
        let both = ["Basic realm=x", "Bearer realm=y"];
        assert_eq!(choose(both), Some(bearer("y", None)));
        assert_eq!(choose(["Negotiate"]), None);
    }
}
