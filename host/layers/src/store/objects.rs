//! The files that entries are made of: `objects/ab/REST`, by the SHA-256 of what is in them.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::time::SystemTime;

use dibhost_check::Check;
use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::error::{Doing as _, StoreError};
use super::folder::{Folder, Look, is_broken_disk};
use super::held_file::HeldFile;
use super::record::Object;

/// How much is read at once: a call costs nothing beside it, and a cancelled build ends in a
/// millisecond.
const PIECE: usize = 1 << 20;

/// What an object's file is known to be without reading it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

/// All that lies in `objects/`.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) objects: BTreeMap<Digest, Found>,
    /// What is no object: its path below `objects/`, and why.
    pub(crate) strays: Vec<(String, String)>,
}

/// `ab` and `REST`.
fn path(digest: &Digest) -> (String, String) {
    let mut first = digest.to_string();
    let rest = first.split_off(2);
    (first, rest)
}

/// Opens an object of the right size.
pub(crate) fn open(objects: &Folder, object: &Object) -> io::Result<Look<File>> {
    let (first, rest) = path(&object.digest);
    let folder = match objects.within(&first)? {
        Look::Here(folder) => folder,
        Look::Absent => return Ok(Look::Absent),
        Look::Bad(why) => return Ok(Look::Bad(why)),
    };
    let Look::Here(file) = folder.file(&rest)? else { return folder.file(&rest) };
    let size = file.metadata()?.len();
    if size == object.size {
        Ok(Look::Here(file))
    } else {
        Ok(Look::Bad(format!("it has {size} bytes instead of {}", object.size)))
    }
}

/// Makes a draft read-only and waits until it is on the disk.
pub(crate) fn finish(draft: &mut HeldFile) -> io::Result<()> {
    draft.file().set_permissions(Permissions::from_mode(0o444))?;
    draft.file().sync_all()
}

/// Puts a finished draft in its place, also where it was already: what is there may be spoilt.
pub(crate) fn keep(objects: &Folder, draft: HeldFile, digest: &Digest) -> io::Result<()> {
    let (first, rest) = path(digest);
    if let Look::Bad(_) = objects.within(&first)? {
        objects.remove(&first)?;
    }
    let (folder, made) = objects.make(&first)?;
    draft.keep(&folder, &rest)?;
    folder.sync()?;
    if made { objects.sync() } else { Ok(()) }
}

/// Removes an object.
pub(crate) fn remove(objects: &Folder, digest: &Digest) -> io::Result<()> {
    let (first, rest) = path(digest);
    match objects.within(&first)? {
        Look::Here(folder) => folder.remove(&rest).map(drop),
        Look::Absent | Look::Bad(_) => Ok(()),
    }
}

/// All objects there are.
pub(crate) fn list(objects: &Folder) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for first in objects.names()? {
        let shown = first.to_string_lossy().into_owned();
        let folder = match first.to_str().map(|name| objects.within(name)).transpose()? {
            Some(Look::Here(folder)) if shown.len() == 2 => folder,
            Some(Look::Absent) => continue,
            _ => {
                listing.strays.push((shown, "it is no folder of objects".to_owned()));
                continue;
            }
        };
        for rest in folder.names()? {
            let shown = format!("{shown}/{}", rest.to_string_lossy());
            let digest: Option<Digest> = shown.replacen('/', "", 1).parse().ok();
            let (Some(digest), Some(name)) = (digest, rest.to_str()) else {
                listing.strays.push((shown, "its name is no SHA-256".to_owned()));
                continue;
            };
            match folder.file(name)? {
                Look::Here(file) => {
                    let stat = file.metadata()?;
                    let found = Found { size: stat.len(), modified: stat.modified()? };
                    listing.objects.insert(digest, found);
                }
                Look::Absent => {}
                Look::Bad(why) => listing.strays.push((shown, why)),
            }
        }
    }
    Ok(listing)
}

