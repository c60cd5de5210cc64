//! From TOML text to a [`Definition`]. Nothing is skipped: a key that is unknown is an error,
//! and reading goes on after an error, so that all of them are told at once.

mod disk;
mod limits;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dibhost_block_device::config::{Config, ConfigError, DiskSettings};
use dibhost_dib::words;
use dibhost_image::{Format, Qcow2Compression};
use dibhost_sys::{read_written, read_written_bytes};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::capability::Capability;
use crate::compose::{Chosen, Files, Text, compose, gather};
use crate::contents::Contents;
use crate::definition::{
    Definition, DiskSection, ElementGrants, ElementParameters, FirstPartyTrust, Grant,
    ImageSection, RootFilesystem, Setting, Trust,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::home;
use crate::keys::{CONTENTS_KEYS, IMAGE_KEYS, ROOT_FILESYSTEM_KEYS, SECTIONS, TRUST_KEYS};
use crate::limit::LimitSettings;
use crate::location::{Location, Spanned};
use crate::reader::{Item, Key, Reader, integer, kind, near};
use crate::reference::Reference;
use crate::typed::{TYPED, Typed};
use dibhost_text::parse_size;
use dibhost_text::{did_you_mean, near_file, quoted_list};

/// The longest image name: a file name has 255 bytes, less what is put after it.
const NAME_LIMIT: usize = 200;

/// Machines as Debian names them.
pub(crate) const ARCHITECTURES: [&str; 10] = [
    "amd64", "arm64", "armel", "armhf", "i386", "loong64", "mips64el", "ppc64el", "riscv64",
    "s390x",
];

impl Definition {
    /// Reads a definition from text. `file` is what places are told with; paths in the
    /// definition are relative to `base`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, file: &str, base: &Path) -> Result<Self, Diagnostics> {
        let none = |_: &Path| Err(std::io::Error::other("no file is read beside a text"));
        read(text.to_owned(), file, base, Chosen::default(), &none)
    }

    /// What was typed, as a definition. Paths in it are relative to `base`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn of_typed(typed: &Typed, base: &Path) -> Result<Self, Diagnostics> {
        let mut definition = read(typed.to_toml(), TYPED, base, Chosen::default(), &from_disk)?;
        definition.file = None;
        Ok(definition)
    }

    /// Reads a definition from a file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, or all that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_chosen(path, Chosen::default())
    }

    /// The same with what is chosen of it and typed beside it.
    ///
    /// # Errors
    /// When it cannot be read, or all that is wrong with it.
    pub fn load_chosen(path: &Path, chosen: Chosen<'_>) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let text = read_written_bytes(path).map_err(|error| {
            let help = if error.kind() == std::io::ErrorKind::NotFound {
                "give the path of an image definition, a TOML file with an `[image]` table"
            } else if error.kind() == std::io::ErrorKind::InvalidInput {
                "write it into a file, and give the path of that"
            } else {
                "make the file readable, or give the path of another one"
            };
            Diagnostic::new(format!("cannot read the image definition `{file}`: {error}"))
                .with_help(help)
        })?;
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            Diagnostic::new("the file is not UTF-8 text, as TOML has to be")
                .at(Some(&Location::new(file.as_str(), line, 1)))
        })?;
        let base = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        read(text, &file, base, chosen, &from_disk)
    }
}

fn from_disk(path: &Path) -> std::io::Result<String> {
    read_written(path).map_err(|error| match near_file(path) {
        Some(near) => std::io::Error::new(error.kind(), format!("{error}: {near}")),
        None => error,
    })
}

fn read(
    text: String,
    file: &str,
    base: &Path,
    chosen: Chosen<'_>,
    files: Files<'_>,
) -> Result<Definition, Diagnostics> {
    let text = Text { file: file.to_owned(), text, folder: PathBuf::new() };
    compose(&gather(text, base, files)?, base, chosen, files)
}

