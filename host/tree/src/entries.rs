//! Writing the entries of a tar archive into the tree, which is this process' root: no name leads
//! anywhere else.
//!
//! Source of what layers are: image-spec 1.1, `layer.md`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{self, AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use tar::EntryType;

use crate::error::{TargetError, os};
use crate::tree::Laying;

/// What the name of a whiteout begins with.
const WHITEOUT: &str = ".wh.";
/// All that lower layers have in this folder goes.
const OPAQUE: &str = ".wh..wh..opq";
/// Of what an archive says of one entry beside its content: names and attributes, held in memory.
const HEADERS: u64 = 4 << 20;
/// Of the names of one layer, together.
const NAMES: usize = 512 << 20;

/// Writes all entries below `/`, which is the tree. Symbolic links on the way are followed: a
/// merged `/usr` is made of them.
pub(crate) fn write_all(archive: File, laying: Laying) -> Result<(), TargetError> {
    rustix::process::umask(Mode::empty());
    let mut layer = match laying {
        Laying::Beside => None,
        Laying::Over => Some(Layer::default()),
    };
    let left = Rc::new(Cell::new(HEADERS));
    let inner = io::BufReader::with_capacity(1 << 17, archive);
    let mut archive = tar::Archive::new(Metered { inner, left: Rc::clone(&left) });
    let reading = |e| os("reading the archive", e);
    let mut entries = archive.entries().map_err(reading)?;
    loop {
        left.set(HEADERS);
        let Some(entry) = entries.next() else { return Ok(()) };
        let mut entry = entry.map_err(reading)?;
        left.set(u64::MAX);
        write_entry(&mut entry, &mut layer)?;
        // What is left of it is no header of the next.
        io::copy(&mut entry, &mut io::sink()).map_err(reading)?;
    }
}

/// Reads no more than is left.
struct Metered<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        let Some(left) = self.left.get().checked_sub(read as u64) else {
            return Err(io::Error::other("what it says of one entry takes more than 4 MiB"));
        };
        self.left.set(left);
        Ok(read)
    }
}

fn write_entry<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    layer: &mut Option<Layer>,
) -> Result<(), TargetError> {
    let path = clean(&entry.path_bytes())?;
    if path.is_empty() {
        return Ok(());
    }
    let doing = |e| os(format!("writing `/{path}`"), e);
    if let Some(layer) = layer
        && layer.gives_way(entry, &path).map_err(doing)?
    {
        return Ok(());
    }
    write_one(entry, &path).map_err(doing)
}

/// A layer of a container's image, as far as it was written.
#[derive(Debug, Default)]
struct Layer {
    /// What is its own: a whiteout takes nothing of that.
    written: BTreeSet<String>,
    /// Bytes of these names.
    names: usize,
}

impl Layer {
    /// Makes room for an entry; whether that is all there is to it.
    fn gives_way<R: Read>(&mut self, entry: &tar::Entry<'_, R>, path: &str) -> io::Result<bool> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        if name == OPAQUE {
            self.clear(folder)?;
            return Ok(true);
        }
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            if matches!(gone, "" | "." | "..") {
                let said = "a whiteout of what is no name leads up";
                return Err(io::Error::new(io::ErrorKind::InvalidData, said));
            }
            // Names that begin so and are none of a file are of tools for their own use.
            let gone = Path::new(folder).join(gone);
            if !name.starts_with(".wh..wh.") && !self.written.contains(&plain(&gone)) {
                remove(&gone)?;
            }
            return Ok(true);
        }
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            return Ok(true);
        }
        if self.written.insert(path.to_owned()) {
            self.names += path.len();
        }
        if self.names > NAMES {
            return Err(io::Error::other("the layer's names take more than 512 MiB"));
        }
        let there = match std::fs::symlink_metadata(path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if !entry.header().entry_type().is_dir() || !there.is_dir() {
            remove(Path::new(path))?;
            return Ok(false);
        }
        let header = entry.header();
        let (user, group) = owner(header)?;
        fs::chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
        fs::chmod(path, Mode::from_raw_mode(header.mode()? & 0o7777))?;
        Ok(true)
    }

    /// Removes what lower layers have in a folder.
    fn clear(&self, folder: &str) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = plain(&entry.path());
            let within = format!("{name}/");
            let own_within =
                self.written.range(within.clone()..).next().is_some_and(|n| n.starts_with(&within));
            if !self.written.contains(&name) && !own_within {
                remove(&entry.path())?;
            } else if entry.file_type()?.is_dir() {
                self.clear(&name)?;
            }
        }
        Ok(())
    }
}

