//! What the definition says of the image's content in its own keys: packages, files, users, units,
//! repositories, commands, and how the system speaks. What people do ten times a day needs no
//! element of theirs; one that comes with dibhost, `definition`, carries it out.

mod command;
mod file;
mod kernel;
mod names;
mod package;
mod repository;
mod unit;
mod user;

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::location::{Location, Spanned};
use crate::reader::{Item, Reader};

pub use command::{StatedCommand, StatedProgram};
pub use file::{StatedFile, StatedNode};
pub use names::StatedLocale;
pub use package::StatedPackage;
pub use repository::{StatedFormat, StatedRepository};
pub use unit::{StatedText, StatedUnit};
pub use user::StatedUser;

/// The file that `[sysctl]` is.
pub const SYSCTL: &str = "/etc/sysctl.d/90-dibhost.conf";

/// All of it. Entries have the place that they stand at; what was typed has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// `packages`.
    pub packages: Vec<Spanned<StatedPackage>>,
    /// `hostname`.
    pub hostname: Option<Spanned<String>>,
    /// `locale`.
    pub locale: Option<Spanned<StatedLocale>>,
    /// `timezone`.
    pub timezone: Option<Spanned<String>>,
    /// `[[files]]`.
    pub files: Vec<Spanned<StatedFile>>,
    /// `[[users]]`.
    pub users: Vec<Spanned<StatedUser>>,
    /// `[[units]]`.
    pub units: Vec<Spanned<StatedUnit>>,
    /// `[[repositories]]`.
    pub repositories: Vec<Spanned<StatedRepository>>,
    /// `[[commands]]`, in the order in which those of a phase run.
    pub commands: Vec<Spanned<StatedCommand>>,
    /// `[sysctl]`.
    pub sysctl: BTreeMap<String, Spanned<String>>,
    /// `[kernel] arguments`.
    pub kernel_arguments: Vec<Spanned<String>>,
}

impl Contents {
    /// The element that carries it out.
    pub const ELEMENT: &'static str = "definition";

    /// Nothing of it is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What two entries say differently of one thing.
    pub fn contradictions(&self, wrong: &mut Diagnostics) {
        let mut packages: BTreeMap<&str, &Spanned<StatedPackage>> = BTreeMap::new();
        for package in &self.packages {
            let there = *packages.entry(&package.name).or_insert(package);
            if there.value != package.value {
                let message = format!("the package `{}` is wanted in two ways", package.name);
                wrong.push(twice(message, package.location.as_ref(), there.location.as_ref()));
            }
        }
        let files = self.files.iter().map(|f| (f.path.value.clone(), f.path.location.as_ref()));
        let written = self.written().into_iter().map(|(path, at)| (path.to_owned(), at));
        once("the path", files.chain(written), wrong);
        let users = self.users.iter().map(|u| (u.name.value.clone(), u.name.location.as_ref()));
        once("the user", users, wrong);
        let named = |r: &Spanned<StatedRepository>| r.name.value.clone();
        let repositories = self.repositories.iter().map(|r| (named(r), r.name.location.as_ref()));
        once("the repository", repositories, wrong);
        // A unit may have a text, drop-ins and a state in entries of their own.
        let of_units =
            |says: &dyn Fn(&StatedUnit) -> Option<String>, what: &str, wrong: &mut Diagnostics| {
                let named =
                    self.units.iter().filter_map(|u| Some((says(u)?, u.name.location.as_ref())));
                once(what, named.collect::<Vec<_>>(), wrong);
            };
        let bare = |u: &StatedUnit| u.drop_in.is_none() && u.text.is_some();
        of_units(&|u| bare(u).then(|| u.name.value.clone()), "the text of the unit", wrong);
        let drop_in = |u: &StatedUnit| Some(format!("{} of {}", u.drop_in.as_ref()?, u.name.value));
        of_units(&drop_in, "the drop-in", wrong);
        of_units(
            &|u| u.state.as_ref().map(|_| u.name.value.clone()),
            "the state of the unit",
            wrong,
        );
    }

