//! The policy of who is trusted for elements from elsewhere: a TOML file of the person's or of the
//! machine's, beside no definition.
//!
//! ```toml
//! default = "deny"                # or "allow": elements of registries that no publisher is named for
//! files = "allow"                 # or "deny": the same of files
//!
//! [[publishers]]
//! name = "acme"
//! names = ["oci://registry.example/acme/*"]
//! keys = ["acme.pub"]             # any one of them; relative to this file
//! until = 2027-12-31              # the last day; without it, for ever
//! statement = "element"           # the signature has to name the element and its version
//! unsigned = false
//! slots = ["acme"]                # facts that only these provide
//! ```

use std::path::{Path, PathBuf};

use dibhost_sys::read_written_bytes;
use toml::de::{DeTable, DeValue};

use crate::date::days_of;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::location::{Source, Spanned};
use crate::not_toml::not_toml;
use crate::reader::{Item, Reader, kind};

/// Hundreds of publishers are some 100 KiB.
const LIMIT: usize = 1 << 20;

const KEYS: [&str; 3] = ["default", "files", "publishers"];
const PUBLISHER_KEYS: [&str; 7] =
    ["name", "names", "keys", "until", "statement", "unsigned", "slots"];

/// What an element of a registry is called by in a policy.
const OCI: &str = "oci://";
/// What an element in a file is called by.
const FILE: &str = "file:";

/// A policy as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustFile {
    /// Elements of registries that no publisher is named for may be used.
    pub default_allow: bool,
    /// Elements in files that no publisher is named for may be used.
    pub files_deny: bool,
    /// In the order in which they are asked.
    pub publishers: Vec<StatedPublisher>,
    /// The folder of the file.
    pub base: PathBuf,
}

/// Who is trusted for some names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedPublisher {
    /// What it is called in messages.
    pub name: Option<Spanned<String>>,
    /// `oci://HOST/REPOSITORY` and `file:NAME`; `*` stands for any run of characters.
    pub names: Vec<Spanned<String>>,
    /// Paths of public keys, relative to the file.
    pub keys: Vec<Spanned<String>>,
    /// The last day on which its keys count, as written and in days since 1970.
    pub until: Option<Spanned<(String, u32)>>,
    /// The signature has to name the element and its version.
    pub whole_statement: bool,
    /// What nobody signed may be used.
    pub unsigned: bool,
    /// Namespaces of facts that only its elements provide.
    pub slots: Vec<Spanned<String>>,
}

impl TrustFile {
    /// Reads a policy from text. `file` is what places are told with; paths in it are relative to
    /// `base`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, file: &str, base: &Path) -> Result<Self, Diagnostics> {
        if text.len() > LIMIT {
            let said = format!("the policy `{file}` is longer than {LIMIT} bytes");
            return Err(Diagnostic::new(said).into());
        }
        let source = Source::new(file, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut wrong = Diagnostics::default();
        wrong.extend(not_toml(&errors, text, &source));
        let root = wrong.or(root)?;
        let mut reader = Reader { source, wrong: Diagnostics::default() };
        let policy = reader.policy(root.get_ref(), base);
        reader.wrong.or(policy)
    }

    /// Reads a file; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or all that is wrong with it.
    pub fn load(path: &Path) -> Result<Option<Self>, Diagnostics> {
        let file = path.display().to_string();
        let unread = |why: String| {
            let said = format!("cannot read the policy `{file}`: {why}");
            Diagnostics::from(Diagnostic::new(said).with_help(
                "nothing from elsewhere is used while it cannot be read: mend it, or name another one",
            ))
        };
        let bytes = match read_written_bytes(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unread(error.to_string())),
        };
        let text = String::from_utf8(bytes).map_err(|_| unread("it is not UTF-8 text".into()))?;
        let base = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        Self::parse(&text, &file, base).map(Some)
    }
}