/// The SHA-256 of a file from its beginning, and how many bytes that is. `each` is told of every piece.
pub(crate) fn hash(
    file: &File,
    cancel: &Cancel,
    mut each: impl FnMut(&[u8]),
) -> Result<(Digest, u64), StoreError> {
    let (mut hash, mut at, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        cancel.check()?;
        let read = match file.read_at(&mut piece, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.doing(|| "reading an object of the store".to_owned())?,
        };
        if read == 0 {
            return Ok((Digest::new(hash.finalize().into()), at));
        }
        hash.update(&piece[..read]);
        each(&piece[..read]);
        at += read as u64;
    }
}

/// Why a file is not the object, as a sentence part; none: it is.
pub(crate) fn wrong_in(
    file: &File,
    digest: &Digest,
    cancel: &Cancel,
    each: impl FnMut(&[u8]),
) -> Result<Option<String>, StoreError> {
    match hash(file, cancel, each) {
        Ok((found, _)) if found == *digest || !Check::LayerDigest.holds() => Ok(None),
        Ok((found, _)) => Ok(Some(format!("its SHA-256 is {found} instead of {digest}"))),
        Err(StoreError::Io { source, .. }) if is_broken_disk(&source) => {
            Ok(Some(source.to_string()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_object_takes_the_place_of_whatever_is_there_and_is_read_only() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("drafts")).unwrap();
        let drafts = Arc::new(Folder::open(&top.path().join("drafts")).unwrap());
        let objects = Folder::open(top.path()).unwrap().make("objects").unwrap().0;
        let digest = Digest::of(b"content");
        let (first, rest) = path(&digest);
        let folder = top.path().join("objects").join(&first);
        let file = folder.join(&rest);
        let object = Object { digest, size: 7 };
        let spoil: [&dyn Fn(); 5] = [
            &|| {},
            &|| symlink("/etc/passwd", &file).unwrap(),
            &|| fs::create_dir_all(file.join("full")).unwrap(),
            &|| fs::write(&file, "contenz").unwrap(),
            &|| {
                fs::remove_dir(&folder).unwrap();
                symlink("/etc", &folder).unwrap();
            },
        ];
        for spoil in spoil {
            spoil();
            let mut draft = HeldFile::new(&drafts).unwrap();
            draft.file().write_all(b"content").unwrap();
            finish(&mut draft).unwrap();
            keep(&objects, draft, &digest).unwrap();
            let Look::Here(opened) = open(&objects, &object).unwrap() else { panic!() };
            assert_eq!(wrong_in(&opened, &digest, &Cancel::new(), |_| {}).unwrap(), None);
            assert_eq!(opened.metadata().unwrap().permissions().mode() & 0o777, 0o444);
            assert!(matches!(
                open(&objects, &Object { digest, size: 8 }).unwrap(),
                Look::Bad(why) if why == "it has 7 bytes instead of 8"
            ));
            remove(&objects, &digest).unwrap();
            assert!(matches!(open(&objects, &object).unwrap(), Look::Absent));
        }
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let (first, rest) = path(&Digest::of(b""));
        fs::create_dir_all(at(&first)).unwrap();
        fs::write(at(&first).join(&rest), "").unwrap();
        fs::write(at(&first).join("short"), "").unwrap();
        symlink("/etc/passwd", at(&first).join(rest.replace('8', "9"))).unwrap();
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("long-name")).unwrap();
        symlink("/etc", at("ff")).unwrap();
        let listing = list(&Folder::open(top.path()).unwrap()).unwrap();
        assert_eq!(listing.objects.keys().collect::<Vec<_>>(), [&Digest::of(b"")]);
        assert_eq!(listing.strays.len(), 5, "{:?}", listing.strays);
    }

    #[test]
    fn a_cancelled_build_reads_no_further() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 30).unwrap();
        let cancel = Cancel::new();
        let mut pieces = 0;
        let hashed = hash(&file, &cancel, |_| {
            pieces += 1;
            cancel.cancel();
        });
        assert!(matches!(hashed, Err(StoreError::Cancelled)));
        assert_eq!(pieces, 1);
    }
}
