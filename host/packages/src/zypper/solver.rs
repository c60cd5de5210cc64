//! The builder's zypper, asked what it would do. It fetches, installs and configures nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use dibhost_sys::{Cancel, Program, ProgramError};

use super::automatic;
use super::build::Zypper;
use crate::error::PackageError;
use crate::files::{make_folder, read, write};
use crate::rpm::database::Database;
use crate::rpm::keys::not_run;
use crate::rpm::primary::{self, Listed, Nevra};
use crate::rpm::repomd;
use crate::rpm::repository::Offers;

/// More than the packages of any distribution take, said as text.
const LARGEST: usize = 2 << 30;

/// What zypper is shown of a tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) database: Database,
    /// As `/etc/zypp/locks` has it.
    pub(super) locks: Vec<u8>,
    /// What came as a dependency only.
    pub(super) automatic: BTreeSet<String>,
}

impl Zypper {
    /// Asks zypper; what it said, whether or not it would do it. Whoever does holds the lock.
    pub(super) fn ask(
        &self,
        words: &[String],
        shown: &Shown,
        doing: &str,
        cancel: &Cancel,
    ) -> Result<String, PackageError> {
        let own = &self.build.own;
        let root = own.join("root");
        let _ = std::fs::remove_dir_all(&root);
        let (database, home, repositories) =
            (root.join("database"), own.join("home"), own.join("repos.d"));
        let (locks, notes) = (root.join("etc/zypp"), root.join("var/lib/zypp"));
        for folder in [&database, &home, &repositories, &locks, &notes] {
            make_folder(folder)?;
        }
        for (name, content) in &shown.database.files {
            write(&database.join(name), content)?;
        }
        write(&locks.join("locks"), &shown.locks)?;
        write(&notes.join("AutoInstalled"), automatic::text(&shown.automatic).as_bytes())?;
        // rpm's own place for it differs, and Debian's is the home folder.
        let kind = if shown.database.kind.is_empty() { "sqlite" } else { shown.database.kind };
        let macros = format!("%_dbpath /database\n%_db_backend {kind}\n");
        write(&home.join(".rpmmacros"), macros.as_bytes())?;
        for repository in &self.build.repositories {
            let file = repositories.join(format!("{}.repo", repository.name));
            write(&file, repo(repository).as_bytes())?;
        }
        // Kernels stand beside each other.
        write(&own.join("zypp.conf"), b"[main]\nmultiversion = provides:multiversion(kernel)\n")?;
        write(&own.join("zypper.conf"), b"[main]\n")?;
        let cache = self.build.solver.join("zypper");
        let program = Program::new("sh")
            // It says on its standard error what it found, to be heard when it fails too.
            .args(["-c", "exec zypper \"$@\" >&2", "zypper", "--config"])
            .arg(own.join("zypper.conf"))
            .args(["--non-interactive", "--xmlout", "--no-gpg-checks", "--root"])
            .arg(&root)
            .arg("--reposd-dir")
            .arg(&repositories)
            .arg("--cache-dir")
            .arg(&cache)
            .args(["--releasever", &self.build.release])
            .args(words)
            .env("HOME", &home)
            .env("ZYPP_CONF", own.join("zypp.conf"))
            .env("ZYPP_LOGFILE", own.join("log"))
            .env("ZYPP_READONLY_HACK", "1");
        match program.run(cancel) {
            Ok(said) => Ok(String::from_utf8_lossy(&said.stderr).into_owned()),
            Err(ProgramError::Failed { stderr, .. }) if stderr.contains("<stream>") => Ok(stderr),
            Err(error) => Err(not_run(error, doing, "zypper")),
        }
    }

    /// All packages that the repositories offer, of each the repository that is asked for it.
    pub(super) fn offered(
        &self,
        cancel: &Cancel,
    ) -> Result<BTreeMap<Nevra, (String, Listed)>, PackageError> {
        let mut all = BTreeMap::new();
        // 99 is what zypper takes for a repository that says none; less is sooner.
        let mut repositories: Vec<&Offers> = self.build.repositories.iter().collect();
        repositories.sort_by_key(|r| r.priority.unwrap_or(99));
        for repository in repositories {
            let odd = |why: String| PackageError::Rpm {
                doing: format!("reading the packages of the repository `{}`", repository.name),
                detail: why,
            };
            let index = String::from_utf8_lossy(&read(&repository.index())?).into_owned();
            let found = repomd::parse(&index).map_err(odd)?;
            let primary = found.iter().find(|data| data.kind == "primary");
            let primary = primary.ok_or_else(|| odd("there is no index of them".to_owned()))?;
            let text = plain(&repository.offered().join(&primary.href), cancel)?;
            for (nevra, listed) in primary::parse(&text).map_err(odd)? {
                all.entry(nevra).or_insert((repository.name.clone(), listed));
            }
        }
        Ok(all)
    }
}

/// A repository of a folder, which was looked at already.
fn repo(repository: &Offers) -> String {
    let mut text = format!(
        "[{}]\nname={}\nenabled=1\nautorefresh=1\ntype=rpm-md\nbaseurl=dir://{}\ngpgcheck=0\nrepo_gpgcheck=0\n",
        repository.name,
        repository.name,
        repository.offered().display()
    );
    if let Some(priority) = repository.priority {
        let _ = writeln!(text, "priority={priority}");
    }
    text
}

/// The text of a file, whatever it is packed with.
fn plain(file: &Path, cancel: &Cancel) -> Result<String, PackageError> {
    let unpack = match file.extension().and_then(|e| e.to_str()) {
        Some("gz") => "gzip",
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("bz2") => "bzip2",
        _ => return Ok(String::from_utf8_lossy(&read(file)?).into_owned()),
    };
    let program =
        Program::new(unpack).args(["--decompress", "--stdout"]).arg(file).says_at_most(LARGEST);
    let said = program.run(cancel).map_err(|e| not_run(e, "unpacking an index", unpack))?;
    Ok(said.text())
}
