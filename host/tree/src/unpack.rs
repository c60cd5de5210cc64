//! Laying archives into an empty tree, before there is a program in it that could.
//!
//! A program of the builder says an archive (`dpkg-deb --fsys-tarfile`), in bounds of its own; a forked
//! child with the tree as its root writes. Several at once, one for each processor: decompression is what takes
//! time.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dibhost_check::Check;
use dibhost_sys::{Forked, Namespaces, fork};
use rustix::event::{PollFd, PollFlags, Timespec as Patience, poll};
use rustix::fs::{self, AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tar::EntryType;

use crate::error::{Over, TargetError, os};
use crate::exec::aside::{Aside, Speaker};
use crate::exec::ended_for_memory;
use crate::exec::host::{Outside, ended_for_time};

/// Bytes of what a program complains of.
const COMPLAINTS: u64 = 64 << 10;

/// One archive on its way.
struct Lane {
    /// What is told of it: the last word of its program.
    name: String,
    program: String,
    decompress: Pid,
    /// What that one complains of.
    complaints: OwnedFd,
    writer: Pid,
    report: OwnedFd,
    begun: Instant,
}

/// Lays what these programs say into the tree.
pub(crate) fn unpack(
    tree: &Path,
    archives: Vec<Command>,
    outside: &Outside<'_>,
) -> Result<(), TargetError> {
    let aside = Aside::make(outside)?;
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut waiting = archives.into_iter();
    let mut lanes: Vec<Lane> = Vec::new();
    let mut result = Ok(());
    loop {
        while result.is_ok() && lanes.len() < at_once {
            let Some(archive) = waiting.next() else { break };
            match start(&aside, tree, archive) {
                Ok(lane) => lanes.push(lane),
                Err(error) => result = Err(error),
            }
        }
        if lanes.is_empty() {
            return result;
        }
        // A report is readable when its writer has something to tell or has ended.
        let mut fds: Vec<_> = lanes.iter().map(|l| PollFd::new(&l.report, PollFlags::IN)).collect();
        fds.push(PollFd::from_borrowed_fd(outside.control, PollFlags::empty()));
        let late = lanes.iter().map(|lane| lane.begun + outside.limits.time).min();
        let left = late.map_or(Duration::ZERO, |late| late.duration_since(Instant::now()));
        let patience = Patience::try_from(left).ok().filter(|_| Check::HostTime.holds());
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(os("waiting for archives to be unpacked", error)),
        }
        let gone = fds.last().is_some_and(|fd| !fd.revents().is_empty());
        let done: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if gone {
            lanes.iter().for_each(Lane::end);
            return Err(TargetError::Gone("the engine is gone".to_owned()));
        }
        if !done.contains(&true) && patience.is_some_and(|_| left.is_zero()) {
            lanes.iter().for_each(Lane::end);
            let late = lanes.iter().min_by_key(|lane| lane.begun);
            let program = late.map_or("", |lane| &lane.program);
            let said = ended_for_time(program, outside.limits.time);
            return Err(TargetError::Limit { over: Over::Time, said });
        }
        for index in (0..lanes.len()).rev().filter(|i| done[*i]) {
            let lane = lanes.swap_remove(index);
            let program = lane.program.clone();
            let ended = finish(lane);
            result = result.and(if aside.had_too_much() {
                let said = ended_for_memory(&program, outside.limits.memory);
                Err(TargetError::Limit { over: Over::Memory, said })
            } else {
                ended
            });
        }
    }
}

fn start(aside: &Aside, tree: &Path, archive: Command) -> Result<Lane, TargetError> {
    let last = archive.get_args().last().unwrap_or(archive.get_program());
    let name = Path::new(last).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let doing = |e: io::Error| os(format!("unpacking `{name}`"), e);
    let program = archive.get_program().to_string_lossy().into_owned();
    let Speaker { pid: decompress, stdout, stderr: complaints } = aside.start(archive)?;
    let (report, to_report) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| doing(e.into()))?;
    match fork(Namespaces::default()).map_err(doing)? {
        Forked::Parent(writer) => {
            let begun = Instant::now();
            Ok(Lane { name, program, decompress, complaints, writer, report, begun })
        }
        Forked::Child => {
            drop(report);
            let written = rustix::process::chroot(tree)
                .and_then(|()| rustix::process::chdir("/"))
                .map_err(|e| os("making the tree the root", e))
                .and_then(|()| write_all(File::from(stdout)));
            if let Err(error) = written
                && let Ok(bytes) = postcard::to_stdvec(&error)
            {
                let _ = rustix::io::write(&to_report, &bytes);
            }
            end()
        }
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end() -> ! {
    std::process::exit(0)
}

impl Lane {
    fn end(&self) {
        for process in [self.decompress, self.writer] {
            let _ = kill_process(process, Signal::KILL);
        }
    }

    /// Whether the one that decompresses ended well, and what it complained of.
    fn decompressed(self) -> io::Result<(bool, String)> {
        let mut said = Vec::new();
        File::from(self.complaints).take(COMPLAINTS).read_to_end(&mut said)?;
        let ended = waitpid(Some(self.decompress), WaitOptions::empty())?;
        let well = ended.is_some_and(|(_, status)| status.exit_status() == Some(0));
        Ok((well, String::from_utf8_lossy(&said).trim().to_owned()))
    }
}

fn finish(mut lane: Lane) -> Result<(), TargetError> {
    let (name, program) = (std::mem::take(&mut lane.name), std::mem::take(&mut lane.program));
    let doing = |e: io::Error| os(format!("unpacking `{name}`"), e);
    let mut told = Vec::new();
    File::from(lane.report.try_clone().map_err(doing)?).read_to_end(&mut told).map_err(doing)?;
    waitpid(Some(lane.writer), WaitOptions::empty()).map_err(|e| doing(e.into()))?;
    let decompressed = lane.decompressed();
    if !told.is_empty() {
        return Err(match postcard::from_bytes(&told) {
            Ok(TargetError::Os { doing, name: errno, message }) => TargetError::Os {
                doing: format!("unpacking `{name}`: {doing}"),
                name: errno,
                message,
            },
            Ok(error) => error,
            Err(error) => TargetError::Conflict(format!("unpacking `{name}`: {error}")),
        });
    }
    match decompressed {
        Ok((true, _)) => Ok(()),
        Ok((false, said)) => {
            let said = format!("unpacking `{name}`: `{program}` failed: {said}");
            Err(TargetError::Conflict(said))
        }
        Err(error) => Err(doing(error)),
    }
}

/// Writes all entries below `/`, which is the tree. Symbolic links on the way are followed: a
/// merged `/usr` is made of them.
fn write_all(archive: File) -> Result<(), TargetError> {
    rustix::process::umask(Mode::empty());
    let mut archive = tar::Archive::new(io::BufReader::with_capacity(1 << 17, archive));
    let reading = |e| os("reading the archive", e);
    for entry in archive.entries().map_err(reading)? {
        let mut entry = entry.map_err(reading)?;
        let path = clean(&entry.path_bytes())?;
        if path.is_empty() {
            continue;
        }
        write_one(&mut entry, &path).map_err(|e| os(format!("writing `/{path}`"), e))?;
    }
    Ok(())
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
    let number = |n: u64| u32::try_from(n).map_err(io::Error::other);
    let user = Some(Uid::from_raw(number(header.uid()?)?));
    let group = Some(Gid::from_raw(number(header.gid()?)?));
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
