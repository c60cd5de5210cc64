//! Reading what apt decided: its simulation, its list of files, and what it knows of packages.

use std::collections::{BTreeMap, BTreeSet};

use crate::manager::{Batch, Package};

/// One step of `apt-get --simulate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Unpack { name: String, version: String, arch: String, upgrade: bool },
    Configure { name: String },
    Remove { name: String },
}

/// `Inst name [old version] (version archive… [arch]) [what is broken meanwhile]`,
/// `Conf name (…)`, `Remv name [version]`, `Purg name [version]`.
pub(super) fn parse_steps(text: &str) -> Vec<Step> {
    text.lines().filter_map(parse_step).collect()
}

fn parse_step(line: &str) -> Option<Step> {
    let (what, rest) = line.split_once(' ')?;
    let name = rest.split(' ').next()?;
    // Of a foreign architecture only; ours is told without it.
    let name = name.to_owned();
    match what {
        "Inst" => {
            let (before, rest) = rest.split_once('(')?;
            // `[old version]` stands before what is new.
            let upgrade = before.contains('[');
            let inside = rest.split_once(')')?.0;
            let version = inside.split(' ').next()?.to_owned();
            let arch = inside.rsplit_once('[')?.1.trim_end_matches(']').to_owned();
            Some(Step::Unpack { name, version, arch, upgrade })
        }
        "Conf" => Some(Step::Configure { name }),
        "Remv" | "Purg" => Some(Step::Remove { name }),
        _ => None,
    }
}

/// A file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Uri {
    pub(super) url: String,
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// `apt-get --print-uris`: `'url' file size SHA256:digest`.
pub(super) fn parse_uris(text: &str) -> Vec<Uri> {
    text.lines()
        .filter_map(|line| {
            let (url, rest) = line.strip_prefix('\'')?.split_once("' ")?;
            let mut words = rest.split(' ');
            Some(Uri {
                url: url.to_owned(),
                file: words.next()?.to_owned(),
                size: words.next()?.parse().ok()?,
                sha256: words.next()?.strip_prefix("SHA256:")?.to_owned(),
            })
        })
        .collect()
}

/// What apt's lists say of one package: its fields by name.
pub(super) type Record = BTreeMap<String, String>;

/// `apt-cache show`: stanzas of fields. Continued lines (descriptions) are not needed.
pub(super) fn parse_records(text: &str) -> Vec<Record> {
    text.split("\n\n")
        .map(|stanza| {
            stanza
                .lines()
                .filter(|l| !l.starts_with(' '))
                .filter_map(|l| l.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect::<Record>()
        })
        .filter(|record| record.contains_key("Package"))
        .collect()
}

/// The chosen packages and how they need one another.
pub(super) struct Relations<'a> {
    records: BTreeMap<&'a str, &'a Record>,
    /// Who offers a name, itself included.
    providers: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Relations<'a> {
    pub(super) fn new(records: &'a [Record]) -> Self {
        let mut by_name = BTreeMap::new();
        let mut providers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for record in records {
            let Some(name) = record.get("Package").map(String::as_str) else { continue };
            by_name.insert(name, record);
            let provided = record.get("Provides").map_or("", String::as_str);
            for offered in [name].into_iter().chain(names(provided)) {
                providers.entry(offered).or_default().insert(name);
            }
        }
        Self { records: by_name, providers }
    }

    /// Packages that one needs by these fields, whichever alternative is there.
    fn needs(&self, name: &str, fields: &[&str]) -> BTreeSet<&'a str> {
        let record = self.records.get(name);
        let fields = fields.iter().filter_map(|f| record?.get(*f));
        fields
            .flat_map(|f| names(f))
            .filter_map(|n| self.providers.get(n))
            .flatten()
            .copied()
            .collect()
    }

    /// These packages with all that they need.
    fn closure(&self, of: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<&str> = of.into_iter().collect();
        while let Some(name) = waiting.pop() {
            if found.insert(name) {
                waiting.extend(self.needs(name, &["Pre-Depends", "Depends"]));
            }
        }
        found
    }

    /// The essential packages with all that they need.
    pub(super) fn essential(&self) -> BTreeSet<&'a str> {
        let marked = |record: &&&Record| record.get("Essential").is_some_and(|e| e == "yes");
        self.closure(self.records.iter().filter(|(_, r)| marked(r)).map(|(n, _)| *n))
    }

    /// The order in as few batches as there can be. apt configures early what it need not; here
    /// only what a later package *pre*-depends on is configured before that is unpacked, with all
    /// that it needs for it: the one promise that the policy makes to a pre-installation script.
    pub(super) fn batches(&self, steps: &[Step], done: &BTreeSet<&str>) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut configured: BTreeSet<&str> = done.clone();
        let mut unpacked: Vec<&str> = Vec::new();
        for step in steps {
            let Step::Unpack { name, .. } = step else { continue };
            if done.contains(name.as_str()) {
                continue;
            }
            let needed = self.closure(self.needs(name, &["Pre-Depends"]));
            let now: Vec<String> = unpacked
                .iter()
                .filter(|n| needed.contains(*n) && !configured.contains(*n))
                .map(|n| (*n).to_owned())
                .collect();
            if !now.is_empty() {
                configured.extend(unpacked.iter().filter(|n| needed.contains(*n)));
                batches.push(Batch::Configure(now));
            }
            if let Some(Batch::Unpack(names)) = batches.last_mut() {
                names.push(name.clone());
            } else {
                batches.push(Batch::Unpack(vec![name.clone()]));
            }
            unpacked.push(name);
        }
        batches
    }
}

