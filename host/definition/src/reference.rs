//! How a definition names an element: by name, by path, or in a registry.
//!
//! ```text
//! debian                                       an element of the folders of elements
//! ./motd.wasm                                  a file, relative to the definition
//! oci://registry.example/acme/motd:^1.2        the newest version that fits
//! oci://registry.example/acme/motd:1.2.3       that version
//! oci://registry.example/acme/motd@sha256:…    that manifest
//! ```

use std::fmt;

use dibhost_text::harmless;
use semver::{Version, VersionReq};

use crate::diagnostic::Diagnostic;
use crate::repository::Repository;
use crate::sha256::is_sha256;

/// What a reference to a registry begins with.
const OCI: &str = "oci://";

/// As registries have it (OCI distribution 1.1) of a tag, which a version is.
const LONGEST_TAG: usize = 128;

/// An element, as the definition names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By the name it has in a folder of elements.
    Name(String),
    /// By the path of its component.
    Path(String),
    /// In a registry.
    Oci(OciReference),
}

/// An element in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciReference {
    /// `registry.example/acme/motd`.
    pub repository: Repository,
    /// Which of those that are there.
    pub wanted: Wanted,
}

/// Which of the elements of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The newest version that fits.
    Requirement(VersionReq),
    /// That version.
    Version(Version),
    /// That manifest: `sha256:…`.
    Digest(String),
}

impl Reference {
    /// Reads what a definition or a command line says.
    ///
    /// # Errors
    /// When it begins as a URL does, and is no sound reference to a registry.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        if let Some(rest) = text.strip_prefix(OCI) {
            return OciReference::of(rest).map(Self::Oci).map_err(|(why, help)| {
                Diagnostic::new(format!("`{}` {why}", harmless(text, 200))).with_help(help)
            });
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let shown = harmless(text, 200);
            let help = match scheme.eq_ignore_ascii_case("oci") {
                true => format!("did you mean `oci://{}`?", harmless(rest, 200)),
                false => {
                    "elements come from registries (`oci://HOST/REPOSITORY:VERSION`), or lie in \
                          a file (`./motd.wasm`)"
                        .to_owned()
                }
            };
            let said = format!("`{shown}` is no reference to an element");
            return Err(Diagnostic::new(said).with_help(help));
        }
        Ok(match text.contains('/') {
            true => Self::Path(text.to_owned()),
            false => Self::Name(text.to_owned()),
        })
    }

    /// The reference to a registry that a text is; none: it is another one, or unsound.
    #[must_use]
    pub fn in_registry(text: &str) -> Option<OciReference> {
        match Self::parse(text) {
            Ok(Self::Oci(reference)) => Some(reference),
            _ => None,
        }
    }
}

/// What is wrong with it, and what to do.
type Wrong = (String, String);

impl OciReference {
    fn of(text: &str) -> Result<Self, Wrong> {
        let (name, wanted) = match text.split_once('@') {
            Some((name, digest)) => (name, Wanted::Digest(sound_digest(digest)?)),
            None => {
                // The host may have a port: only what comes after the first slash is asked.
                let path = text.find('/').unwrap_or(text.len());
                match text[path..].split_once(':') {
                    Some((before, version)) => (&text[..path + before.len()], Wanted::of(version)?),
                    None => {
                        let why = "says no version".to_owned();
                        let shown = harmless(text, 200);
                        let help = format!(
                            "write `oci://{shown}:^1.2` (the newest that fits), `oci://{shown}:1.2.3`, or `oci://{shown}:*` for the newest of all"
                        );
                        return Err((why, help));
                    }
                }
            }
        };
        let repository = Repository::parse(name).map_err(|why| {
            let form = "a reference is `oci://HOST/REPOSITORY:VERSION`, as `oci://registry.example/acme/motd:^1.2`";
            (format!("names no repository: {why}"), form.to_owned())
        })?;
        Ok(Self { repository, wanted })
    }

    /// What a policy calls it: without its version.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{OCI}{}", self.repository)
    }

    /// What the element has to call itself: the last part of the repository.
    #[must_use]
    pub fn element(&self) -> &str {
        self.repository.last()
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match &self.wanted {
            Wanted::Requirement(requirement) => write!(f, "{name}:{requirement}"),
            Wanted::Version(version) => write!(f, "{name}:{version}"),
            Wanted::Digest(digest) => write!(f, "{name}@{digest}"),
        }
    }
}

