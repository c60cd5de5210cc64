//! What a Debian tree says of its packages: dpkg's status, and which came as dependencies only.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dibhost_tree::{Attributes, Change, Scope, Target, TargetError};

use super::programs::{command, path};
use crate::error::PackageError;
use crate::manager::InstalledPackage;

const STATUS: &str = "/var/lib/dpkg/status";
const STATES: &str = "/var/lib/apt/extended_states";

/// The most that is asked for at once.
const PART: u64 = 8 << 20;

/// A package's name without its architecture.
pub(super) fn bare(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

/// dpkg's own record of what is installed.
pub(super) fn status(tree: &mut dyn Target) -> Result<Vec<u8>, PackageError> {
    read(tree, STATUS).map_err(|error| PackageError::Apt {
        doing: "reading which packages are installed".to_owned(),
        detail: error.to_string(),
    })
}

fn read(tree: &mut dyn Target, file: &str) -> Result<Vec<u8>, PackageError> {
    let path = path(file)?;
    let mut content = Vec::new();
    loop {
        let part = tree.read(&Scope::all(), &path, content.len() as u64, PART)?;
        if part.is_empty() {
            return Ok(content);
        }
        content.extend(part);
    }
}

/// Names of the packages that a status file says are installed.
pub(super) fn names(status: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(status);
    let name = |stanza: &str| {
        let field = |name: &str| stanza.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
        let installed = field("Status:")?.ends_with(" installed");
        installed.then(|| field("Package:").map(str::to_owned)).flatten()
    };
    text.split("\n\n").filter_map(name).collect()
}

/// What apt notes of packages beside dpkg's record: which came as dependencies only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExtendedStates {
    /// Name, architecture, and all other lines.
    stanzas: Vec<(String, String, Vec<String>)>,
}

const AUTO: &str = "Auto-Installed: ";

impl ExtendedStates {
    pub(super) fn parse(text: &str) -> Self {
        let stanza = |stanza: &str| {
            let mut lines: Vec<String> = stanza.lines().map(str::to_owned).collect();
            let mut take = |field: &str| {
                let at = lines.iter().position(|line| line.starts_with(field))?;
                Some(lines.remove(at)[field.len()..].trim().to_owned())
            };
            let (name, arch) = (take("Package:")?, take("Architecture:").unwrap_or_default());
            Some((name, arch, lines))
        };
        Self { stanzas: text.split("\n\n").filter_map(stanza).collect() }
    }

    pub(super) fn text(&self) -> String {
        self.stanzas.iter().fold(String::new(), |mut text, (name, arch, lines)| {
            let _ = writeln!(text, "Package: {name}\nArchitecture: {arch}");
            lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
            text.push('\n');
            text
        })
    }

    /// The names that are marked.
    #[cfg(test)]
    fn automatic(&self) -> BTreeSet<&str> {
        let marked = |lines: &[String]| lines.iter().any(|line| line == "Auto-Installed: 1");
        self.stanzas.iter().filter(|(.., lines)| marked(lines)).map(|(n, ..)| n.as_str()).collect()
    }

    /// With these marked: name and architecture.
    #[must_use]
    pub(super) fn with<'a>(&self, marked: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all = self.clone();
        for (name, arch) in marked {
            match all.stanzas.iter_mut().find(|(n, a, _)| n == name && a == arch) {
                // What has a mark keeps it, whichever it is.
                Some((.., lines)) if lines.iter().any(|line| line.starts_with(AUTO)) => {}
                Some((.., lines)) => lines.push(format!("{AUTO}1")),
                None => {
                    all.stanzas.push((name.to_owned(), arch.to_owned(), vec![format!("{AUTO}1")]));
                }
            }
        }
        all
    }

    /// With these marked as asked for.
    #[must_use]
    pub(super) fn without<'a>(&self, names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        self.mark(|name| names.contains(name).then_some("0"))
    }

    /// With these marked as dependencies, whatever they were.
    #[must_use]
    pub(super) fn forced<'a>(&self, names: impl Iterator<Item = &'a str>, arch: &str) -> Self {
        let names: BTreeSet<&str> = names.collect();
        let marked = self.mark(|name| names.contains(name).then_some("1"));
        marked.with(names.into_iter().map(|name| (name, arch)))
    }

    /// Without what is noted of these.
    #[must_use]
    pub(super) fn forgetting(&self, gone: &BTreeSet<&str>) -> Self {
        let mut all = self.clone();
        all.stanzas.retain(|(name, ..)| !gone.contains(name.as_str()));
        all
    }

    fn mark(&self, mark: impl Fn(&str) -> Option<&'static str>) -> Self {
        let mut all = self.clone();
        for (name, _, lines) in &mut all.stanzas {
            let Some(mark) = mark(name) else { continue };
            for line in lines.iter_mut().filter(|line| line.starts_with(AUTO)) {
                *line = format!("{AUTO}{mark}");
            }
        }
        all
    }
}

