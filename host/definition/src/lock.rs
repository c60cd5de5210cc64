//! `dib.lock`: what each element of an image was and asked for when somebody last agreed to it.
//!
//! ```toml
//! version = 1
//!
//! [image.debian-motd.motd]
//! from = "./motd.wasm"
//! version = "1.0.0"
//! digest = "sha256:…"
//! manifest = "sha256:…"           # of one from a registry
//! key = "sha256:…"                # who signed that
//!
//! [image.debian-motd.motd.requests]
//! rootfs = ["write /etc/motd"]
//!
//! [image.debian-motd.motd.pins]
//! "git https://example.org/motd.git main" = "commit:…"
//! "https://example.org/motd.txt" = "sha256:…"
//!
//! [packages.debian-motd]
//! libc6 = "2.36-9+deb12u10 amd64 sha256:…"
//! ```
//!
//! Packages are what the first tree of an image is made of: chosen by `dibhost update`, held to by builds.
//! Pins are what an element fetched without saying beforehand what it is: found by the first build,
//! held to by those after it.
//!
//! One file a folder, for all definitions in it. Sorted and written in one way only, so that it
//! changes when what it says does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dibhost_sys::read_written_bytes;
use toml::de::{DeTable, DeValue};

use crate::capability::{Capability, Scoped};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::location::Source;
use crate::not_toml::not_toml;
use crate::reader::{Item, Key, Reader, integer, kind};
use crate::sha256::{is_hex, is_sha256};
use crate::write::{toml_key, toml_text};

/// The file's name, beside the definition.
pub const LOCK_FILE: &str = "dib.lock";

/// Another form is another number, and refused.
const VERSION: i64 = 1;

/// Thousands of elements are a few MiB; what is larger is no lock file.
const LIMIT: usize = 16 << 20;

const ELEMENT_KEYS: [&str; 7] =
    ["from", "version", "digest", "manifest", "key", "requests", "pins"];

/// What a pin of a branch or tag begins with, before the repository's URL.
const GIT: &str = "git ";

/// What an element was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockedElement {
    /// As the definition, or another element's `requires`, names it.
    pub from: String,
    /// Semver.
    pub version: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// `sha256:…` of its manifest, where it is from a registry.
    pub manifest: Option<String>,
    /// `sha256:…` of the public key that signed it, where somebody's counted.
    pub key: Option<String>,
    /// What it asked for.
    pub requests: BTreeSet<Scoped>,
    /// What it fetched and nobody had said the digest of: a URL → `sha256:…`, or
    /// `git URL BRANCH-OR-TAG` → `commit:…`.
    pub pins: BTreeMap<String, String>,
}

/// A package that an image's first tree is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedVersion {
    /// As the package manager has it.
    pub version: String,
    /// `amd64`, `all`.
    pub arch: String,
    /// SHA-256 of its file in lower-case hexadecimal.
    pub sha256: String,
}

/// The packages of one image, by name.
pub type LockedPackages = BTreeMap<String, LockedVersion>;

/// The elements of one image, by name.
pub type LockedImage = BTreeMap<String, LockedElement>;

/// The images of one folder, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the image's name.
    pub images: BTreeMap<String, LockedImage>,
    /// By the image's name: of those whose packages are locked.
    pub packages: BTreeMap<String, LockedPackages>,
}

impl Lock {
    /// Reads a lock file from text. `file` is what places are told with.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, Diagnostics> {
        if text.len() > LIMIT {
            return Err(refused(file, &format!("is longer than {LIMIT} bytes")).into());
        }
        let source = Source::new(file, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut wrong = Diagnostics::default();
        wrong.extend(not_toml(&errors, text, &source).into_iter().map(|one| one.with_help(HELP)));
        let root = wrong.or(root)?;
        let mut reader = Reader { source, wrong: Diagnostics::default() };
        let lock = reader.lock(root.get_ref(), file);
        for diagnostic in &mut reader.wrong.0 {
            diagnostic.help.get_or_insert_with(|| HELP.to_owned());
        }
        reader.wrong.or(lock)
    }

