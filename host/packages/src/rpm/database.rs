//! The tree's database of packages: its files, for a solver, and what it has installed.

use dibhost_tree::{Change, Scope, Target};

use super::programs::{command, path};
use crate::error::PackageError;
use crate::manager::InstalledPackage;

/// Where databases are: of Fedora, CentOS Stream 10 and openSUSE, and of what is older.
const FOLDERS: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];

/// Its file, and how rpm calls the kind. The last, of EL8, is only read.
const KINDS: [(&str, &str); 3] =
    [("rpmdb.sqlite", "sqlite"), ("Packages.db", "ndb"), ("Packages", "bdb_ro")];

/// The most that is asked for at once.
const PART: u64 = 8 << 20;

/// What a tree has of rpm's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Database {
    /// As `%_db_backend` has it.
    pub(crate) kind: &'static str,
    /// Names and contents of its files; none: the tree has no packages.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
}

/// Reads it as it is.
pub(crate) fn read(tree: &mut dyn Target) -> Result<Database, PackageError> {
    for folder in FOLDERS {
        for (name, kind) in KINDS {
            let Some(content) = file(tree, &format!("{folder}/{name}"))? else { continue };
            let mut files = vec![(name, content)];
            // What was not yet written into the former, where a program was ended while it wrote.
            if kind == "sqlite" {
                let log = file(tree, &format!("{folder}/rpmdb.sqlite-wal"))?;
                files.extend(log.map(|log| ("rpmdb.sqlite-wal", log)));
            }
            return Ok(Database { kind, files });
        }
    }
    Ok(Database::default())
}

/// A file of the tree; none: it is not there.
pub(crate) fn file(tree: &mut dyn Target, file: &str) -> Result<Option<Vec<u8>>, PackageError> {
    let path = path(file)?;
    if tree.stat(&Scope::all(), &path)?.is_none() {
        return Ok(None);
    }
    let mut content = Vec::new();
    loop {
        let part = tree.read(&Scope::all(), &path, content.len() as u64, PART)?;
        if part.is_empty() {
            return Ok(Some(content));
        }
        content.extend(part);
    }
}

/// Removes what rpm leaves beside its database and nobody needs: locks, and memory that processes shared.
pub(crate) fn tidy(tree: &mut dyn Target) -> Result<(), PackageError> {
    let mut changes = Vec::new();
    for folder in FOLDERS {
        let mut left = vec![".rpm.lock", "rpmdb.sqlite-shm"];
        let log = path(&format!("{folder}/rpmdb.sqlite-wal"))?;
        // With nothing in it, all is in the database.
        if tree.stat(&Scope::all(), &log)?.is_some_and(|stat| stat.size == 0) {
            left.push("rpmdb.sqlite-wal");
        } else if tree.stat(&Scope::all(), &log)?.is_some() {
            left.pop();
        }
        for name in left {
            let path = path(&format!("{folder}/{name}"))?;
            if tree.stat(&Scope::own(), &path).is_ok_and(|stat| stat.is_some()) {
                changes.push(Change::Remove { path });
            }
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    Ok(tree.apply(&Scope::own(), &changes)?)
}

/// Whether all of these are in the tree, to be held at their version.
pub(crate) fn has_all(tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
    let there = installed(tree)?;
    match names.iter().find(|name| there.iter().all(|p| p.name != **name)) {
        None => Ok(()),
        Some(name) => Err(PackageError::Install {
            doing: "holding packages at their version".to_owned(),
            detail: format!("`{}` is not installed", name.escape_debug()),
        }),
    }
}

/// What the tree's own rpm has installed; nothing when the tree has none.
pub(crate) fn installed(tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
    let doing = "listing the packages of the image";
    if tree.stat(&Scope::all(), &path("/usr/bin/rpm")?)?.is_none() {
        return Ok(Vec::new());
    }
    let format = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n";
    let mut command = command("rpm", &["--query", "--all", "--queryformat", format]);
    command.capture = true;
    let output = tree.exec(&command, &mut |_| {})?;
    // To ask is to leave something, too.
    tidy(tree)?;
    if output.status != 0 {
        let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(PackageError::Install { doing: doing.to_owned(), detail });
    }
    Ok(parse_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_installed(text: &str) -> Vec<InstalledPackage> {
    let package = |line: &str| {
        let mut fields = line.split('\t');
        let (name, version, arch) = (fields.next()?, fields.next()?, fields.next()?);
        // Keys that are imported are packages to rpm.
        (name != "gpg-pubkey").then(|| InstalledPackage {
            name: name.to_owned(),
            // An epoch that is none.
            version: version.strip_prefix("0:").unwrap_or(version).to_owned(),
            arch: arch.to_owned(),
        })
    };
    text.lines().filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_rpm_shows_them() {
        let text = "bash\t5.2-1.el9\tx86_64\nvim\t2:9.0-1\tx86_64\nold\t0:1-1\tnoarch\n\
                    gpg-pubkey\t505e56ba-0\t(none)\nbroken\n";
        let found = parse_installed(text);
        let shown: Vec<_> = found.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
        assert_eq!(shown, ["bash 5.2-1.el9", "vim 2:9.0-1", "old 1-1"]);
    }
}
