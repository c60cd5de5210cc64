//! `primary.xml`: the packages of a repository, where each is and what it is known by. It is read for
//! zypper, which chooses packages and says neither.

use std::collections::BTreeMap;

use super::markup::{attribute, element, unescaped};

/// Name, version with its release and an epoch that is one, architecture.
pub type Nevra = (String, String, String);

/// A package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Below the repository.
    pub location: String,
    /// SHA-256 in lower-case hexadecimal; none: it is known by another digest.
    pub sha256: Option<String>,
    /// Bytes.
    pub size: u64,
    /// It says which release of the distribution a tree is.
    pub release: bool,
    /// The group that it is for zypper: a pattern, by its id.
    pub pattern: Option<String>,
}

/// What is told by whoever says which release a tree is: of Fedora's and Red Hat's kin, and of SUSE's.
const RELEASES: [&str; 2] = ["name=\"system-release\"", "name=\"distribution-release\""];

/// Reads it.
///
/// # Errors
/// A sentence: of a package something is missing.
pub fn parse(text: &str) -> Result<BTreeMap<Nevra, Listed>, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("<package ") {
        let (inside, beyond) =
            after.split_once("</package>").ok_or("a package in it has no end")?;
        rest = beyond;
        let (nevra, listed) = package(inside)?;
        // Of several of one name the first is as good as any: whoever is not that one has another digest.
        found.entry(nevra).or_insert(listed);
    }
    Ok(found)
}

fn package(inside: &str) -> Result<(Nevra, Listed), String> {
    let text = |name: &str| element(inside, name).map(|(_, text)| unescaped(text.trim()));
    let name = text("name").ok_or("a package in it has no name")?;
    let missing = |what: &str| format!("the package `{}` in it has no {what}", name.escape_debug());
    let tag = |name: &str| {
        let (_, after) = inside.split_once(&format!("<{name} "))?;
        // Names of attributes follow a space.
        after.split_once('>').map(|(head, _)| format!(" {head}"))
    };
    let arch = text("arch").ok_or_else(|| missing("architecture"))?;
    let version = tag("version").ok_or_else(|| missing("version"))?;
    let part = |part: &str| attribute(&version, part).map(unescaped);
    let (upstream, release) = part("ver").zip(part("rel")).ok_or_else(|| missing("version"))?;
    let epoch = part("epoch").filter(|epoch| epoch != "0" && !epoch.is_empty());
    let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
    let location = tag("location").ok_or_else(|| missing("place"))?;
    let location = attribute(&location, "href").ok_or_else(|| missing("place"))?;
    let size = tag("size").ok_or_else(|| missing("size"))?;
    let size = attribute(&size, "package").and_then(|size| size.parse().ok());
    let (head, sum) = element(inside, "checksum").ok_or_else(|| missing("digest"))?;
    let (_, provided) = element(inside, "rpm:provides").unwrap_or_default();
    let listed = Listed {
        location: unescaped(location),
        sha256: (attribute(head, "type") == Some("sha256")).then(|| sum.trim().to_owned()),
        size: size.ok_or_else(|| missing("size"))?,
        release: RELEASES.iter().any(|name| provided.contains(name)),
        pattern: pattern(provided),
    };
    Ok(((name, format!("{epoch}{upstream}-{release}"), arch), listed))
}

/// `pattern() = ID`, among what a package provides.
fn pattern(provided: &str) -> Option<String> {
    let (_, after) = provided.split_once("name=\"pattern()\"")?;
    let (head, _) = after.split_once('>')?;
    attribute(head, "ver").map(unescaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = r#"<metadata packages="1">
<package type="rpm">
  <name>a&amp;b</name>
  <arch>noarch</arch>
  <version epoch="1" ver="2" rel="3.el9"/>
  <checksum type="sha256" pkgid="YES">9a96</checksum>
  <time file="1" build="2"/>
  <size package="6089" installed="2" archive="268"/>
  <location href="Packages/a-2-3.el9.noarch.rpm"/>
  <format>
    <rpm:provides>
      <rpm:entry name="system-release" flags="EQ" epoch="0" ver="9" rel="1"/>
    </rpm:provides>
  </format>
</package>
</metadata>"#;

    #[test]
    fn a_package_is_found_by_what_it_is() {
        let found = parse(PACKAGE).unwrap();
        let key = ("a&b".to_owned(), "1:2-3.el9".to_owned(), "noarch".to_owned());
        let listed = &found[&key];
        assert_eq!(listed.location, "Packages/a-2-3.el9.noarch.rpm");
        assert_eq!((listed.size, listed.sha256.as_deref()), (6089, Some("9a96")));
        assert!(listed.release);
        assert_eq!(listed.pattern, None);
        let entry = "<rpm:entry name=\"pattern()\" flags=\"EQ\" epoch=\"0\" ver=\"tools\"/>";
        let of_tools = PACKAGE.replace("<rpm:provides>", &format!("<rpm:provides>{entry}"));
        let (_, listed) = parse(&of_tools).unwrap().pop_first().unwrap();
        assert_eq!(listed.pattern.as_deref(), Some("tools"));
        let other = PACKAGE.replace("sha256", "sha512").replace("epoch=\"1\"", "epoch=\"0\"");
        let (key, listed) = parse(&other).unwrap().pop_first().unwrap();
        assert_eq!((key.1.as_str(), listed.sha256), ("2-3.el9", None));
    }

    #[test]
    fn what_is_missing_is_told() {
        let without = |what: &str, by: &str| parse(&PACKAGE.replace(what, by)).unwrap_err();
        assert!(without("</package>", "").contains("no end"));
        assert!(without("<location href=", "<loc href=").contains("no place"));
        assert!(without("ver=\"2\"", "").contains("no version"));
        assert!(without("package=\"6089\"", "").contains("no size"));
        assert!(parse("").unwrap().is_empty());
    }
}