impl Wanted {
    fn of(text: &str) -> Result<Self, Wrong> {
        let shown = harmless(text, 60);
        if text.len() > LONGEST_TAG {
            return Err((
                format!("has a version of more than {LONGEST_TAG} characters"),
                "write a version as `1.2.3`, or a requirement as `^1.2`".to_owned(),
            ));
        }
        if let Ok(version) = Version::parse(text) {
            if !version.build.is_empty() {
                let why = format!("has the version `{shown}`, and a tag has no `+` in it");
                return Err((why, format!("leave out `+{}`", version.build)));
            }
            return Ok(Self::Version(version));
        }
        let begins = text.starts_with(['^', '~', '=', '>', '<', '*']);
        if begins && let Ok(requirement) = VersionReq::parse(text) {
            return Ok(Self::Requirement(requirement));
        }
        // Bare `1.2` might be a tag that moves, and might be meant as a requirement.
        let meant = VersionReq::parse(text).is_ok() && !begins;
        let help = match meant {
            true => format!("write `^{shown}` for the newest that fits, or a whole version as `1.2.3`"),
            false => "write a version as `1.2.3`, or a requirement as `^1.2`, `~1.2`, `=1.2` or `*`; a tag that moves, as `latest`, is none".to_owned(),
        };
        Err((format!("has `{shown}` where a version has to be"), help))
    }

    /// Whether a version is one of those that are wanted; of a digest nobody knows it.
    #[must_use]
    pub fn fits(&self, version: &Version) -> bool {
        match self {
            Self::Requirement(requirement) => requirement.matches(version),
            Self::Version(wanted) => wanted == version,
            Self::Digest(_) => true,
        }
    }
}

fn sound_digest(text: &str) -> Result<String, Wrong> {
    if is_sha256(text) {
        return Ok(text.to_owned());
    }
    let why = format!("has `{}` where a digest has to be", harmless(text, 100));
    Err((why, "a digest is `sha256:` and 64 small hexadecimal digits".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn oci(text: &str) -> OciReference {
        match Reference::parse(text).unwrap() {
            Reference::Oci(reference) => reference,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reference_is_a_name_a_path_or_in_a_registry() {
        assert_eq!(Reference::parse("debian").unwrap(), Reference::Name("debian".to_owned()));
        for path in ["./motd.wasm", "../x/motd.wasm", "/srv/oci:/motd.wasm"] {
            assert_eq!(Reference::parse(path).unwrap(), Reference::Path(path.to_owned()));
        }
        let reference = oci("oci://localhost:5000/acme/motd:^1.2");
        assert_eq!((reference.repository.host(), reference.element()), ("localhost:5000", "motd"));
        assert_eq!(reference.name(), "oci://localhost:5000/acme/motd");
        assert_eq!(reference.to_string(), "oci://localhost:5000/acme/motd:^1.2");
        let fits = |version: &str| reference.wanted.fits(&Version::parse(version).unwrap());
        assert!(fits("1.2.0") && fits("1.9.9"));
        assert!(!fits("1.1.9") && !fits("2.0.0") && !fits("1.3.0-rc.1"));
        assert!(matches!(oci("oci://[::1]:5000/motd:1.2.3-rc.1").wanted, Wanted::Version(_)));
        assert!(matches!(oci("oci://x.example/a:>=1, <2").wanted, Wanted::Requirement(_)));
        // What a policy is asked about is told in one way.
        assert_eq!(oci("oci://X.Example/a:*").name(), "oci://x.example/a");
        let digest = format!("oci://x.example/a@{DIGEST}");
        assert_eq!(oci(&digest).wanted, Wanted::Digest(DIGEST.to_owned()));
        assert_eq!(oci(&digest).to_string(), digest);
        for sound in ["a--b", "a__b/c.d", "0/1_2"] {
            assert_eq!(oci(&format!("oci://x/{sound}:*")).repository.path(), sound);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = format!("oci://x/{}:*", "a/".repeat(200) + "a");
        for wrong in [
            "oci://",
            "oci:///motd:1.0.0",
            "oci://x",
            "oci://x/motd",
            "oci://x/:1.0.0",
            "oci://x/motd:",
            "oci://x/motd:latest",
            "oci://x/motd:1.2",
            "oci://x/motd:1.2.3+b",
            "oci://x/Motd:*",
            "oci://x/../motd:*",
            "oci://x//motd:*",
            "oci://x/a___b:*",
            "oci://x/-a:*",
            "oci://x/a.:*",
            "oci://x/a b:*",
            "oci://user@x/a:*",
            "oci://x:0/a:*",
            "oci://x:99999/a:*",
            "oci://x:/a:*",
            "oci://-x/a:*",
            "oci://x..y/a:*",
            "oci://[::g]/a:*",
            "oci://x/a?b:*",
            "oci://x/a#b:*",
            "oci://x/a@sha256:12",
            "oci://x/a@md5:1",
            "oci://x/a:1.0.0@sha256:1",
            "http://x/a:1.0.0",
            "docker://x/a",
            "OCI://x/a:*",
            "oci://x/a:^1.2:3",
            "oci://x/ä:*",
            "oci://x/a:^1\u{202e}",
            &long,
        ] {
            let said = Reference::parse(wrong).unwrap_err();
            assert!(said.help.is_some(), "{wrong}: {said}");
            assert!(Reference::in_registry(wrong).is_none());
        }
        let said = Reference::parse("oci://x.example/motd:1.2").unwrap_err();
        insta::assert_snapshot!(said, @r"
        `oci://x.example/motd:1.2` has `1.2` where a version has to be
          help: write `^1.2` for the newest that fits, or a whole version as `1.2.3`
        ");
    }
}
