//! The secrets of a build: read when the first step needs them, kept in memory of their own,
//! and struck out of all that is said.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dibhost_check::Check;
use dibhost_definition::{Definition, SecretSource};
use dibhost_element::SecretStore;
use dibhost_sys::{SecretBytes, leave_no_core};
use zeroize::Zeroizing;

/// Keys, certificates and tokens are far smaller; what is larger is data.
const LIMIT: usize = 64 << 10;

/// Shorter texts are in too many other ones to be struck out.
const LEAST: usize = 4;

/// What is written in the place of a secret.
const STRUCK: &str = "***";

/// The secrets of an image definition.
#[derive(Debug, Default)]
pub struct Secrets {
    sources: BTreeMap<String, SecretSource>,
    read: Mutex<BTreeMap<String, Arc<SecretBytes>>>,
}

impl Secrets {
    /// Those of a definition. Reads none of them.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let source = |source: &SecretSource| match source {
            SecretSource::File(path) => SecretSource::File(definition.base.join(path)),
            other => other.clone(),
        };
        let sources = definition.secrets.iter().map(|(name, s)| (name.clone(), source(&s.source)));
        Self { sources: sources.collect(), read: Mutex::default() }
    }

    /// Those that are not where the definition says, and why: a sentence part after the name.
    /// Looks whether they are there, and reads nothing.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<String, String> {
        let missing = self.sources.iter().filter_map(|(name, source)| {
            let there = match source {
                SecretSource::File(path) => path.exists(),
                SecretSource::Environment(variable) => std::env::var_os(variable).is_some(),
                SecretSource::Command(command) => command.first().is_some_and(|p| is_program(p)),
            };
            (!there).then(|| (name.clone(), format!("is not there: there is not {source}")))
        });
        missing.collect()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Arc<SecretBytes>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretStore for Secrets {
    fn read(&self, name: &str) -> Result<Arc<SecretBytes>, String> {
        let mut kept = self.kept();
        if let Some(secret) = kept.get(name) {
            return Ok(Arc::clone(secret));
        }
        let source = self.sources.get(name).ok_or("is not in the definition")?;
        leave_no_core()
            .map_err(|e| format!("is not read: this process could leave a core: {e}"))?;
        let secret = Arc::new(open(source).map_err(|why| format!("cannot be had: {why}"))?);
        if secret.expose().is_empty() {
            return Err(format!("is empty: there is nothing in {source}"));
        }
        kept.insert(name.to_owned(), Arc::clone(&secret));
        Ok(secret)
    }

    fn redact(&self, text: String) -> String {
        let kept = self.kept();
        if kept.is_empty() || !Check::SecretRedaction.holds() {
            return text;
        }
        let mut struck = text;
        for pattern in patterns(kept.values().map(|secret| secret.expose())) {
            if struck.contains(pattern.as_str()) {
                struck = struck.replace(pattern.as_str(), STRUCK);
            }
        }
        struck
    }
}

/// How secrets may stand in a text: whole and line by line, as they are and as JSON, Rust and the
/// host's own log write control characters. The longest come first, for one may be in another.
fn patterns<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Vec<Zeroizing<String>> {
    let mut patterns = Vec::new();
    for secret in secrets {
        let text = Zeroizing::new(String::from_utf8_lossy(secret).into_owned());
        for part in [text.as_str()].into_iter().chain(text.lines()) {
            for part in [part, part.trim()] {
                let json = Zeroizing::new(serde_json::Value::from(part).to_string());
                patterns.extend(
                    [
                        part.to_owned(),
                        json[1..json.len() - 1].to_owned(),
                        part.escape_debug().to_string(),
                        dibhost_text::harmless(part, LIMIT),
                    ]
                    .map(Zeroizing::new),
                );
            }
        }
    }
    patterns.retain(|p| p.len() >= LEAST);
    patterns.sort_by(|a, b| (b.len(), a.as_str()).cmp(&(a.len(), b.as_str())));
    patterns.dedup();
    patterns
}

