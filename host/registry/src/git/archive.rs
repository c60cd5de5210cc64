//! The one form of an archive: the same commit is the same bytes, whichever `git` made it.
//!
//! Entries in git's own order, which is that of the bytes of their paths; owned by root; files
//! 0644 or 0755 and folders 0755, for git knows no other modes; the time of the commit. No header
//! of git's own. A submodule is an empty folder.

use std::io::{self, Read, Write};

use crate::error::FetchError;

/// Why there is no archive.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// What was read is none.
    Unsound(String),
    /// It was to end.
    Ended(FetchError),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Unsound(error.to_string())
    }
}

/// Writes what `git archive` wrote, in that form.
pub(super) fn write(
    from: impl Read,
    to: impl Write,
    check: &mut dyn FnMut() -> Result<(), FetchError>,
) -> Result<(), Unwritten> {
    let mut from = tar::Archive::new(io::BufReader::with_capacity(1 << 17, from));
    let mut to = tar::Builder::new(io::BufWriter::with_capacity(1 << 17, to));
    for entry in from.entries()? {
        check().map_err(Unwritten::Ended)?;
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let (kind, time) = (entry.header().entry_type(), entry.header().mtime()?);
        let runs = entry.header().mode()? & 0o111 != 0;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        header.set_entry_type(kind);
        match kind {
            tar::EntryType::Directory => {
                header.set_mode(0o755);
                to.append_data(&mut header, path, io::empty())?;
            }
            tar::EntryType::Symlink => {
                header.set_mode(0o777);
                let target = entry
                    .link_name()?
                    .ok_or_else(|| Unwritten::Unsound("a link that leads nowhere".to_owned()))?
                    .into_owned();
                to.append_link(&mut header, path, target)?;
            }
            tar::EntryType::Regular => {
                header.set_mode(if runs { 0o755 } else { 0o644 });
                header.set_size(entry.size());
                to.append_data(&mut header, path, entry)?;
            }
            // What git says of the commit; it has no others.
            tar::EntryType::XGlobalHeader => {}
            other => {
                return Err(Unwritten::Unsound(format!("an entry of the kind {other:?}")));
            }
        }
    }
    to.into_inner()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// An archive as git makes one, with modes that are its own.
    fn as_git_makes_it(umask: u32) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |kind, mode: u32, path: &str, content: &[u8], to: Option<&str>| {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(mode & !umask);
            header.set_mtime(1_700_000_000);
            header.set_size(content.len() as u64);
            header.set_username("root").unwrap();
            match to {
                Some(to) => archive.append_link(&mut header, path, to).unwrap(),
                None => archive.append_data(&mut header, path, content).unwrap(),
            }
        };
        add(
            tar::EntryType::XGlobalHeader,
            0o666,
            "pax_global_header",
            b"20 comment=0123456\n",
            None,
        );
        add(tar::EntryType::Directory, 0o777, "a/", b"", None);
        add(tar::EntryType::Regular, 0o666, "a/file", b"text\n", None);
        add(tar::EntryType::Regular, 0o777, "a/program", b"#!/bin/sh\n", None);
        add(tar::EntryType::Symlink, 0o777, "link", b"", Some("a/file"));
        archive.into_inner().unwrap()
    }

    fn written(from: &[u8]) -> Vec<u8> {
        let mut to = Vec::new();
        write(from, &mut to, &mut || Ok(())).unwrap();
        to
    }

    #[test]
    fn the_form_is_pinned_and_no_umask_of_git_changes_it() {
        let archive = written(&as_git_makes_it(0o022));
        assert_eq!(archive, written(&as_git_makes_it(0o002)));
        let mut entries = tar::Archive::new(archive.as_slice());
        let modes: Vec<_> = entries
            .entries()
            .unwrap()
            .map(|e| {
                let e = e.unwrap();
                let path = e.path().unwrap().display().to_string();
                (path, e.header().mode().unwrap(), e.header().mtime().unwrap())
            })
            .collect();
        let time = 1_700_000_000;
        let expected = [("a/", 0o755), ("a/file", 0o644), ("a/program", 0o755), ("link", 0o777)]
            .map(|(path, mode)| (path.to_owned(), mode, time));
        assert_eq!(modes, expected);
        // Another digest is another format: `ARCHIVES` of the store has to change with it.
        let digest: String = Sha256::digest(&archive).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, "ed9d09337216030aba944c97b3fd4d4766721e019f11fa0a1a19e71c94a8d3f1");
    }

    #[test]
    fn what_is_no_archive_and_what_git_never_writes_is_refused() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Char);
        header.set_mode(0o666);
        header.set_mtime(0);
        header.set_size(0);
        archive.append_data(&mut header, "null", io::empty()).unwrap();
        let device = archive.into_inner().unwrap();
        for odd in [device.as_slice(), &[7; 2000]] {
            let refused = write(odd, Vec::new(), &mut || Ok(())).unwrap_err();
            assert!(matches!(refused, Unwritten::Unsound(_)), "{refused:?}");
        }
    }

    #[test]
    fn it_ends_when_it_is_to() {
        let over = &mut || Err(FetchError::Cancelled);
        let ended = write(as_git_makes_it(0).as_slice(), Vec::new(), over).unwrap_err();
        assert!(matches!(ended, Unwritten::Ended(FetchError::Cancelled)));
    }
}