impl Reader<'_> {
    pub(crate) fn definition(&mut self, root: &DeTable<'_>, file: &str, base: &Path) -> Definition {
        let known: Vec<&str> = SECTIONS.into_iter().chain(CONTENTS_KEYS).collect();
        let all_known = self.known_keys(root, &known, "the definition");
        let image = match root.iter().find(|(key, _)| key.get_ref() == "image") {
            Some((key, item)) => self.image(key, item),
            // One that is misspelt was told.
            None if root.keys().any(|key| near(key, "image")) => empty_image(),
            None => {
                let place = Location::new(file, 1, 1);
                self.wrong.push(
                    Diagnostic::new("the table `[image]` is missing").at(Some(&place)).with_help(
                        "start with\n[image]\nname = \"my-image\"\nelements = [\"debian\", \"vm\"]",
                    ),
                );
                empty_image()
            }
        };
        let mut definition = Definition {
            image,
            root_filesystem: RootFilesystem::default(),
            disk: DiskSection::default(),
            disks: DiskSettings::default(),
            block_device: Vec::new(),
            node_keys: BTreeMap::new(),
            parameters: BTreeMap::new(),
            grants: BTreeMap::new(),
            limits: LimitSettings::default(),
            trust: Trust::default(),
            secrets: BTreeMap::new(),
            inputs: BTreeMap::new(),
            contents: Contents::default(),
            remarks: Vec::new(),
            base: base.to_owned(),
            file: Some(file.to_owned()),
        };
        let mut sound_secrets = true;
        for (key, item) in root {
            match key.get_ref().as_ref() {
                "root-filesystem" => definition.root_filesystem = self.root_filesystem(key, item),
                "disk" => definition.disk = self.disk(key, item),
                "disks" => definition.disks = self.disks(item),
                // A file is read by who reads files.
                "block-device" if matches!(item.get_ref(), DeValue::String(_)) => {}
                "block-device" => self.block_device(item, &mut definition),
                "parameters" => definition.parameters = self.parameters(item),
                "grants" => definition.grants = self.grants(item),
                "limits" => definition.limits = self.limits(item),
                "trust" => definition.trust = self.trust(item),
                "secrets" => {
                    let before = self.wrong.0.len();
                    definition.secrets = self.secrets(item);
                    sound_secrets = self.wrong.0.len() == before;
                }
                "inputs" => definition.inputs = self.inputs(item),
                key => {
                    self.contents(key, item, &mut definition.contents);
                }
            }
        }
        definition.contents.contradictions(&mut self.wrong);
        // They name what stands in a table that may be the one that is misspelt, or wrong in itself.
        if all_known && sound_secrets {
            definition.check_passwords(&mut self.wrong);
        }
        definition
    }

    /// What the definition says in its own keys is carried out by an element that nobody sets
    /// anything of, nor grants anything to.
    fn is_own(&mut self, table: &str, element: &Key<'_>) -> bool {
        let own = element.get_ref() == Contents::ELEMENT;
        if own {
            let place = self.source.locate(&element.span());
            let name = Contents::ELEMENT;
            self.wrong.push(
                Diagnostic::new(format!("`[{table}.{name}]` can say nothing: the element `{name}` carries out what the definition says in keys of its own, and holds what they say"))
                    .at(Some(&place))
                    .with_help(format!("write it in {}", quoted_list(CONTENTS_KEYS))),
            );
        }
        own
    }

    fn image(&mut self, section: &Key<'_>, item: &Item<'_>) -> ImageSection {
        let mut image = empty_image();
        let Some(table) = self.table(item, "image") else { return image };
        self.known_keys(table, &IMAGE_KEYS, "`[image]`");
        let (mut named, mut listed) = (false, false);
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "name" => {
                    named = true;
                    if let Some(name) = self.checked_text(item, "name", check_image_name) {
                        image.name = name.0;
                    }
                }
                "elements" => {
                    listed = true;
                    image.elements = self.elements(item);
                }
                "formats" => {
                    let formats = self.formats(item);
                    if !formats.is_empty() {
                        image.formats = formats;
                    }
                }
                "arch" => {
                    image.arch = self.checked_text(item, "arch", check_arch).map(|(text, ())| text)
                }
                "source-date-epoch" => image.source_date_epoch = self.seconds(item),
                "qcow2-compression" => {
                    if let Some((_, compression)) =
                        self.checked_text(item, "qcow2-compression", check_compression)
                    {
                        image.qcow2_compression = compression;
                    }
                }
                _ => {}
            }
        }
        let missing =
            [(named, "name", "\"my-image\""), (listed, "elements", "[\"debian\", \"vm\"]")];
        let misspelt = |key: &str| table.keys().any(|there| near(there, key));
        for (_, key, example) in missing.iter().filter(|(there, key, _)| !there && !misspelt(key)) {
            let place = self.source.locate(&section.span());
            self.wrong.push(
                Diagnostic::new(format!("`[image]` says no `{key}`"))
                    .at(Some(&place))
                    .with_help(format!("add\n{key} = {example}")),
            );
        }
        image
    }

    fn elements(&mut self, item: &Item<'_>) -> Vec<Spanned<String>> {
        let elements = self.texts(
            item,
            "elements",
            "a list of names and paths, as `[\"debian\", \"./elements/motd.wasm\"]`",
        );
        if let DeValue::Array(array) = item.get_ref()
            && array.is_empty()
        {
            self.refuse(
                item,
                Diagnostic::new("`elements` is empty: an image is made of at least one element"),
            );
        }
        for element in &elements {
            if element.trim().is_empty() {
                self.wrong.push(
                    Diagnostic::new("the name of an element is empty")
                        .at(element.location.as_ref()),
                );
            } else if let Err(diagnostic) = Reference::parse(element) {
                self.wrong.push(diagnostic.at(element.location.as_ref()));
            }
        }
        elements
    }

    fn formats(&mut self, item: &Item<'_>) -> Vec<Spanned<Format>> {
        let texts = self.texts(item, "formats", "a list, as `[\"qcow2\", \"raw\"]`");
        let mut formats: Vec<Spanned<Format>> = Vec::new();
        for text in texts {
            match check_format(&text) {
                Err(diagnostic) => self.wrong.push(diagnostic.at(text.location.as_ref())),
                Ok(format) if formats.iter().any(|f| f.value == format) => self.wrong.push(
                    Diagnostic::new(format!("the format `{format}` is listed twice"))
                        .at(text.location.as_ref()),
                ),
                Ok(format) => formats.push(Spanned { value: format, location: text.location }),
            }
        }
        if let DeValue::Array(array) = item.get_ref()
            && array.is_empty()
        {
            let known = quoted_list(Format::ALL.map(Format::name));
            self.refuse(
                item,
                Diagnostic::new(format!("`formats` is empty: name at least one of {known}")),
            );
        }
        formats
    }

    fn seconds(&mut self, item: &Item<'_>) -> Option<Spanned<u64>> {
        let seconds = integer(item.get_ref()).and_then(|n| u64::try_from(n).ok());
        if seconds.is_none() {
            let is = kind(item.get_ref());
            let message = format!(
                "`source-date-epoch` has to be seconds since 1970, a whole number from 0; this is {is}"
            );
            self.refuse(
                item,
                Diagnostic::new(message).with_help("`date +%s` prints the seconds of now"),
            );
        }
        seconds.map(|s| self.spanned(item, s))
    }

    fn root_filesystem(&mut self, section: &Key<'_>, item: &Item<'_>) -> RootFilesystem {
        let mut root = RootFilesystem {
            location: Some(self.source.locate(&section.span())),
            ..RootFilesystem::default()
        };
        let Some(table) = self.table(item, "root-filesystem") else { return root };
        self.known_keys(table, &ROOT_FILESYSTEM_KEYS, "`[root-filesystem]`");
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "label" => {
                    root.label =
                        self.checked_text(item, "label", check_label).map(|(text, ())| text)
                }
                "max-online-resize" => {
                    root.max_online_resize = self.size(item, "max-online-resize")
                }
                "free-space" => root.free_space = self.size(item, "free-space"),
                "tuning" => root.tuning = self.tuning(item),
                _ => {}
            }
        }
        root
    }

    /// The block device's own reader knows its keys; here its errors get their places.
    fn block_device(&mut self, item: &Item<'_>, definition: &mut Definition) {
        match Config::read(item) {
            Ok(Config { nodes, spans, keys, .. }) => {
                for ((node, span), keys) in nodes.into_iter().zip(spans).zip(keys) {
                    let keys = keys
                        .into_iter()
                        .map(|(key, span)| ((node.name.clone(), key), self.source.locate(&span)));
                    definition.node_keys.extend(keys);
                    definition.block_device.push(Spanned::new(node, self.source.locate(&span)));
                }
            }
            Err(errors) => self.located(errors),
        }
    }

    fn disks(&mut self, item: &Item<'_>) -> DiskSettings {
        DiskSettings::read(item).unwrap_or_else(|errors| {
            self.located(errors);
            DiskSettings::default()
        })
    }

    fn located(&mut self, errors: Vec<ConfigError>) {
        for error in errors {
            let place = self.source.locate(&error.span);
            let home = error.unknown.and_then(|key| home::of(&key, "a node"));
            let diagnostic = Diagnostic::new(error.problem).at(Some(&place));
            self.wrong.push(diagnostic.with_help(home.unwrap_or(error.help)));
        }
    }

    pub(crate) fn size(&mut self, item: &Item<'_>, key: &str) -> Option<Spanned<u64>> {
        let bytes = match item.get_ref() {
            DeValue::String(text) => parse_size(text),
            value => integer(value).and_then(|n| u64::try_from(n).ok()).ok_or_else(|| {
                format!("`{key}` has to be a size, as `\"64MiB\"`; this is {}", kind(value))
            }),
        };
        match bytes {
            Ok(bytes) => Some(self.spanned(item, bytes)),
            Err(message) => {
                self.refuse(item, Diagnostic::new(message));
                None
            }
        }
    }

    fn parameters(&mut self, item: &Item<'_>) -> BTreeMap<String, ElementParameters> {
        let mut all = BTreeMap::new();
        let Some(table) = self.table(item, "parameters") else { return all };
        for (element, item) in table {
            let name = element.get_ref().to_string();
            if self.is_own("parameters", element) {
                continue;
            }
            let Some(table) = self.table(item, &format!("parameters.{name}")) else { continue };
            let mut settings = BTreeMap::new();
            for (key, item) in table {
                match json(item.get_ref()) {
                    Ok(value) => {
                        let name = Spanned::new(
                            key.get_ref().to_string(),
                            self.source.locate(&key.span()),
                        );
                        let value = self.spanned(item, value);
                        settings.insert(name.value.clone(), Setting { name, value });
                    }
                    Err(message) => self.refuse(item, Diagnostic::new(message)),
                }
            }
            let element = Spanned::new(name.clone(), self.source.locate(&element.span()));
            all.insert(name, ElementParameters { element, settings });
        }
        all
    }

    fn grants(&mut self, item: &Item<'_>) -> BTreeMap<String, ElementGrants> {
        let mut all = BTreeMap::new();
        let Some(table) = self.table(item, "grants") else { return all };
        for (element, item) in table {
            let name = element.get_ref().to_string();
            if self.is_own("grants", element) {
                continue;
            }
            let section = format!("grants.{name}");
            let Some(table) = self.table(item, &section) else { continue };
            self.known_capabilities(table, &format!("`[{section}]`"));
            let mut grants = Vec::new();
            for (key, item) in table {
                let Some(capability) = Capability::named(key.get_ref()) else { continue };
                let place = self.source.locate(&key.span());
                let scopes = if capability.unscoped() {
                    self.unscoped(item, capability)
                } else {
                    self.texts(item, capability.name(), "a list of scopes, as `[\"…\"]`")
                };
                let capability = Spanned::new(capability, place);
                grants.extend(
                    scopes.into_iter().map(|scope| Grant { capability: capability.clone(), scope }),
                );
            }
            grants.sort_by(|a, b| a.scope.location.cmp(&b.scope.location));
            let element = Spanned::new(name.clone(), self.source.locate(&element.span()));
            all.insert(name, ElementGrants { element, grants });
        }
        all
    }

    /// The one empty scope of a capability that has no other.
    fn unscoped(&mut self, item: &Item<'_>, capability: Capability) -> Vec<Spanned<String>> {
        match item.get_ref() {
            DeValue::Boolean(true) => vec![self.spanned(item, String::new())],
            DeValue::Boolean(false) => Vec::new(),
            value => {
                let message = format!(
                    "`{capability}` has no scopes: it is granted with `true`; this is {}",
                    kind(value)
                );
                self.refuse(
                    item,
                    Diagnostic::new(message).with_help(format!("write `{capability} = true`")),
                );
                Vec::new()
            }
        }
    }

    fn trust(&mut self, item: &Item<'_>) -> Trust {
        let mut trust = Trust::default();
        let Some(table) = self.table(item, "trust") else { return trust };
        self.known_keys(table, &TRUST_KEYS, "`[trust]`");
        for (key, item) in table {
            if key.get_ref() == "first-party"
                && let Some((_, value)) = self.checked_text(item, "first-party", check_trust)
            {
                trust.first_party = value;
            }
        }
        trust
    }
}

