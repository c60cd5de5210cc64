//! Packages into the tree, by the tree's own rpm.
//!
//! An empty tree has no rpm: the packages that it is made of are laid down as they are, and then
//! installed once more by the rpm that has come with them. So the database is the tree's own from the
//! beginning, in the place and of the kind that its distribution has, and no other version of rpm has ever
//! written to it; and scripts run where they are meant to.

use std::path::PathBuf;

use dibhost_sys::Program;
use dibhost_tree::{Laying, Line, ReadOnlyBind, Scope, Target, TargetPath, Walk};

use super::database::tidy;
use super::programs::{command, path};
use super::said;
use crate::download::Downloads;
use crate::error::PackageError;
use crate::manager::{Package, Resolution};
use crate::room::full;
use crate::said::{SHOWN, TREE_FULL};

/// Where the target sees this build's packages; on its private `/run`.
const PACKAGES: &str = "/run/dibhost/packages";

/// What rpm gives scripts for a `PATH`: with what stands in for programs first, as all others have it.
const SCRIPT_PATH: &str = "_install_script_path /run/dibhost/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Who owns `/bin`, `/lib64` and the like, which are links: all others are laid down through them.
const FIRST: &str = "filesystem";

/// Files of packages that are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Documentation.
    pub(crate) docs: bool,
    /// Of what belongs to a language, all but that of these.
    pub(crate) but_languages: Option<Vec<String>>,
}

/// rpm in the tree, told about as it goes.
pub(crate) struct Rpm<'a> {
    pub(crate) downloads: &'a Downloads,
    pub(crate) left_out: &'a LeftOut,
    pub(crate) tree: &'a mut dyn Target,
    pub(crate) line: &'a mut dyn FnMut(Line),
    /// Programs that are put off.
    pub(crate) defer: &'a [&'a str],
    /// Those that scripts wanted.
    pub(crate) deferred: Vec<String>,
}

impl Rpm<'_> {
    /// The files of the packages that rpm is made of.
    pub(crate) fn lay_down(&mut self, resolution: &Resolution) -> Result<(), PackageError> {
        let root = TargetPath::root();
        if !self.tree.walk(&Scope::all(), &root, Walk::default(), None, 1)?.is_empty() {
            return Err(PackageError::Invalid(
                "the tree is not empty, so nothing can be bootstrapped in it".to_owned(),
            ));
        }
        let essential = resolution.packages.iter().filter(|p| p.essential);
        let (first, others): (Vec<_>, Vec<_>) = essential.partition(|p| p.name == FIRST);
        for some in [first, others] {
            let archives: Vec<_> = some.iter().map(|p| archive(self.downloads.path(p))).collect();
            self.tree
                .lay_down(&archives, Laying::Beside)
                .map_err(|e| full(e, "laying down the packages that rpm is made of"))?;
        }
        Ok(())
    }

    /// Installs packages: in the place of older or newer ones, or `beside` them.
    pub(crate) fn install(
        &mut self,
        packages: &[&Package],
        beside: bool,
        doing: &str,
    ) -> Result<(), PackageError> {
        if packages.is_empty() {
            return Ok(());
        }
        let mut words: Vec<String> = if beside {
            vec!["--install".to_owned()]
        } else {
            vec!["--upgrade".to_owned(), "--oldpackage".to_owned()]
        };
        // What they are signed with was looked at when they came, and the tree knows no keys yet. `/proc`
        // and `/sys` are the box's own here, which nobody changes.
        let own = ["--verbose", "--nosignature", "--define", "_netsharedpath /proc:/sys"];
        words.extend(own.map(str::to_owned));
        if self.left_out.docs {
            words.push("--excludedocs".to_owned());
        }
        if let Some(languages) = &self.left_out.but_languages {
            // `C` alone is no language that any file is of.
            let languages = if languages.is_empty() { "C".to_owned() } else { languages.join(":") };
            words.extend(["--define".to_owned(), format!("_install_langs {languages}")]);
        }
        words.extend(packages.iter().map(|p| format!("{PACKAGES}/{}", p.file)));
        self.run(&words, doing)
    }

    /// Removes packages; `broken`: those that need them may stay, for what comes next provides it.
    pub(crate) fn remove(
        &mut self,
        names: &[String],
        broken: bool,
        doing: &str,
    ) -> Result<(), PackageError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut words =
            vec!["--erase".to_owned(), "--verbose".to_owned(), "--allmatches".to_owned()];
        words.extend(broken.then(|| "--nodeps".to_owned()));
        words.extend(names.iter().cloned());
        self.run(&words, doing)
    }

    fn run(&mut self, words: &[String], doing: &str) -> Result<(), PackageError> {
        let target = path(PACKAGES)?;
        let host = self.downloads.placed.to_string_lossy().into_owned();
        let mut command = command("rpm", &["--define", SCRIPT_PATH]);
        command.args.extend(words.iter().cloned());
        command.binds = vec![ReadOnlyBind { host, target }];
        command.defer = self.defer.iter().map(|name| (*name).to_owned()).collect();
        command.capture = true;
        let output = self.tree.exec(&command, self.line).map_err(|e| full(e, doing))?;
        for call in output.deferred {
            if !self.deferred.contains(&call.program) {
                self.deferred.push(call.program);
            }
        }
        tidy(self.tree)?;
        let text = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
        failure(&String::from_utf8_lossy(&text), output.status, doing).map_or(Ok(()), Err)
    }
}

