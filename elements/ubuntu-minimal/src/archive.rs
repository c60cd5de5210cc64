//! Ubuntu's archives: their pockets, and how apt is told of them.

use crate::release;

/// Where the package `ubuntu-keyring` puts the archive's keys.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/ubuntu-archive-keyring.gpg";

/// Ubuntu Archive Automatic Signing Key (2018), which signs all releases from 18.04 on:
/// F6EC B376 2474 EDA9 D21B 7022 8719 20D1 991B C93C.
pub(crate) const KEY: &str = include_str!("archive-key-2018.asc");

/// Where packages are had from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirrors {
    pub(crate) archive: String,
    pub(crate) security: String,
}

/// The suites of a release by the pockets that are wanted: on the archive, the release first, and on the
/// mirror of security updates.
pub(crate) fn suites(release: &str, pockets: &[String]) -> (Vec<String>, Vec<String>) {
    let (security, others): (Vec<_>, Vec<_>) = pockets.iter().partition(|p| *p == "security");
    let suite = |pocket: &String| format!("{release}-{pocket}");
    let archive = std::iter::once(release.to_owned()).chain(others.into_iter().map(suite));
    (archive.collect(), security.into_iter().map(suite).collect())
}

/// What an image finds packages by: the path of the file and its text. From 24.04 on Ubuntu writes
/// deb822, and before lines.
pub(crate) fn sources(
    release: &str,
    pockets: &[String],
    components: &[String],
    mirrors: &Mirrors,
    keyring: &str,
) -> (&'static str, String) {
    let (archive, security) = suites(release, pockets);
    let places = [(&mirrors.archive, archive), (&mirrors.security, security)];
    let places = places.into_iter().filter(|(_, suites)| !suites.is_empty());
    let components = components.join(" ");
    if release::is_since(release, "noble") {
        let stanza = |(mirror, suites): (&String, Vec<String>)| {
            format!(
                "Types: deb\nURIs: {mirror}\nSuites: {}\nComponents: {components}\n\
                 Signed-By: {keyring}\n",
                suites.join(" ")
            )
        };
        let stanzas: Vec<String> = places.map(stanza).collect();
        return ("/etc/apt/sources.list.d/ubuntu.sources", stanzas.join("\n"));
    }
    let lines = places.flat_map(|(mirror, suites)| {
        let components = &components;
        suites
            .into_iter()
            .map(move |suite| format!("deb [signed-by={keyring}] {mirror} {suite} {components}\n"))
    });
    ("/etc/apt/sources.list", lines.collect())
}