fn empty_image() -> ImageSection {
    ImageSection {
        name: Spanned::unplaced(String::new()),
        elements: Vec::new(),
        formats: vec![Spanned::unplaced(Format::Qcow2)],
        arch: None,
        source_date_epoch: None,
        qcow2_compression: Qcow2Compression::default(),
    }
}

pub(crate) fn check_image_name(name: &str) -> Result<(), Diagnostic> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let message = if name.is_empty() {
        "the image's name is empty".to_owned()
    } else if name.len() > NAME_LIMIT {
        format!("the image's name has {} characters; {NAME_LIMIT} are the limit", name.len())
    } else if let Some(odd) = name.chars().find(|c| !fits(*c)) {
        format!("the image's name has {odd:?} in it, and names files")
    } else if name.starts_with(['.', '-']) {
        format!("the image's name `{name}` starts with `{}`, and names files", &name[..1])
    } else {
        return Ok(());
    };
    Err(Diagnostic::new(message).with_help(
        "a name has letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`",
    ))
}

pub(crate) fn check_arch(arch: &str) -> Result<(), Diagnostic> {
    if ARCHITECTURES.contains(&arch) {
        return Ok(());
    }
    let meant = match arch {
        "x86_64" | "x86-64" | "x64" => Some("did you mean `amd64`?".to_owned()),
        "aarch64" => Some("did you mean `arm64`?".to_owned()),
        _ => did_you_mean(arch, ARCHITECTURES),
    };
    let all = || format!("machines are named as Debian names them: {}", quoted_list(ARCHITECTURES));
    Err(Diagnostic::new(format!("unknown machine `{arch}`")).with_help(meant.unwrap_or_else(all)))
}

