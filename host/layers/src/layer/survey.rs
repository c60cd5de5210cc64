//! A walk of a tree: which inodes it has, and by which names.
//!
//! Two surveys say what changed between them. On a tree that nobody outside can reach, the kernel
//! stamps each change of an inode (`ctime`), and no program can set that stamp back: an inode
//! whose stamp, owner, mode, size and other times are the same is the same to the last byte. But
//! the stamp is only as fine as the tick of the kernel's clock on kernels before 6.13: a survey
//! ends one tick after its walk, so that what changes later has another stamp.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use std::vec::IntoIter;

use rustix::fs::{
    AtFlags, FileType, RawDir, Statx, StatxAttributes, StatxFlags, StatxTimestamp, statx,
};
use rustix::io::{Errno, Result as SystemResult};
use rustix::time::{ClockId, clock_gettime};

use super::descent::Descent;
use super::error::SurveyError;
use super::inode::{Content, Device, Time};
use super::names::{DEEPEST, Dentries, place};

/// What a tree had at one moment.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// In the order of their first names.
    pub(super) inodes: Vec<Seen>,
    /// What is in the regular files, as far as it is known.
    pub(super) contents: Vec<Option<Content>>,
    /// With the place of each one's inode.
    pub(super) names: Dentries<u32>,
}

/// What the kernel says of an inode. Two that are equal are the same one, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) device: (u32, u32),
    pub(super) inode: u64,
    /// With the kind.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: Time,
    pub(super) ctime: Time,
    pub(super) links: u32,
    /// The numbers of a device.
    pub(super) number: Device,
    /// Whether something is mounted there.
    pub(super) mounted: bool,
}

impl Seen {
    /// Looks at a name in a folder, or at the folder itself if there is none.
    pub(super) fn of(folder: BorrowedFd<'_>, name: &[u8]) -> SystemResult<Self> {
        let mut flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        if name.is_empty() {
            flags |= AtFlags::EMPTY_PATH;
        }
        Ok(Self::from(statx(folder, name, flags, StatxFlags::BASIC_STATS)?))
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(u32::from(self.mode))
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind() == FileType::Directory
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind() == FileType::RegularFile
    }

    /// Which one of all inodes.
    pub(super) fn identity(&self) -> ((u32, u32), u64) {
        (self.device, self.inode)
    }
}

impl From<Statx> for Seen {
    fn from(stat: Statx) -> Self {
        let time = |t: StatxTimestamp| Time { seconds: t.tv_sec, nanoseconds: t.tv_nsec };
        Self {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            mode: stat.stx_mode,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: stat.stx_size,
            mtime: time(stat.stx_mtime),
            ctime: time(stat.stx_ctime),
            links: stat.stx_nlink,
            number: Device { major: stat.stx_rdev_major, minor: stat.stx_rdev_minor },
            mounted: stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        }
    }
}

impl Survey {
    /// Of no tree at all: all differs from it.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// How many inodes there are, the root's too.
    #[must_use]
    pub fn inodes(&self) -> usize {
        self.inodes.len()
    }

    /// Bytes of all regular files, holes too.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files = self.inodes.iter().filter(|seen| seen.is_file());
        files.fold(0, |sum, seen| sum.saturating_add(seen.size))
    }
}

/// Walks a tree, from the open folder down. Links are not followed and mounts not entered: a mount
/// point counts as an empty folder with the owner, mode and times that can be seen. What changes in
/// the tree after this has returned differs from the survey; what changes meanwhile may not.
///
/// # Errors
/// The operating system refuses, a mount point is no folder, or the tree is too deep.
pub fn survey(root: BorrowedFd<'_>) -> Result<Survey, SurveyError> {
    let survey = walk(root)?;
    let_a_tick_pass();
    Ok(survey)
}

