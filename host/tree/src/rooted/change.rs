//! Changing the tree: all of a list of changes, or none.
//!
//! What a change replaces or removes is *moved* beside the tree and moved back when a later
//! change fails; it is deleted when all are done.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};

use dibhost_check::Check;
use rustix::fs::{
    self, AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::Rooted;
use super::node::{Dentry, Identity, allowed, full, hold, kind, lstat, magic, magic_name, stat_at};
use super::undo::Undo;
use crate::error::{TargetError, os};
use crate::path::TargetPath;
use crate::tree::{Attributes, Change, Kind, NotApplied, Room, Scope, Scoped, Stat, Written};

/// What is known of a change while it is being made.
struct Context<'a> {
    scope: &'a Scope,
    journal: Vec<Undo>,
    room: Room,
    written: Written,
}

impl<'a> Context<'a> {
    fn new(scope: &'a Scope, room: Room) -> Self {
        Self { scope, journal: Vec::new(), room, written: Written::default() }
    }

    /// Bytes that may still be written.
    fn room(&self) -> u64 {
        self.room.bytes.saturating_sub(self.written.bytes)
    }

    /// Counts what was written, or is about to be.
    fn count(&mut self, bytes: u64, files: u64) -> Result<(), TargetError> {
        self.written.add(Written { bytes, files });
        if self.written.files > self.room.files {
            return Err(TargetError::NoRoom { files: true });
        }
        if self.written.bytes > self.room.bytes {
            return Err(TargetError::NoRoom { files: false });
        }
        Ok(())
    }
}

impl Rooted {
    /// All changes in order, or none.
    pub(crate) fn apply(&mut self, scope: &Scope, changes: &[Change]) -> Result<(), TargetError> {
        self.apply_within(scope, changes, Room::unbounded()).map(drop)
    }

