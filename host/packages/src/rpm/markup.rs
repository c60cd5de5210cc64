//! As much of XML as the indexes of repositories and what zypper says are written in.

/// The first element of a name: what its tag says, and its text.
pub(crate) fn element<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let open = format!("<{name}");
    let mut rest = text;
    loop {
        let after = &rest[rest.find(&open)? + open.len()..];
        // `<size` begins another name too.
        if after.starts_with(['>', ' ', '\t', '\n', '\r']) {
            let (head, after) = after.split_once('>')?;
            let (inside, _) = after.split_once(&format!("</{name}>"))?;
            return Some((head, inside));
        }
        rest = after;
    }
}

/// An attribute of a tag.
pub(crate) fn attribute<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = head;
    loop {
        let (before, after) = rest.split_once(name)?;
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        let quoted = value.and_then(|v| {
            let quote = v.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            v[1..].split_once(quote)
        });
        if before.ends_with([' ', '\t', '\n', '\r']) {
            return quoted.map(|(value, _)| value);
        }
        rest = after;
    }
}

/// A text without its entities.
pub(crate) fn unescaped(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}
