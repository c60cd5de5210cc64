//! `repomd.xml`: which indexes a repository has, by their digests. It is what a repository signs.
//!
//! <https://github.com/rpm-software-management/createrepo_c> writes it; there is no other description.
//! What is given to dnf is written anew from what was understood here, so that two readers of one text
//! cannot take it for two things.

use std::fmt::Write as _;

use super::markup::{attribute, element};

/// One index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// `primary`, `filelists`, `group`, `modules`, …
    pub kind: String,
    /// Where it is, below the repository: `repodata/….xml.gz`.
    pub href: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: Option<u64>,
}

/// Reads it.
///
/// # Errors
/// A sentence: it is none, or of an index something is missing or not as it should be.
pub fn parse(text: &str) -> Result<Vec<Data>, String> {
    let (_, body) = text.split_once("<repomd").ok_or("it is no `repomd.xml`")?;
    if text.contains("<!--") || text.contains("<![") || text.contains("<!DOCTYPE") {
        return Err("it has comments or declarations in it".to_owned());
    }
    let mut found: Vec<Data> = Vec::new();
    let mut rest = body;
    while let Some((_, after)) = rest.split_once("<data") {
        let (inside, beyond) =
            after.split_once("</data>").ok_or("an index in it has no end".to_owned())?;
        rest = beyond;
        let (head, inside) = inside.split_once('>').ok_or("an index in it has no name")?;
        let kind = attribute(head, "type").ok_or("an index in it has no name")?;
        if !kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(format!("`{}` is no name of an index", kind.escape_debug()));
        }
        // Of some there are two kinds beside each other; none of them is wanted here.
        let Some(data) = data(kind, inside)? else { continue };
        if found.iter().any(|other| other.kind == data.kind) {
            return Err(format!("it has the index `{kind}` twice"));
        }
        found.push(data);
    }
    if found.iter().all(|data| data.kind != "primary") {
        return Err("it names no index of packages (`primary`)".to_owned());
    }
    Ok(found)
}

/// One index; none: one that is wanted by nobody.
fn data(kind: &str, inside: &str) -> Result<Option<Data>, String> {
    if !WANTED.contains(&kind) {
        return Ok(None);
    }
    let missing = |what: &str| format!("the index `{kind}` has no {what}");
    let (head, sum) = element(inside, "checksum").ok_or_else(|| missing("digest"))?;
    let sum = sum.trim();
    if attribute(head, "type") != Some("sha256") {
        return Err(format!("the index `{kind}` is known by another digest than SHA-256"));
    }
    if sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(format!("the digest of the index `{kind}` is none"));
    }
    let (head, _) = inside
        .split_once("<location")
        .ok_or_else(|| missing("place"))?
        .1
        .split_once('>')
        .ok_or_else(|| missing("place"))?;
    let href = attribute(head, "href").ok_or_else(|| missing("place"))?;
    if !is_below_repodata(href) {
        return Err(format!(
            "the index `{kind}` is not below `repodata/`: `{}`",
            href.escape_debug()
        ));
    }
    let size = match element(inside, "size") {
        None => None,
        Some((_, text)) => Some(
            text.trim().parse().map_err(|_| format!("the size of the index `{kind}` is none"))?,
        ),
    };
    Ok(Some(Data { kind: kind.to_owned(), href: href.to_owned(), sha256: sum.to_owned(), size }))
}

/// What dnf solves with: packages, their files, groups and modules.
const WANTED: [&str; 4] = ["primary", "filelists", "group", "modules"];

/// A plain file in the folder of indexes.
fn is_below_repodata(href: &str) -> bool {
    href.strip_prefix("repodata/").is_some_and(|name| {
        !name.starts_with(['.', '-'])
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    })
}

/// The same for dnf, with these indexes alone.
#[must_use]
pub fn write(found: &[Data]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                    <repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n  <revision>1</revision>\n"
        .to_owned();
    for Data { kind, href, sha256, size } in found {
        let size = size.map_or(String::new(), |size| format!("<size>{size}</size>"));
        let _ = writeln!(
            text,
            "  <data type=\"{kind}\"><checksum type=\"sha256\">{sha256}</checksum>\
             <location href=\"{href}\"/><timestamp>1</timestamp>{size}</data>"
        );
    }
    text.push_str("</repomd>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEDORA: &str = include_str!("../../tests/fixtures/repomd-fedora.xml");

    #[test]
    fn indexes_are_found_and_written_as_they_are_read() {
        let found = parse(FEDORA).unwrap();
        let kinds: Vec<_> = found.iter().map(|data| data.kind.as_str()).collect();
        assert_eq!(kinds, ["primary", "filelists", "group", "modules"]);
        assert!(found[0].href.ends_with("-primary.xml.gz"));
        assert_eq!(found[0].size, Some(7109));
        assert_eq!(found[2].size, Some(641));
        assert_eq!(parse(&write(&found)).unwrap(), found);
    }

    #[test]
    fn what_is_none_is_refused() {
        let sum = "0".repeat(64);
        let with = |inside: &str| {
            parse(&format!("<repomd>\n<data type=\"primary\">{inside}</data></repomd>"))
                .unwrap_err()
        };
        let place = "<location href=\"repodata/a.xml\"/>";
        assert!(with(place).contains("`primary` has no digest"));
        let sha1 = format!("<checksum type=\"sha1\">{sum}</checksum>{place}");
        assert!(with(&sha1).contains("another digest than SHA-256"));
        let digest = format!("<checksum type=\"sha256\">{sum}</checksum>");
        assert!(with(&digest).contains("has no place"));
        for href in ["repodata/../../x", "/etc/passwd", "http://x/y", "repodata/", "repodata/.x"] {
            let said = with(&format!("{digest}<location href=\"{href}\"/>"));
            assert!(said.contains("not below `repodata/`"), "{said}");
        }
        assert!(parse("<html>").is_err() && parse("").is_err());
        assert!(parse("<repomd></repomd>").unwrap_err().contains("no index of packages"));
        let twice = format!("<data type=\"primary\">{digest}{place}</data>");
        let said = parse(&format!("<repomd>{twice}{twice}</repomd>")).unwrap_err();
        assert!(said.contains("twice"), "{said}");
        assert!(parse(&format!("<repomd><!-- -->{twice}</repomd>")).is_err());
    }
}