    /// All changes in order, or none; and how much that wrote.
    pub(crate) fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        let mut context = Context::new(scope, room);
        for change in changes {
            if let Err(error) = self.change(&mut context, change) {
                return Err(self.undo(context.journal, error));
            }
        }
        self.forget_backups()?;
        Ok(context.written)
    }

    /// The changes of all parts in order, each within its own scope, or none.
    pub(crate) fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied> {
        let mut journal = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let mut context = Context::new(&part.scope, Room::unbounded());
            let made = part.changes.iter().try_for_each(|c| self.change(&mut context, c));
            journal.append(&mut context.journal);
            if let Err(error) = made {
                return Err(NotApplied { at: Some(at), error: self.undo(journal, error) });
            }
        }
        Ok(self.forget_backups()?)
    }

    /// Makes one change and says how to take it back.
    #[cfg(test)]
    pub(super) fn journal_of(
        &mut self,
        scope: &Scope,
        change: &Change,
        room: Room,
    ) -> Result<Vec<Undo>, TargetError> {
        let mut context = Context::new(scope, room);
        self.change(&mut context, change)?;
        Ok(context.journal)
    }

    fn change(&mut self, context: &mut Context<'_>, change: &Change) -> Result<(), TargetError> {
        match change {
            Change::Write { path, content, attributes } => {
                self.write(context, path, attributes, &mut content.as_slice())
            }
            Change::Append { path, content } => self.append(context, path, content),
            Change::MakeDirectory { path, attributes } => {
                self.make_directory(context, path, attributes)
            }
            Change::Symlink { path, to } => self.symlink(context, path, to),
            Change::HardLink { source, destination } => {
                self.hard_link(context, source, destination)
            }
            Change::Copy { source, destination } => self.copy(context, source, destination),
            Change::SetAttributes { path, attributes } => {
                self.set_attributes(context, path, attributes)
            }
            Change::Rename { source, destination } => self.rename(context, source, destination),
            Change::Remove { path } => self.remove(context, path),
        }
    }

    fn writable(&self, scope: &Scope, path: &TargetPath) -> Result<Dentry, TargetError> {
        let dentry = self.dentry(path, scope.links)?;
        allowed(scope, &dentry.location, true)?;
        Ok(dentry)
    }

    /// Moves what is at a dentry, if anything, out of the way. A folder stays.
    fn displace(
        &mut self,
        context: &mut Context<'_>,
        path: &TargetPath,
        dentry: &Dentry,
        folders: bool,
    ) -> Result<bool, TargetError> {
        let doing = |e| os(format!("replacing `{path}`"), e);
        let stat = match lstat(dentry.folder.as_fd(), &dentry.name) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(doing(error)),
        };
        if !folders && kind(stat.st_mode) == Kind::Directory {
            return Err(TargetError::Conflict(format!("`{path}` is a folder")));
        }
        self.next += 1;
        let backup = self.next.to_string();
        fs::renameat(&dentry.folder, &dentry.name, &self.backup, &backup).map_err(doing)?;
        context.journal.push(Undo::Restore { at: dentry.spot(), backup });
        Ok(true)
    }

    /// A new file beside its final name, which no other name is.
    fn temporary(&mut self, dentry: &Dentry) -> Result<(File, String), Errno> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            self.next += 1;
            let name = format!(".dibhost-{}", self.next);
            match fs::openat(&dentry.folder, &name, flags, Mode::from(0o600)) {
                Ok(file) => return Ok((file.into(), name)),
                Err(Errno::EXIST) => (),
                Err(error) => return Err(error),
            }
        }
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        path: &TargetPath,
        attributes: &Attributes,
        content: &mut dyn io::Read,
    ) -> Result<(), TargetError> {
        let dentry = self.writable(context.scope, path)?;
        context.count(bytes_of(attributes), 1)?;
        // A folder in the way is found before anything is written.
        if let Ok(stat) = lstat(dentry.folder.as_fd(), &dentry.name)
            && kind(stat.st_mode) == Kind::Directory
        {
            return Err(TargetError::Conflict(format!("`{path}` is a folder")));
        }
        let (mut file, temporary) =
            self.temporary(&dentry).map_err(|e| os(format!("writing `{path}`"), e))?;
        // One byte more than there is room for, to see that there is more.
        let mut content = content.take(context.room().saturating_add(1));
        let result = io::copy(&mut content, &mut file)
            .map_err(|e| os(format!("writing `{path}`"), e))
            .and_then(|bytes| context.count(bytes, 0))
            .and_then(|()| {
                let new = Attributes {
                    mode: Some(attributes.mode.unwrap_or(0o644)),
                    ..attributes.clone()
                };
                let now = stat_at(dentry.folder.as_fd(), &temporary)
                    .map_err(|e| os(format!("writing `{path}`"), e))?;
                self.set(&dentry.folder, &temporary, &now, &new)
            })
            .and_then(|()| self.displace(context, path, &dentry, false).map(|_| ()))
            .and_then(|()| {
                self.set_time(dentry.folder.as_fd(), &temporary)
                    .and_then(|()| {
                        fs::renameat(&dentry.folder, &temporary, &dentry.folder, &dentry.name)
                    })
                    .map_err(|e| os(format!("writing `{path}`"), e))
            });
        if let Err(error) = result {
            let left = fs::unlinkat(&dentry.folder, &temporary, AtFlags::empty());
            return match left {
                Ok(()) => Err(error),
                Err(left) => Err(TargetError::Conflict(format!(
                    "{error}; and its temporary file `{temporary}` could not be removed: {left}"
                ))),
            };
        }
        context.journal.push(Undo::Remove(dentry.spot()));
        Ok(())
    }

    fn append(
        &mut self,
        context: &mut Context<'_>,
        path: &TargetPath,
        content: &[u8],
    ) -> Result<(), TargetError> {
        let dentry = self.writable(context.scope, path)?;
        context.count(content.len() as u64, 0)?;
        let doing = |e: Errno| match e {
            Errno::NOENT => TargetError::NotFound(path.to_string()),
            error => os(format!("adding to `{path}`"), error),
        };
        let held = hold(&dentry.folder, &dentry.name).map_err(doing)?;
        let stat = fs::fstat(&held).map_err(doing)?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if Check::RegularFile.holds() && !regular {
            return Err(TargetError::Conflict(format!("`{path}` is no regular file")));
        }
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
        let mut file: File =
            fs::open(magic(held.as_fd()), flags, Mode::empty()).map_err(doing)?.into();
        context.journal.push(Undo::Truncate {
            at: dentry.spot(),
            file: Identity::from(&stat),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            times: Timestamps {
                last_access: Timespec {
                    tv_sec: stat.st_atime as _,
                    tv_nsec: stat.st_atime_nsec as _,
                },
                last_modification: Timespec {
                    tv_sec: stat.st_mtime as _,
                    tv_nsec: stat.st_mtime_nsec as _,
                },
            },
        });
        file.write_all(content).map_err(|e| os(format!("adding to `{path}`"), e))?;
        self.set_time(dentry.folder.as_fd(), &dentry.name).map_err(doing)
    }

    fn make_directory(
        &mut self,
        context: &mut Context<'_>,
        path: &TargetPath,
        attributes: &Attributes,
    ) -> Result<(), TargetError> {
        let doing = |e| os(format!("making the folder `{path}`"), e);
        let mut ends: Vec<usize> =
            path.as_str().match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).collect();
        ends.push(path.as_str().len());
        let mut made = false;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        for end in ends {
            let prefix = TargetPath::new(&path.as_str()[..end])
                .map_err(|e| TargetError::Invalid(e.to_string()))?;
            made = false;
            match self.open_along(prefix.as_str(), flags, context.scope.links) {
                Ok(_) => continue,
                Err(Errno::NOENT) => (),
                Err(error) => return Err(self.explain(error, path, prefix.as_str())),
            }
            let dentry = self.writable(context.scope, &prefix)?;
            context.count(0, 1)?;
            match fs::mkdirat(&dentry.folder, &dentry.name, Mode::from(0o755)) {
                Ok(()) => (),
                Err(Errno::EXIST) => {
                    let said = format!("`{prefix}` is a symbolic link that leads nowhere");
                    return Err(TargetError::Conflict(said));
                }
                Err(error) => return Err(doing(error)),
            }
            made = true;
            context.journal.push(Undo::Remove(dentry.spot()));
            let now = stat_at(dentry.folder.as_fd(), &dentry.name).map_err(doing)?;
            // Whatever the umask is.
            let usual = Attributes { mode: Some(0o755), ..Attributes::default() };
            self.set(&dentry.folder, &dentry.name, &now, &usual)?;
            self.set_time(dentry.folder.as_fd(), &dentry.name).map_err(doing)?;
        }
        if made || *attributes != Attributes::default() {
            // A link to a folder is as good as a folder here, so the folder itself is meant.
            let folder = self
                .open_along(path.as_str(), flags, context.scope.links)
                .map_err(|e| self.explain(e, path, path.as_str()))?;
            let at =
                self.location(folder.as_fd()).map_err(|e| self.explain(e, path, path.as_str()))?;
            allowed(context.scope, &at, true)?;
            let at = TargetPath::new(&String::from_utf8_lossy(&at))
                .map_err(|e| TargetError::Invalid(e.to_string()))?;
            if *attributes != Attributes::default() && at.split().is_some() {
                return self.set_attributes(context, &at, attributes);
            }
        }
        Ok(())
    }

    fn symlink(
        &mut self,
        context: &mut Context<'_>,
        path: &TargetPath,
        to: &str,
    ) -> Result<(), TargetError> {
        if to.is_empty() || to.contains('\0') || to.len() > 4095 {
            let to = to.escape_debug();
            return Err(TargetError::Invalid(format!("a symbolic link cannot say `{to}`")));
        }
        let doing = |e| os(format!("making the symbolic link `{path}`"), e);
        let dentry = self.writable(context.scope, path)?;
        context.count(0, 1)?;
        self.displace(context, path, &dentry, false)?;
        fs::symlinkat(to, &dentry.folder, &dentry.name).map_err(doing)?;
        context.journal.push(Undo::Remove(dentry.spot()));
        self.set_time(dentry.folder.as_fd(), &dentry.name).map_err(doing)
    }

    fn hard_link(
        &mut self,
        context: &mut Context<'_>,
        source: &TargetPath,
        destination: &TargetPath,
    ) -> Result<(), TargetError> {
        // Who can write the new name can write the file: so both must be in reach for writing.
        let from = match Check::HardLinkSource.holds() {
            true => self.writable(context.scope, source)?,
            false => self.dentry(source, context.scope.links)?,
        };
        let to = self.writable(context.scope, destination)?;
        let doing = |e: Errno| match e {
            Errno::NOENT => TargetError::NotFound(source.to_string()),
            Errno::EXIST => TargetError::Conflict(format!("`{destination}` is there already")),
            error => os(format!("linking `{source}` to `{destination}`"), error),
        };
        let stat = lstat(from.folder.as_fd(), &from.name).map_err(doing)?;
        if kind(stat.st_mode) != Kind::File {
            return Err(TargetError::Conflict(format!("`{source}` is no regular file")));
        }
        context.count(0, 1)?;
        fs::linkat(&from.folder, &from.name, &to.folder, &to.name, AtFlags::empty())
            .map_err(doing)?;
        context.journal.push(Undo::Remove(to.spot()));
        Ok(())
    }

    fn copy(
        &mut self,
        context: &mut Context<'_>,
        source: &TargetPath,
        destination: &TargetPath,
    ) -> Result<(), TargetError> {
        let mut file = self.open_file(context.scope, source)?;
        let doing = |e| os(format!("copying `{source}`"), e);
        let stat = stat_at(file.as_fd(), "").map_err(doing)?;
        self.write(context, destination, &full(&stat), &mut file)
    }

    fn set_attributes(
        &mut self,
        context: &mut Context<'_>,
        path: &TargetPath,
        attributes: &Attributes,
    ) -> Result<(), TargetError> {
        let dentry = self.writable(context.scope, path)?;
        let stat = stat_at(dentry.folder.as_fd(), &dentry.name).map_err(|e| match e {
            Errno::NOENT => TargetError::NotFound(path.to_string()),
            error => os(format!("looking at `{path}`"), error),
        })?;
        if stat.kind == Kind::Symlink && attributes.mode.is_some() {
            return Err(TargetError::Conflict(format!(
                "`{path}` is a symbolic link, which has no mode of its own"
            )));
        }
        context.count(bytes_of(attributes), 0)?;
        context.journal.push(Undo::Attributes { at: dentry.spot(), stat: stat.clone() });
        self.set(&dentry.folder, &dentry.name, &stat, attributes)
    }

    fn rename(
        &mut self,
        context: &mut Context<'_>,
        source: &TargetPath,
        destination: &TargetPath,
    ) -> Result<(), TargetError> {
        let from = self.writable(context.scope, source)?;
        let to = self.writable(context.scope, destination)?;
        let doing = |e: Errno| match e {
            Errno::NOENT => TargetError::NotFound(source.to_string()),
            Errno::INVAL => {
                TargetError::Invalid(format!("`{source}` cannot become part of itself"))
            }
            error => os(format!("renaming `{source}` to `{destination}`"), error),
        };
        let stat = lstat(from.folder.as_fd(), &from.name).map_err(doing)?;
        if from.location == to.location {
            return Ok(());
        }
        let there = lstat(to.folder.as_fd(), &to.name);
        if there.is_ok_and(|there| (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino)) {
            // Two names of one file: rename(2) would leave both.
            return self.remove(context, source);
        }
        self.displace(context, destination, &to, false)?;
        fs::renameat_with(&from.folder, &from.name, &to.folder, &to.name, RenameFlags::NOREPLACE)
            .map_err(doing)?;
        context.journal.push(Undo::Rename { from: from.spot(), to: to.spot() });
        Ok(())
    }

    fn remove(&mut self, context: &mut Context<'_>, path: &TargetPath) -> Result<(), TargetError> {
        match self.writable(context.scope, path) {
            Ok(dentry) => self.displace(context, path, &dentry, true).map(|_| ()),
            Err(TargetError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sets what is asked; what is not, stays.
    pub(super) fn set(
        &self,
        folder: &OwnedFd,
        name: &str,
        now: &Stat,
        attributes: &Attributes,
    ) -> Result<(), TargetError> {
        let doing = |e| os(format!("setting the attributes of `{name}`"), e);
        let user = attributes.owner.as_deref().map(|n| self.user(n)).transpose()?;
        let group = attributes.group.as_deref().map(|n| self.group(n)).transpose()?;
        let path = magic_name(folder.as_fd(), name);
        if self.owners && (user.is_some() || group.is_some()) {
            let owner = (user.map(Uid::from_raw), group.map(Gid::from_raw));
            fs::chownat(folder, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(doing)?;
        }
        if now.kind != Kind::Symlink {
            // Changing the owner takes the set-id bits away: the mode comes after it.
            let mode = attributes.mode.unwrap_or(now.mode);
            if Check::RootfsMode.holds() && mode & !0o7777 != 0 {
                return Err(TargetError::Invalid(format!("`{mode:o}` is no mode")));
            }
            let held = hold(folder, name).map_err(doing)?;
            fs::chmod(magic(held.as_fd()), Mode::from_raw_mode(mode)).map_err(doing)?;
        }
        for (attribute, value) in &attributes.xattrs {
            fs::lsetxattr(&path, attribute.as_str(), value, XattrFlags::empty()).map_err(|e| {
                os(format!("setting the extended attribute `{attribute}` of `{name}`"), e)
            })?;
        }
        Ok(())
    }

    /// Gives a node the time that all bears that the build writes.
    pub(super) fn set_time(
        &self,
        folder: std::os::fd::BorrowedFd<'_>,
        name: &str,
    ) -> Result<(), Errno> {
        let time = Timespec { tv_sec: self.epoch, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn forget_backups(&self) -> Result<(), TargetError> {
        let folder = self.base.join("backup");
        let doing = |e| os(format!("emptying `{}`", folder.display()), e);
        for entry in std::fs::read_dir(&folder).map_err(doing)? {
            let entry = entry.map_err(doing)?;
            if entry.file_type().map_err(doing)?.is_dir() {
                std::fs::remove_dir_all(entry.path()).map_err(doing)?;
            } else {
                std::fs::remove_file(entry.path()).map_err(doing)?;
            }
        }
        Ok(())
    }
}

/// Bytes of extended attributes.
fn bytes_of(attributes: &Attributes) -> u64 {
    attributes.xattrs.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}