/// As names are written here.
fn plain(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

/// Removes what is there; nothing there is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(())
        }
        removed => removed,
    }
}

fn owner(header: &tar::Header) -> io::Result<(Option<Uid>, Option<Gid>)> {
    let number = |n: u64| u32::try_from(n).map_err(io::Error::other);
    Ok((Some(Uid::from_raw(number(header.uid()?)?)), Some(Gid::from_raw(number(header.gid()?)?))))
}

/// A path without its leading `./`, and none that leads upwards.
fn clean(bytes: &[u8]) -> Result<String, TargetError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| TargetError::Invalid("a name in the archive is no UTF-8".to_owned()))?;
    let parts: Vec<_> = text.split('/').filter(|c| !c.is_empty() && *c != ".").collect();
    if parts.contains(&"..") {
        return Err(TargetError::Invalid(format!(
            "the archive has a name that leads up: `{text}`"
        )));
    }
    Ok(parts.join("/"))
}

fn write_one<R: Read>(entry: &mut tar::Entry<'_, R>, path: &str) -> io::Result<()> {
    let header = entry.header();
    let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
    let (user, group) = owner(header)?;
    let time = Timespec { tv_sec: i64::try_from(header.mtime()?).unwrap_or(0), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    // Only of devices: dpkg leaves these fields empty elsewhere, which is no number.
    let device = (header.device_major(), header.device_minor());
    let kind = header.entry_type();
    match kind {
        EntryType::Directory => {
            match fs::mkdir(path, Mode::from(0o700)) {
                Ok(()) => (),
                // As dpkg does: a folder that is there keeps what it has.
                Err(Errno::EXIST) if Path::new(path).is_dir() => return Ok(()),
                Err(Errno::NOENT) => {
                    make_parents(path)?;
                    fs::mkdir(path, Mode::from(0o700))?;
                }
                Err(error) => return Err(error.into()),
            }
            fs::chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
            fs::chmod(path, mode)?;
        }
        EntryType::Regular | EntryType::Continuous => {
            let mut file = replacing(path, || {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                fs::open(path, flags, Mode::from(0o600))
            })
            .map(File::from)?;
            io::copy(entry, &mut file)?;
            fs::fchown(&file, user, group)?;
            fs::fchmod(&file, mode)?;
            set_xattrs(entry, &file)?;
            fs::futimens(&file, &times)?;
        }
        EntryType::Symlink => {
            let to = entry.link_name_bytes().ok_or(io::ErrorKind::InvalidData)?.into_owned();
            // `/bin` is a link in the tree and a link in the package, or a folder in either.
            if Path::new(path).is_dir() {
                return Ok(());
            }
            replacing(path, || fs::symlink(to.as_slice(), path))?;
            fs::chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
            fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        EntryType::Link => {
            let to = entry.link_name_bytes().ok_or(io::ErrorKind::InvalidData)?;
            let to = clean(&to).map_err(io::Error::other)?;
            replacing(path, || fs::link(to.as_str(), path))?;
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            let kind = match kind {
                EntryType::Char => FileType::CharacterDevice,
                EntryType::Block => FileType::BlockDevice,
                _ => FileType::Fifo,
            };
            let device = match kind {
                FileType::Fifo => 0,
                _ => fs::makedev(device.0?.unwrap_or(0), device.1?.unwrap_or(0)),
            };
            replacing(path, || fs::mknodat(CWD, path, kind, Mode::from(0o600), device))?;
            fs::chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
            fs::chmod(path, mode)?;
            fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        other => {
            let said = format!("an entry of the kind {other:?}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, said));
        }
    }
    Ok(())
}

/// Makes a node, in the place of one that is there, with folders above it that no archive named.
fn replacing<T>(path: &str, mut make: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    match make() {
        Err(Errno::EXIST) => fs::unlink(path)?,
        Err(Errno::NOENT) => make_parents(path)?,
        other => return Ok(other?),
    }
    Ok(make()?)
}

fn make_parents(path: &str) -> io::Result<()> {
    for (end, _) in path.match_indices('/') {
        match fs::mkdir(&path[..end], Mode::from(0o755)) {
            Ok(()) | Err(Errno::EXIST) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Extended attributes are pax records (`SCHILY.xattr.user.name`).
fn set_xattrs<R: Read>(entry: &mut tar::Entry<'_, R>, file: &impl AsFd) -> io::Result<()> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(()) };
    for extension in extensions {
        let extension = extension?;
        if let Some(name) = extension.key().ok().and_then(|k| k.strip_prefix("SCHILY.xattr.")) {
            fs::fsetxattr(file, name, extension.value_bytes(), fs::XattrFlags::empty())?;
        }
    }
    Ok(())
}