impl Reader<'_> {
    fn policy(&mut self, root: &DeTable<'_>, base: &Path) -> TrustFile {
        self.known_keys(root, &KEYS, "the policy");
        let mut policy = TrustFile { base: base.to_owned(), ..TrustFile::default() };
        for (key, item) in root {
            match key.get_ref().as_ref() {
                "default" => {
                    let word = self.one_of(item, "default", &["deny", "allow"]);
                    policy.default_allow = word.as_deref() == Some("allow");
                }
                "files" => {
                    let word = self.one_of(item, "files", &["allow", "deny"]);
                    policy.files_deny = word.as_deref() == Some("deny");
                }
                "publishers" => {
                    for item in self.tables(item, "publishers") {
                        if let Some(publisher) = self.publisher(item) {
                            policy.publishers.push(publisher);
                        }
                    }
                }
                _ => {}
            }
        }
        let mut kept: Vec<&Spanned<String>> = Vec::new();
        for slot in policy.publishers.iter().flat_map(|publisher| &publisher.slots) {
            if kept.iter().any(|other| other.value == slot.value) {
                let said = format!("the slots of `{}:` are kept for two publishers", slot.value);
                self.wrong.push(
                    Diagnostic::new(said)
                        .at(slot.location.as_ref())
                        .with_help("a namespace belongs to one: put all its keys into one table"),
                );
            }
            kept.push(slot);
        }
        policy
    }

    fn publisher(&mut self, item: &Item<'_>) -> Option<StatedPublisher> {
        let table = self.table(item, "publishers")?;
        let all_known = self.known_keys(table, &PUBLISHER_KEYS, "`[[publishers]]`");
        let mut publisher = StatedPublisher {
            name: None,
            names: Vec::new(),
            keys: Vec::new(),
            until: None,
            whole_statement: false,
            unsigned: false,
            slots: Vec::new(),
        };
        let (mut named, mut keyed) = (false, false);
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "name" => publisher.name = self.ruled(item, "name", publisher_name),
                "names" => {
                    named = true;
                    let wanted = "a list of names, as `[\"oci://registry.example/acme/*\"]`";
                    publisher.names = self.all_ruled(item, "names", wanted, pattern);
                }
                "keys" => {
                    keyed = true;
                    let wanted = "a list of files with public keys, as `[\"acme.pub\"]`";
                    publisher.keys = self.all_ruled(item, "keys", wanted, key_file);
                }
                "until" => publisher.until = self.last_day(item),
                "statement" => {
                    let word = self.one_of(item, "statement", &["element", "any"]);
                    publisher.whole_statement = word.as_deref() == Some("element");
                }
                "unsigned" => publisher.unsigned = self.boolean(item, "unsigned"),
                "slots" => {
                    let wanted = "a list of namespaces of facts, as `[\"acme\"]`";
                    publisher.slots = self.all_ruled(item, "slots", wanted, namespace);
                }
                _ => {}
            }
        }
        let missing = [
            (named, "names", "[\"oci://registry.example/acme/*\"]"),
            (keyed || publisher.unsigned, "keys", "[\"acme.pub\"]"),
        ];
        for (_, key, example) in missing.iter().filter(|(there, ..)| !there && all_known) {
            self.refuse(
                item,
                Diagnostic::new(format!("`[[publishers]]` says no `{key}`"))
                    .with_help(format!("add\n{key} = {example}")),
            );
        }
        Some(publisher)
    }

    fn last_day(&mut self, item: &Item<'_>) -> Option<Spanned<(String, u32)>> {
        let text = match item.get_ref() {
            DeValue::Datetime(day) => day.to_string(),
            DeValue::String(text) => text.to_string(),
            value => {
                let said =
                    format!("`until` has to be a day, as `2027-12-31`; this is {}", kind(value));
                self.refuse(item, Diagnostic::new(said));
                return None;
            }
        };
        match days_of(&text) {
            Ok(days) => Some(self.spanned(item, (text, days))),
            Err(why) => {
                let text = dibhost_text::harmless(&text, 60);
                self.refuse(item, Diagnostic::new(format!("`until` \"{text}\" {why}")));
                None
            }
        }
    }
}

fn publisher_name(text: &str) -> Result<(), String> {
    let fits = |c: char| !c.is_control() && !dibhost_text::is_hidden(c);
    match !text.trim().is_empty() && text.len() <= 100 && text.chars().all(fits) {
        true => Ok(()),
        false => Err("is no name: up to 100 characters that can be seen".to_owned()),
    }
}