    /// Reads the lock file of a folder; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or all that is wrong with it.
    pub fn load(path: &Path) -> Result<Option<Self>, Diagnostics> {
        let file = path.display().to_string();
        let bytes = match read_written_bytes(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let said = format!("cannot read the lock file `{file}`: {error}");
                return Err(Diagnostic::new(said).into());
            }
        };
        let text = String::from_utf8(bytes).map_err(|_| refused(&file, "is not UTF-8 text"))?;
        Self::parse(&text, &file).map(Some)
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "# Written by dibhost: what each element was and asked for. Keep it with the definition.\n\
             version = {VERSION}\n"
        );
        for (image, elements) in &self.images {
            for (name, element) in elements {
                let table = format!("image.{}.{}", toml_key(image), toml_key(name));
                text += &format!(
                    "\n[{table}]\nfrom = {}\nversion = {}\ndigest = {}\n",
                    toml_text(&element.from),
                    toml_text(&element.version),
                    toml_text(&element.digest)
                );
                for (key, is) in [("manifest", &element.manifest), ("key", &element.key)] {
                    if let Some(is) = is {
                        text += &format!("{key} = {}\n", toml_text(is));
                    }
                }
                if !element.requests.is_empty() {
                    text += &format!("\n[{table}.requests]\n");
                    text += &crate::write::scope_lines(&element.requests);
                }
                if !element.pins.is_empty() {
                    text += &format!("\n[{table}.pins]\n");
                }
                for (asked, is) in &element.pins {
                    text += &format!("{} = {}\n", toml_text(asked), toml_text(is));
                }
            }
        }
        for (image, packages) in &self.packages {
            text += &format!("\n[packages.{}]\n", toml_key(image));
            for (name, LockedVersion { version, arch, sha256 }) in packages {
                let is = format!("{version} {arch} sha256:{sha256}");
                text += &format!("{} = {}\n", toml_key(name), toml_text(&is));
            }
        }
        text
    }
}

const HELP: &str = "dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again";

fn refused(file: &str, what: &str) -> Diagnostic {
    Diagnostic::new(format!("the lock file `{file}` {what}")).with_help(HELP)
}

impl Reader<'_> {
    fn lock(&mut self, root: &DeTable<'_>, file: &str) -> Lock {
        let mut lock = Lock::default();
        self.known_keys(root, &["version", "image", "packages"], "the lock file");
        match root.iter().find(|(key, _)| key.get_ref() == "version") {
            Some((_, item)) if integer(item.get_ref()) == Some(VERSION) => {}
            Some((_, item)) => {
                let is = kind(item.get_ref());
                self.refuse(
                    item,
                    Diagnostic::new(format!(
                        "this host knows lock files of version {VERSION}; this is {is}"
                    ))
                    .with_help("a newer dibhost may have written it"),
                );
            }
            None => self.wrong.push(refused(file, "has no `version`")),
        }
        let packages = root.iter().find(|(key, _)| key.get_ref() == "packages");
        if let Some(images) = packages.and_then(|(_, item)| self.table(item, "packages")) {
            for (image, item) in images {
                let packages = self.locked_packages(item);
                if !packages.is_empty() {
                    lock.packages.insert(image.get_ref().to_string(), packages);
                }
            }
        }
        let images = root.iter().find(|(key, _)| key.get_ref() == "image");
        let Some(images) = images.and_then(|(_, item)| self.table(item, "image")) else {
            return lock;
        };
        for (image, item) in images {
            let Some(table) = self.table(item, "an image") else { continue };
            let elements = table.iter().filter_map(|(key, item)| {
                Some((key.get_ref().to_string(), self.locked_element(key, item)?))
            });
            let elements: LockedImage = elements.collect();
            // Nobody agreed to anything in an image of no elements: as if it were not there.
            if !elements.is_empty() {
                lock.images.insert(image.get_ref().to_string(), elements);
            }
        }
        lock
    }

    fn locked_packages(&mut self, item: &Item<'_>) -> LockedPackages {
        let mut packages = LockedPackages::new();
        let Some(table) = self.table(item, "the packages of an image") else { return packages };
        for (key, item) in table {
            let Some(text) = self.text(item, "a package", "a text").map(|text| text.value) else {
                continue;
            };
            let mut words = text.split(' ');
            let said = (words.next(), words.next(), words.next(), words.next());
            let version = match said {
                (Some(version), Some(arch), Some(digest), None)
                    if is_sha256(digest) && is_word(version) && is_word(arch) =>
                {
                    let sha256 = digest.trim_start_matches("sha256:").to_owned();
                    LockedVersion { version: version.to_owned(), arch: arch.to_owned(), sha256 }
                }
                _ => {
                    let said =
                        "this is no version, architecture and digest, as `1.0-1 amd64 sha256:…` is";
                    self.refuse(item, Diagnostic::new(said));
                    continue;
                }
            };
            packages.insert(key.get_ref().to_string(), version);
        }
        packages
    }

    fn locked_element(&mut self, key: &Key<'_>, item: &Item<'_>) -> Option<LockedElement> {
        let table = self.table(item, "an element")?;
        self.known_keys(table, &ELEMENT_KEYS, "an element");
        let mut element = LockedElement::default();
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "from" => element.from = self.text(item, "from", "a text")?.value,
                "version" => element.version = self.text(item, "version", "a text")?.value,
                "digest" => element.digest = self.locked_digest(item, "digest")?,
                "manifest" => element.manifest = self.locked_digest(item, "manifest"),
                "key" => element.key = self.locked_digest(item, "key"),
                "requests" => element.requests = self.requests(item),
                "pins" => element.pins = self.pins(item),
                _ => {}
            }
        }
        if element.digest.is_empty() {
            let place = self.source.locate(&key.span());
            let said = format!("the element `{}` has no digest", key.get_ref());
            self.wrong.push(Diagnostic::new(said).at(Some(&place)));
        }
        Some(element)
    }

    fn locked_digest(&mut self, item: &Item<'_>, key: &str) -> Option<String> {
        let digest = self.text(item, key, "a text")?.value;
        if !is_sha256(&digest) {
            self.refuse(item, Diagnostic::new("this is no digest, as `sha256:…` is"));
        }
        Some(digest)
    }

    fn requests(&mut self, item: &Item<'_>) -> BTreeSet<Scoped> {
        let mut requests = BTreeSet::new();
        let Some(table) = self.table(item, "requests") else { return requests };
        self.known_capabilities(table, "`requests`");
        for (key, item) in table {
            let Some(capability) = Capability::named(key.get_ref()) else { continue };
            let scopes = match item.get_ref() {
                DeValue::Boolean(true) if capability.unscoped() => vec![String::new()],
                _ => {
                    let texts = self.texts(item, capability.name(), "a list of scopes");
                    texts.into_iter().map(|t| t.value).collect()
                }
            };
            requests.extend(scopes.into_iter().map(|scope| (capability, scope)));
        }
        requests
    }

    fn pins(&mut self, item: &Item<'_>) -> BTreeMap<String, String> {
        let mut pins = BTreeMap::new();
        let Some(table) = self.table(item, "pins") else { return pins };
        for (key, item) in table {
            let asked = key.get_ref().as_ref();
            let Some(is) = self.text(item, "a pin", "a text").map(|text| text.value) else {
                continue;
            };
            let said = match asked.starts_with(GIT) {
                true if !is_commit(&is) => "this is no commit, as `commit:…` with all digits is",
                false if !is_sha256(&is) => "this is no digest, as `sha256:…` is",
                _ => {
                    pins.insert(asked.to_owned(), is);
                    continue;
                }
            };
            self.refuse(item, Diagnostic::new(said));
        }
        pins
    }
}