/// Names in a relation field: `a (>= 1), b | c:any`.
fn names(field: &str) -> impl Iterator<Item = &str> {
    field
        .split([',', '|'])
        .filter_map(|one| one.trim().split([' ', '(', ':', '[']).next())
        .filter(|name| !name.is_empty())
}

/// Brings the three views of the packages together.
pub(super) fn debs(
    steps: &[Step],
    uris: &[Uri],
    essential: &BTreeSet<&str>,
    requested: &BTreeSet<&str>,
) -> Result<Vec<Package>, String> {
    let files: BTreeMap<&str, &Uri> = uris.iter().map(|u| (u.file.as_str(), u)).collect();
    let mut debs = Vec::new();
    for step in steps {
        let Step::Unpack { name, version, arch, upgrade } = step else { continue };
        // apt names the file so; only the epoch's colon is written differently.
        let bare = name.split(':').next().unwrap_or(name);
        let file = format!("{bare}_{}_{arch}.deb", version.replace(':', "%3a"));
        let Some(uri) = files.get(file.as_str()) else {
            return Err(format!("apt wants to install `{file}` but does not say from where"));
        };
        debs.push(Package {
            name: name.clone(),
            version: version.clone(),
            arch: arch.clone(),
            file,
            url: uri.url.clone(),
            sha256: uri.sha256.clone(),
            size: uri.size,
            essential: essential.contains(name.as_str()),
            requested: requested.contains(name.as_str()),
            upgrade: *upgrade,
        });
    }
    Ok(debs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMULATED: &str = "\
NOTE: This is only a simulation!
Inst libc6 (2.36-9 Debian:12.1/stable, Debian-Security:12/stable [amd64]) []
Inst libc-l10n [1.0] (2.36-9 Debian:12.1/stable [all])
Conf libc6 (2.36-9 Debian:12.1/stable [amd64])
Inst bsdutils (1:2.38.1-5 Debian:12.1/stable [amd64]) [libc6:amd64 ]
Remv old [1.2]
Inst libc6:i386 (2.36-9 Debian:12.1/stable [i386])
";

    #[test]
    fn a_simulation_is_read() {
        let steps = parse_steps(SIMULATED);
        let unpack = |name: &str, version: &str, arch: &str| Step::Unpack {
            name: name.into(),
            version: version.into(),
            arch: arch.into(),
            upgrade: name == "libc-l10n",
        };
        assert_eq!(
            steps,
            [
                unpack("libc6", "2.36-9", "amd64"),
                unpack("libc-l10n", "2.36-9", "all"),
                Step::Configure { name: "libc6".into() },
                unpack("bsdutils", "1:2.38.1-5", "amd64"),
                Step::Remove { name: "old".into() },
                unpack("libc6:i386", "2.36-9", "i386"),
            ]
        );
    }

    #[test]
    fn files_and_steps_come_together() {
        let uris = parse_uris(
            "'http://m.example/pool/b/bsdutils_2.38.1-5_amd64.deb' bsdutils_1%3a2.38.1-5_amd64.deb 86708 SHA256:abc\nReading...\n",
        );
        let steps = parse_steps("Inst bsdutils (1:2.38.1-5 Debian:12.1/stable [amd64])\n");
        let none = BTreeSet::new();
        let debs = debs(&steps, &uris, &none, &none).unwrap();
        assert_eq!((debs[0].size, debs[0].sha256.as_str()), (86708, "abc"));
        assert!(super::debs(&steps, &[], &none, &none).unwrap_err().contains("does not say"));
    }

    const RECORDS: &str = "\
Package: base
Essential: yes
Depends: mawk | awk, lib (>= 2)
Description: text
 with: more

Package: gawk
Provides: awk (= 1), other

Package: lib

Package: python-minimal
Pre-Depends: python3-minimal:any (>= 1)

Package: python3-minimal
Depends: expat

Package: expat

Package: extra
Depends: python-minimal
";

    #[test]
    fn the_essential_closure_takes_the_alternative_that_is_there() {
        let records = parse_records(RECORDS);
        assert_eq!(records.len(), 7);
        let essential = Relations::new(&records).essential();
        assert_eq!(essential.into_iter().collect::<Vec<_>>(), ["base", "gawk", "lib"]);
    }

    #[test]
    fn only_pre_dependencies_are_configured_early() {
        let records = parse_records(RECORDS);
        let relations = Relations::new(&records);
        let step = |n: &str| Step::Unpack {
            name: n.into(),
            version: "1".into(),
            arch: "all".into(),
            upgrade: false,
        };
        let conf = |n: &str| Step::Configure { name: n.into() };
        let steps = [
            step("lib"),
            step("extra"),
            conf("extra"),
            step("expat"),
            step("python3-minimal"),
            step("python-minimal"),
            conf("python-minimal"),
        ];
        let done = BTreeSet::from(["lib"]);
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            relations.batches(&steps, &done),
            [
                Batch::Unpack(owned(&["extra", "expat", "python3-minimal"])),
                Batch::Configure(owned(&["expat", "python3-minimal"])),
                Batch::Unpack(owned(&["python-minimal"])),
            ]
        );
    }
}
