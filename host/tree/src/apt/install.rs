//! Packages into the tree.
//!
//! An empty tree has no dpkg: the essential packages are laid down as they are, and then
//! installed once more by the dpkg that has come with them, as debootstrap and mmdebstrap do.
//! Everything else is unpacked in as few runs of dpkg as pre-dependencies allow, and configured
//! in one.

use std::fmt::Write as _;
use std::time::Instant;

use super::said::{TREE_FULL, dpkg};
use super::{Answer, Apt, AptError, Batch, Deb, Installed, Resolution};
use crate::{
    Attributes, Change, Command, Line, ReadOnlyBind, Scope, Target as _, TargetError, TargetPath,
    Worker,
};

/// Where the target sees this build's packages; on its private `/run`.
const PACKAGES: &str = "/run/dibhost/packages";

/// The program that is put off.
const UPDATE_INITRAMFS: &str = "update-initramfs";

/// Folders of a merged `/usr`, on all architectures.
const MERGED: [&str; 3] = ["bin", "sbin", "lib"];

/// Architectures whose loader lies in `/lib64`.
const LIB64: [&str; 6] = ["amd64", "ppc64", "ppc64el", "loong64", "mips64el", "sparc64"];

/// Never asking and never syncing: the tree is thrown away when the build fails.
const OPTIONS: [&str; 3] = ["--force-unsafe-io", "--force-confold", "--force-confdef"];

/// The times of one installation.
struct Clock {
    started: Instant,
    timings: Vec<(String, u64)>,
}

impl Clock {
    fn lap(&mut self, what: &str) {
        let took = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.timings.push((what.to_owned(), took));
        self.started = Instant::now();
    }
}

/// dpkg in the target, told about as it goes.
struct Dpkg<'a> {
    apt: &'a Apt,
    worker: &'a mut Worker,
    line: &'a mut dyn FnMut(Line),
    deferred: Vec<String>,
}

impl Apt {
    /// Carries the resolution out in the tree; all of it must have been downloaded.
    ///
    /// # Errors
    /// dpkg or a package's script fails, no space is left.
    pub fn install(
        &self,
        worker: &mut Worker,
        resolution: &Resolution,
        answers: &[Answer],
        line: &mut dyn FnMut(Line),
    ) -> Result<Installed, AptError> {
        let selections = selections(answers)?;
        let mut clock = Clock { started: Instant::now(), timings: Vec::new() };
        let mut dpkg = Dpkg { apt: self, worker, line, deferred: Vec::new() };
        if resolution.bootstrap {
            dpkg.lay_down(resolution)?;
            clock.lap("laying down the essential packages");
            let essential: Vec<&Deb> = resolution.packages.iter().filter(|p| p.essential).collect();
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
                    let debs: Vec<&Deb> =
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
            return Err(AptError::Invalid(
                "there are answers for debconf, but the target has no `debconf-set-selections`; wish for the package `debconf`".to_owned(),
            ));
        }
        let all = [OPTIONS.as_slice(), &["--configure", "--pending"]].concat();
        dpkg.run_words("dpkg", &all, None, "configuring the packages")?;
        clock.lap("configuring the packages");
        dpkg.finish(resolution)?;
        clock.lap("checking the packages");
        let Dpkg { worker, deferred, .. } = dpkg;
        worker.note_deferred(&deferred);
        Ok(Installed { deferred, timings: clock.timings })
    }
}