/// What the tree's apt has noted.
pub(super) fn extended_states(tree: &mut dyn Target) -> Result<ExtendedStates, PackageError> {
    match read(tree, STATES) {
        Ok(text) => Ok(ExtendedStates::parse(&String::from_utf8_lossy(&text))),
        Err(PackageError::Target(TargetError::NotFound(_))) => Ok(ExtendedStates::default()),
        Err(error) => Err(error),
    }
}

/// Writes what changed, where the tree has an apt.
pub(super) fn write_extended_states(
    tree: &mut dyn Target,
    before: &ExtendedStates,
    now: &ExtendedStates,
) -> Result<(), PackageError> {
    if before == now || tree.stat(&Scope::all(), &path("/var/lib/apt")?)?.is_none() {
        return Ok(());
    }
    let (content, attributes) = (now.text().into_bytes(), Attributes::default());
    let write = Change::Write { path: path(STATES)?, content, attributes };
    Ok(tree.apply(&Scope::own(), &[write])?)
}

/// What dpkg has installed; nothing when the tree has no dpkg.
pub(super) fn installed(tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
    let doing = "listing the packages of the image";
    const DPKG_QUERY: &str = "/usr/bin/dpkg-query";
    if tree.stat(&Scope::all(), &path(DPKG_QUERY)?)?.is_none() {
        return Ok(Vec::new());
    }
    let args = ["--show", "--showformat=${binary:Package}\\t${Version}\\t${Architecture}\\n"];
    let mut command = command(DPKG_QUERY, &args)?;
    command.capture = true;
    let output = tree.exec(&command, &mut |_| {})?;
    if output.status != 0 {
        let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(PackageError::Install { doing: doing.to_owned(), detail });
    }
    Ok(parse_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_installed(text: &str) -> Vec<InstalledPackage> {
    let package = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(InstalledPackage {
            name: fields.next()?,
            version: fields.next()?,
            arch: fields.next()?,
        })
    };
    text.lines().filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_dpkg_query_shows_them() {
        let packages = parse_installed("libc6:amd64\t2.36-9\tamd64\nadduser\t3.134\tall\nbroken\n");
        let names: Vec<_> = packages.iter().map(|p| (p.name.as_str(), p.arch.as_str())).collect();
        assert_eq!(names, [("libc6:amd64", "amd64"), ("adduser", "all")]);
    }

    #[test]
    fn only_what_is_installed_is_there() {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\n\
                      Status: deinstall ok config-files\n\nPackage: c\nStatus: hold ok installed\n";
        assert_eq!(names(status.as_bytes()).into_iter().collect::<Vec<_>>(), ["a", "c"]);
    }

    const STATES: &str = "Package: dep\nArchitecture: amd64\nAuto-Installed: 1\n\n\
                          Package: own\nArchitecture: amd64\nAuto-Installed: 0\n\n";

    #[test]
    fn what_is_marked_keeps_its_mark_and_what_is_asked_for_loses_it() {
        let states = ExtendedStates::parse(STATES);
        assert_eq!(states.text(), STATES);
        let more = states.with([("new", "amd64"), ("own", "amd64"), ("dep", "amd64")].into_iter());
        assert_eq!(more.automatic().into_iter().collect::<Vec<_>>(), ["dep", "new"]);
        let asked = more.without(["dep", "elsewhere"].into_iter());
        assert_eq!(asked.automatic().into_iter().collect::<Vec<_>>(), ["new"]);
        let forced = asked.forced(["own", "never-noted"].into_iter(), "amd64");
        assert_eq!(
            forced.automatic().into_iter().collect::<Vec<_>>(),
            ["never-noted", "new", "own"]
        );
        let gone = forced.forgetting(&["own", "new"].into());
        assert_eq!(gone.automatic().into_iter().collect::<Vec<_>>(), ["never-noted"]);
    }
}
