//! `packages`: what is to be installed, and what is to go.

use crate::diagnostic::Diagnostic;
use crate::location::Spanned;
use crate::reader::{Item, Reader};
use crate::rule;

/// An entry of `packages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedPackage {
    /// The distribution's own name. `@GROUP`, `@MODULE:STREAM` for groups and modules of RPM.
    pub name: String,
    /// A `*` at its end stands for any rest; none: the newest.
    pub version: Option<String>,
    /// It is not to be in the image.
    pub remove: bool,
}

impl StatedPackage {
    /// Reads `nginx`, `curl=8.*`, `!snapd`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let wrong = |why: String| Diagnostic::new(format!("the package {text:?} {why}"));
        let (remove, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, version) = match rest.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (rest, None),
        };
        if let Some(name) = rest.strip_prefix('-').filter(|name| rule::package_name(name).is_ok()) {
            return Err(wrong("begins with `-`".to_owned())
                .with_help(format!("to have it not in the image, write \"!{name}\"")));
        }
        if text.contains(char::is_whitespace) {
            return Err(wrong("has white space in it".to_owned()).with_help(
                "one entry is one package, as in packages = [\"nginx\", \"curl\"]; a version follows a `=`",
            ));
        }
        match name.strip_prefix('@').map(|group| group.split_once(':').ok_or(group)) {
            None => rule::package_name(name),
            Some(Ok((module, stream))) => {
                rule::module_word(module).and_then(|()| rule::module_word(stream))
            }
            Some(Err(group)) => rule::package_group(group),
        }
        .map_err(|why| wrong(why).with_help("\"nginx\" installs it, \"nginx=1.22*\" that version, \"!nginx\" has it not in the image"))?;
        match version {
            Some(_) if remove => {
                return Err(wrong("is to go, and names a version".to_owned())
                    .with_help(format!("write \"!{name}\"")));
            }
            Some(_) if name.starts_with('@') => {
                return Err(wrong("is no package, and names a version".to_owned()));
            }
            Some(version) => rule::package_version(version)
                .map_err(|why| wrong(format!("wants a version that {why}")))?,
            None => {}
        }
        let version = version.map(str::to_owned);
        Ok(Self { name: name.to_owned(), version, remove })
    }
}

impl Reader<'_> {
    pub(crate) fn packages(&mut self, item: &Item<'_>) -> Vec<Spanned<StatedPackage>> {
        let texts = self.texts(item, "packages", "a list of names, as `[\"nginx\", \"!snapd\"]`");
        let mut packages = Vec::new();
        for text in texts {
            match StatedPackage::parse(&text) {
                Ok(value) => packages.push(Spanned { value, location: text.location }),
                Err(diagnostic) => self.wrong.push(diagnostic.at(text.location.as_ref())),
            }
        }
        packages
    }
}