/// A package's files as a tar archive, which a program of the builder says.
fn archive(package: PathBuf) -> Program {
    // It writes where it is told to only when it reads what it is given.
    let script = "exec rpm2archive --nocompression - <\"$1\"";
    Program::new("sh").args(["-c", script, "rpm2archive"]).arg(package)
}

/// Whether a run of rpm failed: by its status, or by a script of a package that it went on after.
fn failure(said: &str, status: i32, doing: &str) -> Option<PackageError> {
    let scripts = said::failed_scripts(said);
    if status == 0 && scripts.is_empty() {
        return None;
    }
    if let Some(full) = said::full(said) {
        return Some(PackageError::NoSpace {
            doing: doing.to_owned(),
            detail: full.to_owned(),
            advice: TREE_FULL,
        });
    }
    let doing = doing.to_owned();
    let before: Vec<&str> = said.lines().take_while(|l| !l.contains("scriptlet failed")).collect();
    // Of two things that went wrong, the first brought on the second.
    let errors = before.iter().any(|line| line.starts_with("error: "));
    let Some(failed) = scripts.first().filter(|_| !errors) else {
        let mut detail = said::complaints(said);
        detail.truncate(SHOWN);
        return Some(PackageError::Install { doing, detail: detail.join("; ") });
    };
    let said::FailedScript { script, package, how } = failed;
    // What it said comes right before.
    let said = before.iter().rev().find(|l| !l.trim().is_empty() && !l.starts_with("Preparing"));
    let said = said.map_or(String::new(), |line| format!("; before that it said: {}", line.trim()));
    let more = match scripts.len() {
        1 => String::new(),
        n => format!("; {} more failed", n - 1),
    };
    let detail =
        format!("the script `{script}` of the package `{package}` ended with {how}{said}{more}");
    Some(PackageError::Install { doing, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_failed_is_told_with_its_package() {
        let said = "Preparing packages...\na-1-1.noarch\n\nno luck\n\
                    warning: %post(a-1-1.noarch) scriptlet failed, exit status 3\n";
        let error = failure(said, 0, "installing the packages").unwrap().to_string();
        assert!(
            error.contains(
                "the script `%post` of the package `a-1-1.noarch` ended with exit status 3"
            ),
            "{error}"
        );
        assert!(error.contains("no luck"), "{error}");
        assert!(failure("a-1-1.noarch\n", 0, "x").is_none());
        let full =
            "error: unpacking of archive failed: cpio: write failed - No space left on device\n";
        assert!(matches!(failure(full, 1, "x"), Some(PackageError::NoSpace { .. })));
        let both = format!("error: unpacking of archive failed on file /proc: chmod\n{said}");
        let error = failure(&both, 1, "x").unwrap().to_string();
        assert!(error.contains("unpacking of archive failed on file /proc"), "{error}");
        let other = "error: Failed dependencies:\n\tx is needed by a-1-1.noarch\n";
        let error = failure(other, 2, "x").unwrap().to_string();
        assert!(error.contains("x is needed by a-1-1.noarch"), "{error}");
    }
}
