//! What is outside of a host in memory, and the rules by which it is fetched.

use crate::change::{Attributes, Change};
use crate::error::{Error, ErrorCode, Result};

use super::call::Call;

/// Something that can be fetched.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) digest: String,
    pub(crate) content: Vec<u8>,
    /// What is in it, if it is an archive: names and contents.
    files: Option<Vec<(String, Vec<u8>)>>,
}

impl Outside {
    pub(super) fn file(digest: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { digest: digest.to_owned(), content: content.into(), files: None }
    }

    /// What was a file of the tree; its digest is nobody's question here.
    pub(crate) fn captured(content: Vec<u8>) -> Self {
        Self::file("sha256:captured", content)
    }

    pub(super) fn archive<N: Into<String>, C: Into<Vec<u8>>>(
        digest: &str,
        files: impl IntoIterator<Item = (N, C)>,
    ) -> Self {
        let files = files.into_iter().map(|(name, content)| (name.into(), content.into()));
        Self { files: Some(files.collect()), ..Self::file(digest, "an archive") }
    }
}

impl Call {
    pub(crate) fn fetch(&self, url: &str, digest: Option<&str>) -> Result<Outside> {
        self.may_fetch(url, digest.is_none())?;
        let found = self.outside(url, url)?;
        if let Some(wanted) = digest
            && wanted != found.digest
        {
            let message = format!("`{url}` is {}, and {wanted} is wanted", found.digest);
            return Err(Error::with_code(ErrorCode::Integrity, message));
        }
        Ok(found)
    }

    pub(crate) fn fetch_commit(&self, url: &str, revision: &str) -> Result<Outside> {
        let hash = |text: &str| {
            matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        self.may_fetch(url, !hash(revision))?;
        self.outside(&format!("{url} {revision}"), url)
    }

    pub(crate) fn unpack(&mut self, archive: &Outside, path: &str, strip: u32) -> Result<()> {
        let Some(files) = &archive.files else {
            let message = "what is unpacked is no archive";
            return Err(Error::with_code(ErrorCode::InvalidArgument, message)
                .help("make it one: `TestHost::outside_archive(…)`"));
        };
        let write = |(name, content): &(String, Vec<u8>)| {
            let parts = name.split('/').filter(|part| !part.is_empty() && *part != ".");
            let rest: Vec<_> = parts.skip(strip as usize).collect();
            (!rest.is_empty()).then(|| Change::Write {
                path: format!("{}/{}", path.trim_end_matches('/'), rest.join("/")),
                content: content.clone(),
                attributes: Attributes::default(),
            })
        };
        let writes: Vec<Change> = files.iter().filter_map(write).collect();
        let folder = |path: &str| {
            path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).filter(|f| !f.is_empty())
        };
        let mut folders: Vec<String> = writes
            .iter()
            .filter_map(|change| match change {
                Change::Write { path, .. } => folder(path),
                _ => None,
            })
            .chain([path.to_owned()])
            .collect();
        folders.sort();
        folders.dedup();
        let made = folders
            .into_iter()
            .map(|path| Change::Directory { path, attributes: Attributes::default() });
        self.apply(made.chain(writes).collect())
    }

    fn may_fetch(&self, url: &str, unpinned: bool) -> Result<()> {
        self.effect("fetch")?;
        let authority = url.split('/').nth(2).unwrap_or_default();
        let host = authority.split(':').next().unwrap_or_default();
        self.requested("fetch", host)?;
        if unpinned { self.requested("fetch", "unpinned") } else { Ok(()) }
    }

    fn outside(&self, name: &str, url: &str) -> Result<Outside> {
        self.host.outside.get(name).cloned().ok_or_else(|| {
            let message = format!("`{url}` could not be fetched: nothing is there");
            Error::with_code(ErrorCode::NotFound, message)
                .help("Put it there: `TestHost::outside(…)`, `outside_archive`, `outside_commit`.")
        })
    }
}