pub(crate) fn check_format(name: &str) -> Result<Format, Diagnostic> {
    Format::from_name(name).ok_or_else(|| {
        if let Some(fate) = words::format(name).filter(|fate| fate.refuses()) {
            let message = format!("the format `{}` is not made", name.to_ascii_lowercase());
            return Diagnostic::new(message).with_help(fate.to_string());
        }
        let known = Format::ALL.map(Format::name);
        let help = did_you_mean(name, known)
            .unwrap_or_else(|| format!("known formats are {}", quoted_list(known)));
        Diagnostic::new(format!("unknown format `{name}`")).with_help(help)
    })
}

fn check_compression(name: &str) -> Result<Qcow2Compression, Diagnostic> {
    Qcow2Compression::from_name(name).ok_or_else(|| {
        let known = quoted_list(Qcow2Compression::ALL.map(Qcow2Compression::name));
        Diagnostic::new(format!("unknown compression `{name}`"))
            .with_help(format!("`qcow2-compression` is one of {known}"))
    })
}

fn check_trust(name: &str) -> Result<FirstPartyTrust, Diagnostic> {
    match name {
        "shipped" => Ok(FirstPartyTrust::Shipped),
        "explicit" => Ok(FirstPartyTrust::Explicit),
        _ => Err(Diagnostic::new(format!("`first-party` cannot be `{name}`")).with_help(
            "`shipped`: elements shipped with this host hold what they request; `explicit`: they need `[grants.…]` too",
        )),
    }
}