    /// Files that other keys write.
    fn written(&self) -> Vec<(&'static str, Option<&Location>)> {
        let mut written = Vec::new();
        if let Some(hostname) = &self.hostname {
            written.push(("/etc/hostname", hostname.location.as_ref()));
        }
        if let Some(timezone) = &self.timezone {
            let at = timezone.location.as_ref();
            written.extend([("/etc/localtime", at), ("/etc/timezone", at)]);
        }
        if let Some(locale) = &self.locale {
            let at = locale.location.as_ref();
            written.extend([("/etc/default/locale", at), ("/etc/locale.conf", at)]);
        }
        if let Some(first) = self.sysctl.values().next() {
            written.push((SYSCTL, first.location.as_ref()));
        }
        written
    }

    /// The first line of it that stands in a file.
    #[must_use]
    pub fn first_place(&self) -> Option<&Location> {
        fn of<T>(all: &[Spanned<T>]) -> impl Iterator<Item = &Location> {
            all.iter().filter_map(|one| one.location.as_ref())
        }
        let lists = of(&self.packages)
            .chain(of(&self.files))
            .chain(of(&self.users))
            .chain(of(&self.units))
            .chain(of(&self.repositories))
            .chain(of(&self.commands))
            .chain(of(&self.kernel_arguments));
        let names = [&self.hostname, &self.timezone].into_iter().flatten();
        let names = names.chain(self.sysctl.values()).filter_map(|name| name.location.as_ref());
        let locale = self.locale.as_ref().and_then(|locale| locale.location.as_ref());
        lists.chain(names).chain(locale).min()
    }

    /// What is at a path, and where that is said: of the entries for it and for folders above it the
    /// nearest.
    #[must_use]
    pub fn place_of_path(&self, path: &str) -> Option<&Location> {
        let above = |file: &&Spanned<StatedFile>| {
            let folder = file.path.as_str();
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let nearest = self.files.iter().filter(above).max_by_key(|file| file.path.len())?;
        nearest.path.location.as_ref()
    }
}

/// No name is there twice.
fn once<'a>(
    what: &str,
    named: impl IntoIterator<Item = (String, Option<&'a Location>)>,
    wrong: &mut Diagnostics,
) {
    let mut there: BTreeMap<String, Option<&Location>> = BTreeMap::new();
    for (name, place) in named {
        if let Some(first) = there.get(&name) {
            wrong.push(twice(format!("{what} `{name}` is there twice"), place, *first));
        } else {
            there.insert(name, place);
        }
    }
}

fn twice(message: String, place: Option<&Location>, first: Option<&Location>) -> Diagnostic {
    let first = first.map(|first| format!(", first at {first}")).unwrap_or_default();
    Diagnostic::new(format!("{message}{first}"))
        .at(place)
        .with_help("leave one of the two out, or say all of it in one entry")
}

impl Reader<'_> {
    /// Reads a key of it; nothing where it is none.
    pub(crate) fn contents(&mut self, key: &str, item: &Item<'_>, contents: &mut Contents) {
        match key {
            "packages" => contents.packages = self.packages(item),
            "hostname" => {
                let checked = self.checked_text(item, key, names::check_hostname);
                contents.hostname = checked.map(|(text, ())| text);
            }
            "locale" => {
                let checked = self.checked_text(item, key, StatedLocale::parse);
                contents.locale =
                    checked.map(|(text, value)| Spanned { value, location: text.location });
            }
            "timezone" => {
                let checked = self.checked_text(item, key, names::check_timezone);
                contents.timezone = checked.map(|(text, ())| text);
            }
            "files" => contents.files = self.files(item),
            "users" => contents.users = self.users(item),
            "units" => contents.units = self.units(item),
            "repositories" => contents.repositories = self.repositories(item),
            "commands" => contents.commands = self.commands(item),
            "sysctl" => contents.sysctl = self.sysctl(item),
            "kernel" => contents.kernel_arguments = self.kernel_arguments(item),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
