//! `--secret NAME=FILE`: what opens the encryptions of a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::Arc;

use dibhost_block_device::{Graph, Secrets};
use dibhost_sys::{SecretBytes, leave_no_core};

use crate::failure::Failure;

/// Keys and passphrases are far smaller.
const LARGEST_SECRET: usize = 64 << 10;

/// Secrets, read before anything is made: a file may be a pipe, which is read once.
pub(super) struct FileSecrets(BTreeMap<String, Arc<SecretBytes>>);

impl FileSecrets {
    /// Reads those that the encryptions of `graph` have, which was written in the file `layout`.
    pub(super) fn read(args: &[String], graph: &Graph, layout: &str) -> Result<Self, Failure> {
        let used: BTreeSet<&str> =
            graph.encryptions().iter().flat_map(|e| &e.secrets).map(String::as_str).collect();
        let mut secrets = BTreeMap::new();
        for arg in args {
            let parts = arg.split_once('=');
            let Some((name, file)) = parts.filter(|(n, f)| !n.is_empty() && !f.is_empty()) else {
                // Not what was typed: it may be the secret itself.
                let problem =
                    "`--secret` needs a name and a file: `--secret disk-passphrase=key.txt`";
                return Err(Failure::wrong(problem));
            };
            if !used.contains(name) {
                let known: Vec<_> = used.iter().map(|name| format!("`{name}`")).collect();
                let help = match known.is_empty() {
                    true => "nothing is encrypted there".to_owned(),
                    false => format!("its encryptions have {}", known.join(", ")),
                };
                return Err(Failure::Wrong(format!(
                    "`--secret {name}=`: no encryption in {layout} has a secret of that name\n  help: {help}"
                )));
            }
            let secret = read(file).map_err(|error| {
                Failure::Wrong(format!("the secret `{name}`: reading {file}: {error}"))
            })?;
            if secrets.insert(name.to_owned(), Arc::new(secret)).is_some() {
                return Err(Failure::wrong(format!("`--secret {name}=` is there twice")));
            }
        }
        for encryption in graph.encryptions() {
            let Some(name) = encryption.secrets.iter().find(|name| !secrets.contains_key(*name))
            else {
                continue;
            };
            return Err(Failure::Wrong(format!(
                "{layout}: node `{}`: nobody said what its secret `{name}` is\n  help: add `--secret {name}=FILE`; every byte of the file counts",
                encryption.node
            )));
        }
        Ok(Self(secrets))
    }
}

fn read(path: &str) -> io::Result<SecretBytes> {
    leave_no_core()?;
    let secret = SecretBytes::read_from(&mut File::open(path)?, LARGEST_SECRET)?;
    if secret.expose().is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(secret)
}

impl Secrets for FileSecrets {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        let missing = || io::Error::other("nobody said what it is");
        self.0.get(name).cloned().ok_or_else(missing)
    }
}
