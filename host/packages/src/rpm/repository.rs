//! A repository: its index, fetched and found to be signed, and what that names.
//!
//! ```text
//! FOLDER/repomd.xml, .asc    as they were fetched last and found to be good
//! FOLDER/offered/            what a solver reads: the same index, and the files that it names
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dibhost_sys::Cancel;

use super::keys::Keys;
use super::repomd::{self, Data};
use crate::download::{Download, Downloads, sha256_of};
use crate::error::PackageError;
use crate::files::{make_folder, read, write};

/// Bytes of an index of indexes; that of the largest distributions has some 10 KiB.
const LARGEST: u64 = 1 << 20;

/// Which of several repositories that have a package is asked for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preference {
    /// The lower the better.
    pub(crate) priority: Option<i32>,
    /// The lower the better among those of one priority.
    pub(crate) cost: Option<u32>,
    /// Its packages come before those of modules.
    pub(crate) module_hotfixes: bool,
}

/// One of those that packages are chosen from.
#[derive(Debug, Clone)]
pub(crate) struct Offers {
    pub(crate) name: String,
    /// Its address, without a `/` at the end.
    pub(crate) url: String,
    pub(crate) keys: Keys,
    pub(crate) unsigned_index: bool,
    pub(crate) preference: Preference,
    /// Shared: of all builds that use it.
    pub(crate) folder: PathBuf,
}

impl Offers {
    /// What a solver reads.
    pub(crate) fn offered(&self) -> PathBuf {
        self.folder.join("offered")
    }

    /// The index as it is signed.
    pub(crate) fn index(&self) -> PathBuf {
        self.folder.join("repomd.xml")
    }

    pub(crate) fn index_url(&self) -> String {
        format!("{}/repodata/repomd.xml", self.url)
    }

    /// Fetches what it offers now; what has not changed is not fetched again. Whoever asks holds the lock.
    pub(crate) fn refresh(&self, by: &Downloads, cancel: &Cancel) -> Result<(), PackageError> {
        let doing = format!("fetching the index of the repository `{}`", self.name);
        make_folder(&self.offered().join("repodata"))?;
        let new = self.folder.join("new.xml");
        let fetch = |url: &str, to: &Path| {
            let file = Download { url, to: to.to_owned(), sha256: None };
            by.files(&[file], &doing, cancel).map_err(|error| self.named(error))
        };
        fetch(&self.index_url(), &new)?;
        let signature = self.folder.join("new.xml.asc");
        if !self.unsigned_index {
            let missing = |error| match error {
                PackageError::NotInRepository { .. } => {
                    self.not_signed("it has no signature, `repomd.xml.asc`".to_owned())
                }
                error => error,
            };
            fetch(&format!("{}.asc", self.index_url()), &signature).map_err(missing)?;
            self.keys.check_file(&new, &signature, cancel)?.map_err(|why| self.not_signed(why))?;
        }
        let found = self.parsed(&new)?;
        self.have(&found, by, cancel)?;
        write(&self.offered().join("repodata/repomd.xml"), repomd::write(&found).as_bytes())?;
        let rename = |from: &Path, to: &Path| {
            std::fs::rename(from, to).map_err(|source| PackageError::Io {
                doing: format!("keeping `{}`", to.display()),
                source,
            })
        };
        if !self.unsigned_index {
            rename(&signature, &self.folder.join("repomd.xml.asc"))?;
        }
        rename(&new, &self.index())
    }

    fn parsed(&self, file: &Path) -> Result<Vec<Data>, PackageError> {
        let size = std::fs::metadata(file).map_or(0, |m| m.len());
        let text = if size > LARGEST {
            Err("it is larger than any".to_owned())
        } else {
            String::from_utf8(read(file)?).map_err(|_| "it is no text".to_owned())
        };
        text.and_then(|text| repomd::parse(&text)).map_err(|why| PackageError::Rpm {
            doing: format!("reading the index of the repository `{}`", self.name),
            detail: why,
        })
    }

    /// Has the files that the index names, and no others.
    fn have(&self, found: &[Data], by: &Downloads, cancel: &Cancel) -> Result<(), PackageError> {
        let at = |data: &Data| self.offered().join(&data.href);
        let is = |data: &Data| sha256_of(&at(data)).is_ok_and(|sum| sum == data.sha256);
        let missing: Vec<&Data> = found.iter().filter(|data| !is(data)).collect();
        let urls: Vec<_> = missing.iter().map(|d| format!("{}/{}", self.url, d.href)).collect();
        let files: Vec<_> = missing
            .iter()
            .zip(&urls)
            .map(|(data, url)| Download { url, to: at(data), sha256: Some(&data.sha256) })
            .collect();
        if !files.is_empty() {
            let doing = format!("fetching what the repository `{}` offers", self.name);
            by.files(&files, &doing, cancel).map_err(|error| self.named(error))?;
        }
        if let Some(bad) = missing.iter().find(|data| !is(data)) {
            let _ = std::fs::remove_file(at(bad));
            let (file, name) = (&bad.href, &self.name);
            return Err(PackageError::Corrupt(format!("`{file}` of the repository `{name}`")));
        }
        let wanted: BTreeSet<PathBuf> = found.iter().map(at).collect();
        let there = std::fs::read_dir(self.offered().join("repodata"));
        for old in there.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            if !wanted.contains(&old) {
                let _ = std::fs::remove_file(old);
            }
        }
        Ok(())
    }

    /// An error of the downloader, which knows no repositories.
    fn named(&self, error: PackageError) -> PackageError {
        let repository = self.name.clone();
        match error {
            PackageError::NotOnMirror { detail, .. } => {
                PackageError::NotInRepository { repository, detail }
            }
            error => error,
        }
    }

    fn not_signed(&self, detail: String) -> PackageError {
        PackageError::IndexSignature { repository: self.name.clone(), detail }
    }
}