fn check_label(label: &str) -> Result<(), Diagnostic> {
    // ext4 keeps 16 bytes; a label is also looked for by `LABEL=` in fstab and on a kernel's
    // command line, where white space and slashes end it or name a path.
    let odd = label.chars().find(|c| !c.is_ascii_graphic() || "/\\\"'".contains(*c));
    let message = match odd {
        _ if label.is_empty() => "the label is empty".to_owned(),
        Some(odd) => format!("the label has {odd:?} in it"),
        None if label.len() > 16 => {
            format!("the label has {} characters; 16 are the limit", label.len())
        }
        None => return Ok(()),
    };
    Err(Diagnostic::new(message).with_help(
        "a label has up to 16 printable ASCII characters, without white space, quotes and slashes",
    ))
}

/// A value as JSON, which is what elements get.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(b) => Value::Bool(*b),
        // Read as a date by TOML, but JSON has none: elements get it as it was written.
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Integer(n) => integer(value)
            .map(Value::from)
            .ok_or_else(|| format!("the number {n} does not fit into 64 bits"))?,
        DeValue::Float(n) => n
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| {
                format!("the number {} cannot be said in JSON, which elements get", n.as_str())
            })?,
        DeValue::Array(array) => {
            Value::Array(array.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, item)| Ok((key.get_ref().to_string(), json(item.get_ref())?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

#[cfg(test)]
mod tests;