impl Dpkg<'_> {
    /// The essential packages' files, and what dpkg needs to begin.
    fn lay_down(&mut self, resolution: &Resolution) -> Result<(), AptError> {
        if !self.worker.is_empty()? {
            return Err(AptError::Invalid(
                "the tree is not empty, so nothing can be bootstrapped in it".to_owned(),
            ));
        }
        let path = |text: &str| TargetPath::new(text).map_err(|e| AptError::Invalid(e.to_string()));
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
        self.worker.apply(&Scope::all(), &changes)?;
        let debs = resolution.packages.iter().filter(|p| p.essential);
        let paths = debs.map(|d| self.apt.deb(d).to_string_lossy().into_owned()).collect();
        self.worker.unpack(paths).map_err(|e| full(e, "laying down the essential packages"))
    }

    fn run(&mut self, words: &[&str], debs: &[&Deb], doing: &str) -> Result<(), AptError> {
        if debs.is_empty() {
            return Ok(());
        }
        let files: Vec<String> = debs.iter().map(|d| format!("{PACKAGES}/{}", d.file)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.run_words("dpkg", &[OPTIONS.as_slice(), words, files.as_slice()].concat(), None, doing)
    }

    fn run_words(
        &mut self,
        program: &str,
        words: &[&str],
        stdin: Option<Vec<u8>>,
        doing: &str,
    ) -> Result<(), AptError> {
        let target = TargetPath::new(PACKAGES).map_err(|e| AptError::Invalid(e.to_string()))?;
        let host = self.apt.debs().to_string_lossy().into_owned();
        let command = Command {
            program: program.to_owned(),
            args: words.iter().map(|w| (*w).to_owned()).collect(),
            // No marks of being a container: packages would configure themselves for one.
            env: [("DEBCONF_NONINTERACTIVE_SEEN", "true"), ("UCF_FORCE_CONFFOLD", "1")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            stdin,
            binds: vec![ReadOnlyBind { host, target }],
            ..Command::default()
        };
        let ran = self.worker.exec_deferring(&command, self.line).map_err(|e| full(e, doing))?;
        if !ran.deferred.is_empty() && self.deferred.is_empty() {
            self.deferred.push(UPDATE_INITRAMFS.to_owned());
        }
        if ran.output.status == 0 {
            return Ok(());
        }
        let said = [ran.output.stdout.as_slice(), b"\n", &ran.output.stderr].concat();
        Err(dpkg(&String::from_utf8_lossy(&said), doing))
    }

    /// Tells debconf the answers, once it is there.
    fn answer(&mut self, selections: &str) -> Result<bool, AptError> {
        let path = TargetPath::new("/usr/bin/debconf-set-selections")
            .map_err(|e| AptError::Invalid(e.to_string()))?;
        if self.worker.stat(&Scope::all(), &path)?.is_none() {
            return Ok(false);
        }
        let stdin = Some(selections.as_bytes().to_vec());
        self.run_words("debconf-set-selections", &[], stdin, "giving debconf its answers")?;
        Ok(true)
    }

    /// What came as a dependency only is marked so, and nothing may be left half done.
    fn finish(&mut self, resolution: &Resolution) -> Result<(), AptError> {
        self.mark_automatic(resolution)?;
        let command = Command {
            program: "dpkg".to_owned(),
            args: vec!["--audit".to_owned()],
            capture: true,
            ..Command::default()
        };
        let output = self.worker.exec(&command, &mut |_| ())?;
        if output.status == 0 && output.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let detail = said.split_whitespace().take(60).collect::<Vec<_>>().join(" ");
        Err(AptError::Install { doing: "checking the packages".to_owned(), detail })
    }

    /// `/var/lib/apt/extended_states`, as the target's own apt would have written it.
    fn mark_automatic(&mut self, resolution: &Resolution) -> Result<(), AptError> {
        let path = |text: &str| TargetPath::new(text).map_err(|e| AptError::Invalid(e.to_string()));
        let states = path("/var/lib/apt/extended_states")?;
        if self.worker.stat(&Scope::all(), &path("/var/lib/apt")?)?.is_none() {
            return Ok(());
        }
        let old = match self.worker.read(&Scope::all(), &states, 0, u64::MAX) {
            Ok(old) => String::from_utf8_lossy(&old).into_owned(),
            Err(TargetError::NotFound(_)) => String::new(),
            Err(error) => return Err(error.into()),
        };
        let known = |name: &str| old.lines().any(|l| l.strip_prefix("Package: ") == Some(name));
        let mut text = old.clone();
        let automatic = resolution.packages.iter().filter(|p| !p.essential && !p.requested);
        for deb in automatic.filter(|p| !known(&p.name)) {
            // Packages of no architecture are noted under the native one.
            let arch = if deb.arch == "all" { &self.apt.arch } else { &deb.arch };
            let name = deb.name.split(':').next().unwrap_or(&deb.name);
            let _ = writeln!(text, "Package: {name}\nArchitecture: {arch}\nAuto-Installed: 1\n");
        }
        if text == old {
            return Ok(());
        }
        let content = text.into_bytes();
        let write = Change::Write { path: states, content, attributes: Attributes::default() };
        Ok(self.worker.apply(&Scope::all(), &[write])?)
    }
}

/// A worker's error, with what to do when its tree is full.
fn full(error: TargetError, doing: &str) -> AptError {
    match error {
        TargetError::Cancelled => AptError::Cancelled,
        TargetError::Os { doing: at, name, message } if name == "ENOSPC" || name == "EDQUOT" => {
            AptError::NoSpace {
                doing: doing.to_owned(),
                detail: format!("{at}: {message}"),
                advice: TREE_FULL,
            }
        }
        error => error.into(),
    }
}

/// The input of debconf-set-selections(1).
fn selections(answers: &[Answer]) -> Result<String, AptError> {
    let mut text = String::new();
    for answer in answers {
        super::config::check_package(&answer.package)?;
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_graphic());
        if !word(&answer.question)
            || !word(&answer.kind)
            || answer.value.contains(['\n', '\r', '\0'])
        {
            return Err(AptError::Invalid(format!(
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

/// Does once what package scripts wanted during all installations of this worker: one initramfs
/// for each kernel. Nothing when none wanted it.
///
/// # Errors
/// It fails in the target.
pub fn run_deferred(worker: &mut Worker, line: &mut dyn FnMut(Line)) -> Result<(), AptError> {
    let deferred = worker.take_deferred();
    let path = |text: &str| TargetPath::new(text).map_err(|e| AptError::Invalid(e.to_string()));
    let all = Scope::all();
    // Removed again meanwhile: nothing is left to be made.
    if deferred.is_empty() || worker.stat(&all, &path("/usr/sbin/update-initramfs")?)?.is_none() {
        return Ok(());
    }
    let doing = "making the initramfs";
    let command = Command {
        program: UPDATE_INITRAMFS.to_owned(),
        args: ["-c", "-k", "all"].map(str::to_owned).to_vec(),
        ..Command::default()
    };
    let output = worker.exec(&command, line).map_err(|e| full(e, doing))?;
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
        let mut answer = Answer {
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
