//! Packages into the tree.
//!
//! An empty tree has no dpkg: the essential packages are laid down as they are, and then
//! installed once more by the dpkg that has come with them, as debootstrap and mmdebstrap do.
//! Everything else is unpacked in as few runs of dpkg as pre-dependencies allow, and configured
//! in one.

use std::fmt::Write as _;

use dibhost_sys::Program;
use dibhost_tree::{
    Attributes, Change, Command, Laying, Line, ReadOnlyBind, Scope, Target, TargetPath, Walk,
};

use super::archive::Apt;
use super::programs::{command, path};
use super::records;
use super::said::dpkg;
use crate::clock::Clock;
use crate::error::PackageError;
use crate::manager::{Applied, Batch, Package, Resolution, Selection};
use crate::room::full;

/// Where the target sees this build's packages; on its private `/run`.
const PACKAGES: &str = "/run/dibhost/packages";

/// The program that is put off: it takes longer than all else that a kernel's package does.
const UPDATE_INITRAMFS: &str = "update-initramfs";

/// Folders of a merged `/usr`, on all architectures.
const MERGED: [&str; 3] = ["bin", "sbin", "lib"];

/// Architectures whose loader lies in `/lib64`.
const LIB64: [&str; 6] = ["amd64", "ppc64", "ppc64el", "loong64", "mips64el", "sparc64"];

/// Never asking and never syncing: the tree is thrown away when the build fails.
const OPTIONS: [&str; 3] = ["--force-unsafe-io", "--force-confold", "--force-confdef"];

/// dpkg in the tree, told about as it goes.
pub(super) struct Dpkg<'a> {
    pub(super) apt: &'a Apt,
    pub(super) tree: &'a mut dyn Target,
    pub(super) line: &'a mut dyn FnMut(Line),
    pub(super) deferred: Vec<String>,
}

impl Apt {
    /// Carries the resolution out in the tree; all of it must have been downloaded.
    pub(super) fn install(
        &self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        answers: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        let selections = selections(answers)?;
        let mut clock = Clock::start();
        let mut dpkg = Dpkg { apt: self, tree, line, deferred: Vec::new() };
        if resolution.bootstrap {
            dpkg.lay_down(resolution)?;
            clock.lap("laying down the essential packages");
            let essential: Vec<&Package> =
                resolution.packages.iter().filter(|p| p.essential).collect();
            dpkg.run(
                &["--install", "--force-depends"],
                &essential,
                "installing the essential packages",
            )?;
            clock.lap("installing the essential packages");
        }
        if !resolution.removals.is_empty() {
            let names: Vec<&str> = resolution.removals.iter().map(String::as_str).collect();
            dpkg.run_words(
                "dpkg",
                &[&["--purge", "--force-depends"], names.as_slice()].concat(),
                None,
                "removing packages",
            )?;
            clock.lap("removing packages");
        }
        let mut answered = selections.is_empty();
        for batch in &resolution.order {
            match batch {
                Batch::Unpack(names) => {
                    let debs: Vec<&Package> =
                        resolution.packages.iter().filter(|p| names.contains(&p.name)).collect();
                    dpkg.run(&["--unpack"], &debs, "unpacking the packages")?;
                    clock.lap("unpacking the packages");
                }
                Batch::Configure(names) => {
                    answered = answered || dpkg.answer(&selections)?;
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    dpkg.run_words(
                        "dpkg",
                        &[OPTIONS.as_slice(), &["--configure"], &names].concat(),
                        None,
                        "configuring pre-dependencies",
                    )?;
                    clock.lap("configuring pre-dependencies");
                }
            }
        }
        if !answered && !dpkg.answer(&selections)? {
            return Err(PackageError::Invalid(
                "there are answers for debconf, but the target has no `debconf-set-selections`; wish for the package `debconf`".to_owned(),
            ));
        }
        let all = [OPTIONS.as_slice(), &["--configure", "--pending"]].concat();
        dpkg.run_words("dpkg", &all, None, "configuring the packages")?;
        clock.lap("configuring the packages");
        dpkg.finish(resolution)?;
        clock.lap("checking the packages");
        Ok(Applied { deferred: dpkg.deferred, timings: clock.timings() })
    }
}