fn open(source: &SecretSource) -> Result<SecretBytes, String> {
    let failed = |error: std::io::Error| format!("reading {source}: {error}");
    match source {
        SecretSource::File(path) => {
            let mut file = File::open(path).map_err(failed)?;
            SecretBytes::read_from(&mut file, LIMIT).map_err(failed)
        }
        SecretSource::Environment(variable) => {
            let value =
                std::env::var_os(variable).ok_or_else(|| format!("there is not {source}"))?;
            let value = Zeroizing::new(value.as_bytes().to_vec());
            SecretBytes::read_from(&mut value.as_slice(), LIMIT).map_err(failed)
        }
        SecretSource::Command(command) => {
            let (program, args) = command.split_first().ok_or("its command is empty")?;
            // With the person's own environment: a password store needs its home and its agent.
            let mut child = Command::new(program)
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| format!("starting `{program}`: {error}"))?;
            let said = match child.stdout.take() {
                Some(mut stdout) => SecretBytes::read_from(&mut stdout, LIMIT).map_err(failed),
                None => Err(format!("`{program}` has no standard output")),
            };
            let status = child.wait().map_err(failed)?;
            if !status.success() {
                return Err(format!("`{program}` failed ({status})"));
            }
            said
        }
    }
}

/// Whether a program of that name or path is there.
fn is_program(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: PathBuf| folder.join(OsStr::new(program)).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(sources: &[(&str, SecretSource)]) -> Secrets {
        let sources = sources.iter().map(|(n, s)| ((*n).to_owned(), s.clone())).collect();
        Secrets { sources, read: Mutex::default() }
    }

    #[test]
    fn a_secret_is_read_where_it_is_and_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let echo =
            |words: &[&str]| SecretSource::Command(words.iter().map(|w| (*w).to_owned()).collect());
        let secrets = secrets(&[
            ("file", SecretSource::File(path.clone())),
            ("command", echo(&["echo", "from a program"])),
            ("failing", echo(&["false"])),
            ("absent", echo(&["no-such-program-anywhere"])),
            ("variable", SecretSource::Environment("DIBHOST_NO_SUCH_VARIABLE".to_owned())),
            ("path", SecretSource::Environment("PATH".to_owned())),
        ]);
        let missing: Vec<_> = secrets.missing().into_keys().collect();
        assert_eq!(missing, ["absent", "file", "variable"]);
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(secrets.read("file").unwrap().expose(), b"one\n");
        // Once: what changes during a build changes nothing.
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(secrets.read("file").unwrap().expose(), b"one\n");
        assert_eq!(secrets.read("command").unwrap().expose(), b"from a program\n");
        assert_eq!(
            secrets.read("path").unwrap().expose(),
            std::env::var("PATH").unwrap().as_bytes()
        );
        for name in ["failing", "absent", "variable", "unknown"] {
            assert!(secrets.read(name).is_err(), "{name}");
        }
        std::fs::write(&path, vec![b'x'; LIMIT + 1]).unwrap();
        let long = self::secrets(&[("long", SecretSource::File(path))]);
        assert!(long.read("long").unwrap_err().contains("longer than 65536 bytes"));
    }

    #[test]
    fn what_was_read_is_struck_out_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            SecretSource::File(path)
        };
        let secrets = secrets(&[
            ("password", file("password", "hunter2\n")),
            ("longer", file("longer", "hunter2-and-more")),
            ("lines", file("lines", "line one\n  li\"ne\ttwo\n")),
            ("short", file("short", "abc")),
        ]);
        let said = "pw=hunter2! hunter2-and-more line one abc [li\\\"ne\\ttwo] [li\"ne\ttwo]";
        assert_eq!(secrets.redact(said.to_owned()), said, "nothing was read yet");
        for name in ["password", "longer", "lines", "short"] {
            secrets.read(name).unwrap();
        }
        assert_eq!(secrets.redact(said.to_owned()), "pw=***! *** *** abc [***] [***]");
    }

    #[test]
    fn a_process_that_read_a_secret_leaves_no_core() {
        let path = SecretSource::Environment("PATH".to_owned());
        secrets(&[("path", path)]).read("path").unwrap();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
        let words: Vec<_> = core.split_whitespace().collect();
        assert_eq!(words[4..6], ["1", "1"], "{core}");
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