/// As versions and architectures are written.
fn is_word(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._+~:-^".contains(&b);
    !text.is_empty() && text.bytes().all(fits)
}

fn is_commit(text: &str) -> bool {
    text.strip_prefix("commit:").is_some_and(|d| matches!(d.len(), 40 | 64) && is_hex(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let element = LockedElement {
            from: "../x/motd \"1\".wasm".to_owned(),
            version: "1.0.0".to_owned(),
            digest: format!("sha256:{}", "0".repeat(64)),
            manifest: Some(format!("sha256:{}", "4".repeat(64))),
            key: Some(format!("sha256:{}", "5".repeat(64))),
            requests: [
                (Capability::Rootfs, "write /etc/motd".to_owned()),
                (Capability::BlockDevice, String::new()),
                (Capability::Exec, "a\\b".to_owned()),
            ]
            .into(),
            pins: [
                ("https://x.example/a \"b\"", format!("sha256:{}", "1".repeat(64))),
                ("git https://x.example/y.git main", format!("commit:{}", "2".repeat(40))),
            ]
            .map(|(asked, is)| (asked.to_owned(), is))
            .into(),
        };
        let plain = LockedElement {
            requests: BTreeSet::new(),
            pins: BTreeMap::new(),
            manifest: None,
            key: None,
            ..element.clone()
        };
        let image = LockedImage::from([("motd".to_owned(), element), ("vm".to_owned(), plain)]);
        let package = LockedVersion {
            version: "2.36-9+deb12u10".to_owned(),
            arch: "amd64".to_owned(),
            sha256: "3".repeat(64),
        };
        let packages = ["libc6", "g++"].map(|name| (name.to_owned(), package.clone()));
        Lock {
            images: [("a.b".to_owned(), image.clone()), ("x".to_owned(), image)].into(),
            packages: [("a.b".to_owned(), packages.into())].into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = lock().to_text();
        assert_eq!(Lock::parse(&text, "dib.lock").unwrap(), lock(), "{text}");
        assert_eq!(Lock::parse(&text, "dib.lock").unwrap().to_text(), text);
        insta::assert_snapshot!(text.lines().take(20).collect::<Vec<_>>().join("\n"), @r#"
        # Written by dibhost: what each element was and asked for. Keep it with the definition.
        version = 1

        [image."a.b".motd]
        from = "../x/motd \"1\".wasm"
        version = "1.0.0"
        digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
        manifest = "sha256:4444444444444444444444444444444444444444444444444444444444444444"
        key = "sha256:5555555555555555555555555555555555555555555555555555555555555555"

        [image."a.b".motd.requests]
        block-device = true
        exec = ["a\\b"]
        rootfs = ["write /etc/motd"]

        [image."a.b".motd.pins]
        "git https://x.example/y.git main" = "commit:2222222222222222222222222222222222222222"
        "https://x.example/a \"b\"" = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

        [image."a.b".vm]
        "#);
        assert_eq!(Lock::parse("version = 1\n", "dib.lock").unwrap(), Lock::default());
    }

    #[test]
    fn packages_are_a_line_each_and_nothing_else() {
        let text = lock().to_text();
        let packages = text.split_once("\n[packages.").unwrap().1;
        let line = format!("\"2.36-9+deb12u10 amd64 sha256:{}\"", "3".repeat(64));
        assert_eq!(packages, format!("\"a.b\"]\n\"g++\" = {line}\nlibc6 = {line}\n"));
        for wrong in ["1 amd64", "1 amd64 sha256:3", "1  amd64", "", "1 amd64 sha256:3 x"] {
            let text = format!("version = 1\n[packages.x]\nlibc6 = \"{wrong}\"\n");
            let said = Lock::parse(&text, "dib.lock").unwrap_err().to_string();
            assert!(said.contains("dib.lock:3:9: this is no version"), "{said}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_place() {
        let text = "version = 1\n[image.x.motd]\ndigest = \"md5:1\"\nfrm = \"x\"\nversion = 1\n\
                    [image.x.vm]\n[image.x.vm.requests]\nexce = [\"sh\"]\nexec = true\n[image]\ny = 1\n";
        insta::assert_snapshot!(Lock::parse(text, "dib.lock").unwrap_err(), @r#"
        dib.lock:3:10: this is no digest, as `sha256:…` is
          3 | digest = "md5:1"
            |          ^^^^^^^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        dib.lock:4:1: unknown key `frm`
          4 | frm = "x"
            | ^^^
          help: did you mean `from`?
        dib.lock:5:11: `version` has to be a text; this is the number 1
          5 | version = 1
            |           ^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        dib.lock:6:10: the element `vm` has no digest
          6 | [image.x.vm]
            |          ^^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        dib.lock:8:1: unknown capability `exce`
          8 | exce = ["sh"]
            | ^^^^
          help: did you mean `exec`?
        dib.lock:9:8: `exec` has to be a list of scopes; this is `true`
          9 | exec = true
            |        ^^^^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        dib.lock:11:5: `an image` has to be a table; this is the number 1
          11 | y = 1
             |     ^
          help: write it as `[an image]`
        "#);
        insta::assert_snapshot!(Lock::parse("version = 2\n", "dib.lock").unwrap_err(), @r"
        dib.lock:1:11: this host knows lock files of version 1; this is the number 2
          1 | version = 2
            |           ^
          help: a newer dibhost may have written it
        ");
        insta::assert_snapshot!(Lock::parse("image = {", "dib.lock").unwrap_err(), @r"
        dib.lock:1:9: this is no TOML: the table that ends here is not closed
          1 | image = {
            |         ^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        ");
        insta::assert_snapshot!(Lock::parse("", "dib.lock").unwrap_err(), @r"
        the lock file `dib.lock` has no `version`
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        ");
    }

    #[test]
    fn a_pin_is_a_digest_or_a_whole_commit() {
        let text = "version = 1\n[image.x.motd]\ndigest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n\
                    [image.x.motd.pins]\n\"https://x/y\" = \"commit:1\"\n\"git https://x/y main\" = \"commit:12\"\n";
        insta::assert_snapshot!(Lock::parse(text, "dib.lock").unwrap_err(), @r#"
        dib.lock:5:17: this is no digest, as `sha256:…` is
          5 | "https://x/y" = "commit:1"
            |                 ^^^^^^^^^^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        dib.lock:6:26: this is no commit, as `commit:…` with all digits is
          6 | "git https://x/y main" = "commit:12"
            |                          ^^^^^^^^^^^
          help: dibhost writes this file; take back what was changed in it, or remove it and agree to what the elements ask again
        "#);
    }

    #[test]
    fn depth_and_size_are_no_matter() {
        let deep = format!("version = 1\nimage = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Lock::parse(&deep, "dib.lock").is_err());
        assert!(Lock::parse(&" ".repeat(LIMIT + 1), "dib.lock").is_err());
    }
}