/// Waits until the clock of the kernel's time stamps shows another time.
pub(super) fn let_a_tick_pass() {
    let now = || clock_gettime(ClockId::RealtimeCoarse);
    let walked = now();
    while now() == walked {
        // The finest tick in use is a millisecond, the coarsest ten.
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// A folder that is being walked.
struct Level {
    folder: u32,
    names: IntoIter<Vec<u8>>,
}

/// Like [`survey`], but what changes in the same tick is not seen.
pub(super) fn walk(root: BorrowedFd<'_>) -> Result<Survey, SurveyError> {
    let mut survey = Survey::default();
    let mut linked = HashMap::new();
    let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
    let doing = |what: &str| format!("{what} the tree");
    let mut descent = Descent::new(root).map_err(|e| SurveyError::system(doing("opening"), e))?;
    let seen =
        Seen::of(descent.here(), b"").map_err(|e| SurveyError::system(doing("looking at"), e))?;
    let device = seen.device;
    survey.inodes.push(seen);
    survey.names.push(0, Vec::new(), 0);
    let names = names_in(descent.here(), &mut buffer)
        .map_err(|e| SurveyError::system(doing("reading"), e))?;
    let mut levels = vec![Level { folder: 0, names: names.into_iter() }];
    while let Some(level) = levels.last_mut() {
        let folder = level.folder;
        let Some(name) = level.names.next() else {
            levels.pop();
            if !levels.is_empty() {
                let left = descent.leave();
                left.map_err(|e| failed("leaving", &survey, folder, e))?;
            }
            continue;
        };
        let at = survey.names.push(folder, name, place(survey.inodes.len()));
        let name = &survey.names.get(at).name;
        let seen =
            Seen::of(descent.here(), name).map_err(|e| failed("looking at", &survey, at, e))?;
        let mounted = seen.mounted || seen.device != device;
        if mounted && !seen.is_folder() {
            return Err(SurveyError::Mounted { path: survey.names.shown(at) });
        }
        if seen.links > 1 && !seen.is_folder() {
            let first = *linked.entry(seen.identity()).or_insert(place(survey.inodes.len()));
            if (first as usize) < survey.inodes.len() {
                survey.names.set(at, first);
                continue;
            }
        }
        survey.inodes.push(seen);
        if seen.is_folder() && !mounted {
            if levels.len() > DEEPEST {
                return Err(SurveyError::TooDeep { path: survey.names.shown(at), most: DEEPEST });
            }
            let names = descent.enter(name).and_then(|()| names_in(descent.here(), &mut buffer));
            let names = names.map_err(|e| failed("reading the folder", &survey, at, e))?;
            levels.push(Level { folder: at, names: names.into_iter() });
        }
    }
    survey.contents = vec![None; survey.inodes.len()];
    Ok(survey)
}

fn failed(what: &str, survey: &Survey, at: u32, cause: Errno) -> SurveyError {
    SurveyError::system(format!("{what} {}", survey.names.shown(at)), cause)
}

/// The names in an open folder, in the order of their bytes.
pub(super) fn names_in(
    folder: BorrowedFd<'_>,
    buffer: &mut [MaybeUninit<u8>],
) -> SystemResult<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    let mut entries = RawDir::new(folder, buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd as _;

    use super::*;

    /// Of the stamps themselves nothing can be asked: since Linux 6.13 those that were looked at are
    /// finer than the clock, and may be ahead of it.
    #[test]
    fn a_survey_ends_in_a_later_tick_than_its_walk() {
        let folder = tempfile::tempdir().unwrap();
        let root = File::open(folder.path()).unwrap();
        for _ in 0..10 {
            let before = clock_gettime(ClockId::RealtimeCoarse);
            survey(root.as_fd()).unwrap();
            assert_ne!(clock_gettime(ClockId::RealtimeCoarse), before);
        }
    }

    #[test]
    fn links_are_one_inode_with_several_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("c"), "x").unwrap();
        std::fs::hard_link(folder.path().join("c"), folder.path().join("b/d")).unwrap();
        std::fs::write(folder.path().join("a"), "yy").unwrap();
        let survey = survey(File::open(folder.path()).unwrap().as_fd()).unwrap();
        let names: Vec<_> =
            survey.names.iter().map(|(at, d)| (survey.names.shown(at), d.of)).collect();
        let expected = [("`/`", 0), ("`/a`", 1), ("`/b`", 2), ("`/b/d`", 3), ("`/c`", 3)];
        assert_eq!(names, expected.map(|(name, of)| (name.to_owned(), of)));
        assert_eq!((survey.inodes(), survey.bytes()), (4, 3));
    }
}
