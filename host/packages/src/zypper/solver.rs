//! The builder's zypper, asked what it would do. It fetches, installs and configures nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use dibhost_sys::{Cancel, Hold, Program, ProgramError};
use dibhost_tree::Workshop;

use super::automatic;
use super::build::Zypper;
use crate::error::PackageError;
use crate::files::read;
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
        tree: Option<&mut dyn Workshop>,
        words: &[String],
        shown: &Shown,
        doing: &str,
        cancel: &Cancel,
    ) -> Result<String, PackageError> {
        let desk = self.build.desk(tree)?;
        desk.make("database")?;
        let home = desk.make("home")?;
        let repositories = desk.make("repos.d")?;
        desk.make("etc/zypp")?;
        desk.make("var/lib/zypp")?;
        for (name, content) in &shown.database.files {
            desk.write(&format!("database/{name}"), content)?;
        }
        desk.write("etc/zypp/locks", &shown.locks)?;
        let notes = automatic::text(&shown.automatic);
        desk.write("var/lib/zypp/AutoInstalled", notes.as_bytes())?;
        // rpm's own place for it differs, and Debian's is the home folder.
        let kind = if shown.database.kind.is_empty() { "sqlite" } else { shown.database.kind };
        let macros = format!("%_dbpath /database\n%_db_backend {kind}\n");
        desk.write("home/.rpmmacros", macros.as_bytes())?;
        for repository in &self.build.repositories {
            let text = repo(repository, &desk.offered(repository)?);
            desk.write(&format!("repos.d/{}.repo", repository.name), text.as_bytes())?;
        }
        // Kernels stand beside each other.
        let beside = b"[main]\nmultiversion = provides:multiversion(kernel)\n";
        let libzypp = desk.write("zypp.conf", beside)?;
        let own = desk.write("zypper.conf", b"[main]\n")?;
        let program = Program::new("sh")
            // It says on its standard error what it found, to be heard when it fails too.
            .args(["-c", "exec zypper \"$@\" >&2", "zypper", "--config"])
            .arg(own)
            .args(["--non-interactive", "--xmlout", "--no-gpg-checks", "--root"])
            .arg(&desk.seen)
            .arg("--reposd-dir")
            .arg(&repositories)
            .arg("--cache-dir")
            .arg(&desk.cache)
            .args(["--releasever", &self.build.release])
            .args(words)
            .env("HOME", &home)
            .env("ZYPP_CONF", libzypp)
            .env("ZYPP_LOGFILE", desk.seen.join("log"))
            .env("ZYPP_READONLY_HACK", "1");
        match desk.run(&program, cancel) {
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
        repositories.sort_by_key(|r| r.preference.priority.unwrap_or(99));
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
fn repo(repository: &Offers, folder: &Path) -> String {
    let mut text = format!(
        "[{}]\nname={}\nenabled=1\nautorefresh=1\ntype=rpm-md\nbaseurl=dir://{}\ngpgcheck=0\nrepo_gpgcheck=0\n",
        repository.name,
        repository.name,
        folder.display()
    );
    if let Some(priority) = repository.preference.priority {
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
    let said = program.held(Hold::new().read(file)).run(cancel);
    let said = said.map_err(|e| not_run(e, "unpacking an index", unpack))?;
    Ok(said.text())
}
