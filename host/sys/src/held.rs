//! Folders that are held open, so that it does not matter where their paths lead later.
//!
//! Who may write to the folder above can move one away and put another, or a link, in its place.
//! What goes by the descriptor does not notice. `/proc/self/fd/N` is a path through it, for what
//! takes paths, and means the same in programs of the host: [`Program`](crate::Program) has them
//! inherit the folders that their arguments name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use dibhost_check::Check;
use rustix::io::fcntl_dupfd_cloexec;

/// Their numbers begin here: above those that anything else has, below the 1024 that a process may
/// usually have, so that another process can give the same number to the same folder.
const FIRST: RawFd = 200;
const THROUGH: &str = "/proc/self/fd/";

/// A folder that is held open; programs of the host can be given a path through it.
#[derive(Debug)]
pub struct HeldFolder {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl HeldFolder {
    /// Holds an open folder by a descriptor of its own.
    ///
    /// # Errors
    /// When this process may have no more descriptors.
    pub fn new(folder: impl AsFd) -> io::Result<Self> {
        Self::of(fcntl_dupfd_cloexec(folder, FIRST)?)
    }

    /// Holds a folder under the number that it has in another process.
    ///
    /// # Errors
    /// When that number is taken, or none of a held folder.
    pub fn with_number(folder: impl AsFd, number: RawFd) -> io::Result<Self> {
        let descriptor = fcntl_dupfd_cloexec(folder, number.max(FIRST))?;
        if descriptor.as_raw_fd() != number {
            let said = format!("the descriptor {number} is taken");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, said));
        }
        Self::of(descriptor)
    }

    fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let path = PathBuf::from(format!("{THROUGH}{}", descriptor.as_raw_fd()));
        Ok(Self { descriptor, path })
    }

    /// A path through the descriptor: valid in this process as long as this lives, and in programs
    /// whose arguments name it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the descriptor.
    #[must_use]
    pub fn number(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl AsFd for HeldFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The numbers of held folders that arguments name, wherever in them.
pub(crate) fn named<'a>(arguments: impl IntoIterator<Item = &'a OsString>) -> Vec<RawFd> {
    let mut numbers: Vec<_> = arguments.into_iter().flat_map(|text| numbers(text)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn numbers(text: &OsStr) -> Vec<RawFd> {
    places(text.as_bytes(), THROUGH).map(|(_, number)| number).collect()
}

/// Where folders are named that begin so, and their numbers.
fn places<'a>(bytes: &'a [u8], through: &'a str) -> impl Iterator<Item = (usize, RawFd)> + 'a {
    let starts = (0..bytes.len()).filter(move |at| bytes[*at..].starts_with(through.as_bytes()));
    starts.filter_map(move |at| {
        let rest = &bytes[at + through.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        (FIRST..1 << 20).contains(&number).then_some((at, number))
    })
}

/// Where a program that is held alone sees these folders: there a descriptor would lead out.
const INSIDE: &str = "/mnt/";

/// A folder's path where such a program is.
pub(crate) fn inside(number: RawFd) -> PathBuf {
    PathBuf::from(format!("{INSIDE}{number}"))
}

/// The same words for such a program.
pub(crate) fn for_inside(text: &OsStr) -> OsString {
    OsString::from_vec(renamed(text.as_bytes(), THROUGH, INSIDE))
}

/// What such a program said, in the words of this one.
pub(crate) fn from_inside(said: &[u8]) -> Vec<u8> {
    renamed(said, INSIDE, THROUGH)
}

fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (mut out, mut done) = (Vec::with_capacity(bytes.len()), 0);
    for (at, _) in places(bytes, from) {
        out.extend_from_slice(&bytes[done..at]);
        out.extend_from_slice(to.as_bytes());
        done = at + from.len();
    }
    out.extend_from_slice(&bytes[done..]);
    out
}

/// Why someone else than root and this user could put another file in the place of `path`, which
/// has no links on its way, by what is wrong with a folder above it or with itself; none: nobody
/// could.
///
/// # Errors
/// When something on the way cannot be looked at.
pub fn swappable(path: &Path) -> io::Result<Option<String>> {
    if !Check::FolderSwap.holds() {
        return Ok(None);
    }
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mut at = PathBuf::new();
    for part in path.components() {
        at.push(part);
        if part == Component::CurDir {
            continue;
        }
        let stat = at.symlink_metadata()?;
        let (owner, mode) = (stat.uid(), stat.mode());
        if owner != 0 && owner != user {
            return Ok(Some(format!("{} belongs to user {owner}", at.display())));
        }
        // In a folder with the sticky bit nobody moves what is another's.
        let sticky = mode & 0o1000 != 0 && at != path;
        let by_group = mode & 0o020 != 0 && stat.gid() != 0 && stat.gid() != group;
        if !sticky && (mode & 0o002 != 0 || by_group) {
            return Ok(Some(format!(
                "others may write to {} (mode {:04o})",
                at.display(),
                mode & 0o7777
            )));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;
    use crate::{Cancel, Program};

    #[test]
    fn a_program_goes_through_the_held_folder_when_its_path_leads_elsewhere() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir(at("mine")).unwrap();
        let held = HeldFolder::new(File::open(at("mine")).unwrap()).unwrap();
        fs::rename(at("mine"), at("moved")).unwrap();
        fs::create_dir(at("mine")).unwrap();
        let file = held.path().join("made");
        Program::new("touch").arg(&file).run(&Cancel::new()).unwrap();
        assert!(at("moved/made").exists() && !at("mine/made").exists());
        let mut option = OsString::from("of=");
        option.push(held.path().join("second"));
        let copy = Program::new("dd").args(["if=/dev/null", "status=none"]).arg(option);
        copy.run(&Cancel::new()).unwrap();
        assert!(at("moved/second").exists());
        // What its arguments do not name, a program does not inherit.
        let other = Program::new("test").args(["!", "-e"]);
        other.arg(format!("/proc/self/./fd/{}", held.number())).run(&Cancel::new()).unwrap();
    }

    #[test]
    fn numbers_are_found_wherever_they_are_named() {
        let named_in = |text: &str| named([&OsString::from(text)]);
        assert_eq!(named_in("file=/proc/self/fd/201/x,/proc/self/fd/200"), [200, 201]);
        assert_eq!(named_in("/proc/self/fd/3/x"), [0; 0]);
        assert_eq!(named_in("/proc/self/fd/"), [0; 0]);
        assert_eq!(named_in("/proc/self/fd/99999999999999999999"), [0; 0]);
        let text = OsStr::new("a=/proc/self/fd/201/x,/proc/self/fd/200 /proc/self/fd/3");
        assert_eq!(for_inside(text), "a=/mnt/201/x,/mnt/200 /proc/self/fd/3");
        assert_eq!(from_inside(for_inside(text).as_bytes()), text.as_bytes());
    }

    #[test]
    fn a_path_that_others_can_swap_is_told_from_one_that_they_cannot() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let folder = top.join("a/b");
        fs::create_dir_all(&folder).unwrap();
        // The temporary folder has the sticky bit.
        assert_eq!(swappable(&folder).unwrap(), None);
        let mode = |mode| fs::set_permissions(top.join("a"), fs::Permissions::from_mode(mode));
        mode(0o777).unwrap();
        assert!(swappable(&folder).unwrap().unwrap().contains("(mode 0777)"));
        mode(0o1777).unwrap();
        assert_eq!(swappable(&folder).unwrap(), None);
        assert!(swappable(&top.join("a")).unwrap().is_some(), "others may write to itself");
        mode(0o755).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(top.join("a"), Some(12345), None).unwrap();
            assert!(swappable(&folder).unwrap().unwrap().contains("user 12345"));
        }
    }
}