impl Dpkg<'_> {
    /// The essential packages' files, and what dpkg needs to begin.
    fn lay_down(&mut self, resolution: &Resolution) -> Result<(), PackageError> {
        let root = TargetPath::root();
        if !self.tree.walk(&Scope::all(), &root, Walk::default(), None, 1)?.is_empty() {
            return Err(PackageError::Invalid(
                "the tree is not empty, so nothing can be bootstrapped in it".to_owned(),
            ));
        }
        let mut merged: Vec<&str> = MERGED.to_vec();
        if LIB64.contains(&self.apt.arch.as_str()) {
            merged.push("lib64");
        }
        let mut changes = Vec::new();
        let folder = |text: &str| {
            path(text).map(|path| Change::MakeDirectory { path, attributes: Attributes::default() })
        };
        for name in merged {
            changes.push(folder(&format!("/usr/{name}"))?);
            changes.push(Change::Symlink {
                path: path(&format!("/{name}"))?,
                to: format!("usr/{name}"),
            });
        }
        for name in ["info", "updates", "triggers", "alternatives", "parts"] {
            changes.push(folder(&format!("/var/lib/dpkg/{name}"))?);
        }
        for name in ["status", "available"] {
            changes.push(Change::Write {
                path: path(&format!("/var/lib/dpkg/{name}"))?,
                content: Vec::new(),
                attributes: Attributes::default(),
            });
        }
        self.tree.apply(&Scope::own(), &changes)?;
        let debs = resolution.packages.iter().filter(|p| p.essential);
        let archive = |deb: &Package| {
            Program::new("dpkg-deb").arg("--fsys-tarfile").arg(self.apt.downloads.path(deb))
        };
        let archives: Vec<_> = debs.map(archive).collect();
        let doing = "laying down the essential packages";
        self.tree.lay_down(&archives, Laying::Beside).map_err(|e| full(e, doing))
    }

    fn run(&mut self, words: &[&str], debs: &[&Package], doing: &str) -> Result<(), PackageError> {
        if debs.is_empty() {
            return Ok(());
        }
        let files: Vec<String> = debs.iter().map(|d| format!("{PACKAGES}/{}", d.file)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.run_words("dpkg", &[OPTIONS.as_slice(), words, files.as_slice()].concat(), None, doing)
    }

    pub(super) fn run_words(
        &mut self,
        program: &str,
        words: &[&str],
        stdin: Option<Vec<u8>>,
        doing: &str,
    ) -> Result<(), PackageError> {
        let target = path(PACKAGES)?;
        let host = self.apt.downloads.placed.to_string_lossy().into_owned();
        let mut command = command(program, words)?;
        // No marks of being a container: packages would configure themselves for one.
        let own = [("DEBCONF_NONINTERACTIVE_SEEN", "true"), ("UCF_FORCE_CONFFOLD", "1")];
        command.env.extend(own.map(|(k, v)| (k.to_owned(), v.to_owned())));
        command.stdin = stdin;
        command.binds = vec![ReadOnlyBind { host, target }];
        command.defer = vec![UPDATE_INITRAMFS.to_owned()];
        let output = self.tree.exec(&command, self.line).map_err(|e| full(e, doing))?;
        for call in output.deferred {
            if !self.deferred.contains(&call.program) {
                self.deferred.push(call.program);
            }
        }
        if output.status == 0 {
            return Ok(());
        }
        let said = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
        Err(dpkg(&String::from_utf8_lossy(&said), doing))
    }

    /// Tells debconf the answers, once it is there.
    fn answer(&mut self, selections: &str) -> Result<bool, PackageError> {
        let program = path("/usr/bin/debconf-set-selections")?;
        if self.tree.stat(&Scope::all(), &program)?.is_none() {
            return Ok(false);
        }
        let stdin = Some(selections.as_bytes().to_vec());
        self.run_words("debconf-set-selections", &[], stdin, "giving debconf its answers")?;
        Ok(true)
    }

    /// What came as a dependency only is marked so, and nothing may be left half done.
    fn finish(&mut self, resolution: &Resolution) -> Result<(), PackageError> {
        self.mark_automatic(resolution)?;
        let command = Command { capture: true, ..command("dpkg", &["--audit"])? };
        let output = self.tree.exec(&command, &mut |_| ())?;
        if output.status == 0 && output.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let detail = said.split_whitespace().take(60).collect::<Vec<_>>().join(" ");
        Err(PackageError::Install { doing: "checking the packages".to_owned(), detail })
    }

    /// `/var/lib/apt/extended_states`, as the tree's own apt would have written it: what came as a
    /// dependency is marked, what was there keeps its mark, and what is asked for loses it.
    fn mark_automatic(&mut self, resolution: &Resolution) -> Result<(), PackageError> {
        let states = records::extended_states(self.tree)?;
        let came = |p: &&Package| !p.essential && !p.requested && !p.upgrade;
        let automatic = resolution.packages.iter().filter(came).map(|deb| {
            // Packages of no architecture are noted under the native one.
            let arch = if deb.arch == "all" { &self.apt.arch } else { &deb.arch };
            (records::bare(&deb.name), arch.as_str())
        });
        let manual = resolution.requested.iter().map(|name| records::bare(name));
        let marked = states.with(automatic).without(manual);
        records::write_extended_states(self.tree, &states, &marked)
    }
}

/// The input of debconf-set-selections(1).
fn selections(answers: &[Selection]) -> Result<String, PackageError> {
    let mut text = String::new();
    for answer in answers {
        super::config::check_package(&answer.package)?;
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_graphic());
        if !word(&answer.question)
            || !word(&answer.kind)
            || answer.value.contains(['\n', '\r', '\0'])
        {
            return Err(PackageError::Invalid(format!(
                "`{} {} {} …` is no answer for debconf",
                answer.package,
                answer.question.escape_debug(),
                answer.kind.escape_debug()
            )));
        }
        let _ = writeln!(
            text,
            "{} {} {} {}",
            answer.package, answer.question, answer.kind, answer.value
        );
    }
    Ok(text)
}

/// Makes one initramfs for each kernel.
pub(super) fn make_initramfs(
    tree: &mut dyn Target,
    line: &mut dyn FnMut(Line),
) -> Result<(), PackageError> {
    // Removed again meanwhile: nothing is left to be made.
    if tree.stat(&Scope::all(), &path("/usr/sbin/update-initramfs")?)?.is_none() {
        return Ok(());
    }
    let doing = "making the initramfs";
    let command = command(UPDATE_INITRAMFS, &["-c", "-k", "all"])?;
    let output = tree.exec(&command, line).map_err(|e| full(e, doing))?;
    if output.status == 0 {
        return Ok(());
    }
    let said = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
    Err(dpkg(&String::from_utf8_lossy(&said), doing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stays_one_line() {
        let mut answer = Selection {
            package: "locales".into(),
            question: "locales/default_environment_locale".into(),
            kind: "select".into(),
            value: "C.UTF-8 or so".into(),
        };
        assert_eq!(
            selections(std::slice::from_ref(&answer)).unwrap(),
            "locales locales/default_environment_locale select C.UTF-8 or so\n"
        );
        answer.value = "x\npasswd passwd/root-password string y".into();
        assert!(selections(&[answer]).is_err());
    }
}