fn key_file(text: &str) -> Result<(), String> {
    match text.is_empty() || text.contains('\0') {
        false => Ok(()),
        true => Err("is no path of a file".to_owned()),
    }
}

/// `oci://HOST/…` or `file:NAME`. A host is one host, or any: what begins or ends like a host may
/// be anybody's.
fn pattern(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*".contains(c);
    if let Some(name) = text.strip_prefix(FILE) {
        return match !name.is_empty() && name.chars().all(fits) {
            true => Ok(()),
            false => Err("names no element in a file, as `file:motd` does".to_owned()),
        };
    }
    let form = || {
        "is no name of elements, as `oci://registry.example/acme/*` and `file:motd` are".to_owned()
    };
    let rest = text.strip_prefix(OCI).ok_or_else(form)?;
    let (host, path) = rest.split_once('/').ok_or_else(form)?;
    if host != "*" && host.contains('*') {
        return Err(
            "has a part of a host, which may be anybody's: write the whole host, or `*` for any"
                .to_owned(),
        );
    }
    let host_fits = |c: char| c.is_ascii_alphanumeric() || ".-:[]*".contains(c);
    let sound = !host.is_empty() && host.chars().all(host_fits);
    match sound && !path.is_empty() && path.chars().all(|c| fits(c) || c == '/') {
        true => Ok(()),
        false => Err(form()),
    }
}

fn namespace(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if matches!(text, "dib" | "dibhost") {
        return Err("is the host's, and is kept for its elements anyway".to_owned());
    }
    let sound = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits);
    match sound && text.len() <= 64 {
        true => Ok(()),
        false => {
            Err("is no namespace of facts, as `acme` of `acme:proxy/upstream@1` is".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TrustFile, Diagnostics> {
        TrustFile::parse(text, "trust.toml", Path::new("/etc/dibhost"))
    }

    #[test]
    fn a_policy_says_who_is_trusted_for_what() {
        let policy = parse(
            "default = \"allow\"\nfiles = \"deny\"\n\n[[publishers]]\nname = \"acme\"\n\
             names = [\"oci://registry.example/acme/*\", \"file:acme-*\"]\nkeys = [\"acme.pub\"]\n\
             until = 2027-12-31\nstatement = \"element\"\nslots = [\"acme\"]\n\n[[publishers]]\n\
             names = [\"oci://*/lab/*\"]\nunsigned = true\n",
        )
        .unwrap();
        assert!(policy.default_allow && policy.files_deny);
        let [acme, lab] = policy.publishers.as_slice() else { panic!("{policy:?}") };
        assert_eq!(acme.until.as_ref().unwrap().value, ("2027-12-31".to_owned(), 21_183));
        assert!(acme.whole_statement && !acme.unsigned && lab.unsigned && lab.keys.is_empty());
        assert_eq!(parse("").unwrap().publishers, []);
        assert!(!parse("").unwrap().default_allow, "nobody is trusted by default");
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_place() {
        let text = "default = \"alow\"\nfile = \"deny\"\n[[publishers]]\n\
                    names = [\"oci://registry.ex*/acme\", \"registry.example/acme\", \"oci://x/A\"]\n\
                    keys = []\nuntil = 2027-02-30\nslots = [\"dib\", \"a:b\"]\n[[publishers]]\n\
                    unsigned = 1\nnames = [\"file:x\"]\n[[publishers]]\nnames = [\"oci://x/y\"]\nkeys = [\"\"]\nslots = [\"a\"]\n\
                    [[publishers]]\nnames = [\"oci://x/z\"]\nkeys = [\"k\"]\nslots = [\"a\"]\nuntil = 7\n";
        insta::assert_snapshot!(parse(text).unwrap_err());
    }

    #[test]
    fn depth_and_size_are_no_matter() {
        let deep = format!("publishers = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&deep).is_err());
        assert!(parse(&" ".repeat(LIMIT + 1)).is_err());
        assert!(TrustFile::load(Path::new("/dev/zero")).is_err());
        assert_eq!(TrustFile::load(Path::new("/none/trust.toml")).unwrap(), None);
    }
}
