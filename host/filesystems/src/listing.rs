//! Says what a tree holds in one canonical text, so that two of them can be compared line by line.
//!
//! ```text
//! KIND MODE UID GID MTIME SIZE-OR-DEVICE SHA256-OR-TARGET FIRST-NAME XATTRS PATH
//! ```
//!
//! Fields are parted by one blank, what does not apply is `-`, and names, targets and values are
//! written with `\xNN` for every byte but letters, digits and `/._-+:@,=~%`. Lines are in the order
//! of their paths' bytes. `FIRST-NAME` is the first of a file's names where it has several.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, major, minor, readlinkat};
use sha2::{Digest as _, Sha256};

use crate::walk::{at, by_folder, names, open, open_folder, stat, xattrs};

/// One path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// `f`, `d`, `l`, `b`, `c`, `p` or `s`, as `find -printf %y`.
    pub kind: char,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds and nanoseconds since 1970 when its content was changed.
    pub mtime: (i64, u64),
    /// Bytes of a file.
    pub size: Option<u64>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// SHA-256 of a file's content.
    pub digest: Option<[u8; 32]>,
    /// What a symbolic link says.
    pub target: Option<Vec<u8>>,
    /// The first of its names, where a file has several.
    pub first: Option<PathBuf>,
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A whole tree, by path; the root is the empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// By path.
    pub entries: BTreeMap<Vec<u8>, Listed>,
}

impl Listing {
    /// Reads all below an open folder, and the folder itself. Symbolic links are followed nowhere.
    ///
    /// # Errors
    /// What cannot be read, by its path.
    pub fn of(root: BorrowedFd<'_>) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        let mut paths = HashMap::<(u64, u64), Vec<PathBuf>>::new();
        let mut folders = vec![PathBuf::new()];
        let folder = open_folder(root, Path::new(""))?;
        let listed = Listed::of(folder.as_fd(), Path::new("."), None)?;
        entries.insert(Vec::new(), listed);
        while let Some(path) = folders.pop() {
            let context = |e: io::Error| at(&path, "reading the folder", &e);
            let folder = open_folder(root, &path).map_err(context)?;
            for name in names(&folder).map_err(context)? {
                let path = path.join(&name);
                let listed =
                    Listed::of(folder.as_fd(), Path::new(&name), Some((&path, &mut paths)))
                        .map_err(|e| at(&path, "reading", &e))?;
                if listed.kind == 'd' {
                    folders.push(path.clone());
                }
                entries.insert(path.as_os_str().as_bytes().to_owned(), listed);
            }
        }
        // Links may be found in any order, and may have names outside of this tree.
        for mut names in paths.into_values().filter(|names| names.len() > 1) {
            names.sort_unstable_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
            for name in &names {
                if let Some(listed) = entries.get_mut(name.as_os_str().as_bytes()) {
                    listed.first = Some(names[0].clone());
                }
            }
        }
        Ok(Self { entries })
    }

    /// Sets back all that is younger, as building does, and if `whole`, cuts times to seconds.
    pub fn clamp(&mut self, time: i64, whole: bool) {
        for listed in self.entries.values_mut() {
            if listed.mtime.0 > time {
                listed.mtime = (time, 0);
            }
            if whole {
                listed.mtime.1 = 0;
            }
        }
    }

    /// Every line that the two do not share: `-` before the one's, `+` before the other's.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let paths = self.entries.keys().chain(other.entries.keys());
        for path in paths.collect::<std::collections::BTreeSet<_>>() {
            let (one, two) = (self.entries.get(path), other.entries.get(path));
            if one != two {
                lines.extend(one.map(|l| format!("-{}", line(path, l))));
                lines.extend(two.map(|l| format!("+{}", line(path, l))));
            }
        }
        lines
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|(path, listed)| writeln!(f, "{}", line(path, listed)))
    }
}

/// Names of files with several, as they are found, by device and inode.
type Names<'a> = (&'a Path, &'a mut HashMap<(u64, u64), Vec<PathBuf>>);

impl Listed {
    fn of(folder: BorrowedFd<'_>, name: &Path, names: Option<Names<'_>>) -> io::Result<Self> {
        let stat = stat(folder, name.as_os_str())?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let letter = match kind {
            FileType::RegularFile => 'f',
            FileType::Directory => 'd',
            FileType::Symlink => 'l',
            FileType::BlockDevice => 'b',
            FileType::CharacterDevice => 'c',
            FileType::Fifo => 'p',
            FileType::Socket => 's',
            FileType::Unknown => '?',
        };
        let is_file = kind == FileType::RegularFile;
        let is_device = matches!(letter, 'b' | 'c');
        if let Some((path, names)) = names
            && stat.st_nlink > 1
            && kind != FileType::Directory
        {
            names.entry((stat.st_dev, stat.st_ino)).or_default().push(path.to_owned());
        }
        let target = match kind {
            FileType::Symlink => Some(readlinkat(folder, name, Vec::new())?.into_bytes()),
            _ => None,
        };
        let xattrs = xattrs(&by_folder(folder, name.as_os_str()))?;
        Ok(Self {
            kind: letter,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: (stat.st_mtime, stat.st_mtime_nsec),
            size: is_file.then_some(stat.st_size.cast_unsigned()),
            device: is_device.then(|| (major(stat.st_rdev), minor(stat.st_rdev))),
            digest: if is_file { Some(digest(folder, name)?) } else { None },
            target,
            first: None,
            xattrs: xattrs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect(),
        })
    }
}

fn digest(folder: BorrowedFd<'_>, name: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::from(open(folder, name, OFlags::RDONLY | OFlags::NONBLOCK)?);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(*byte)),
            _ if b"/._-+:@,=~%".contains(byte) => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

fn line(path: &[u8], listed: &Listed) -> String {
    let none = || "-".to_owned();
    let size = match (listed.size, listed.device) {
        (Some(size), _) => size.to_string(),
        (None, Some((major, minor))) => format!("{major}:{minor}"),
        (None, None) => none(),
    };
    let content = match (&listed.digest, &listed.target) {
        (Some(digest), _) => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        (None, Some(target)) => escaped(target),
        (None, None) => none(),
    };
    let first = listed.first.as_ref().map_or_else(none, |f| format!("/{}", path_text(f)));
    let xattrs: Vec<_> = listed
        .xattrs
        .iter()
        .map(|(name, value)| {
            let value: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}={value}", escaped(name).replace(',', "\\x2c").replace('=', "\\x3d"))
        })
        .collect();
    let xattrs = if xattrs.is_empty() { none() } else { xattrs.join(",") };
    let (seconds, nanoseconds) = listed.mtime;
    format!(
        "{} {:04o} {} {} {seconds}.{nanoseconds:09} {size} {content} {first} {xattrs} /{}",
        listed.kind,
        listed.mode,
        listed.uid,
        listed.gid,
        escaped(path)
    )
}

fn path_text(path: &Path) -> String {
    escaped(path.as_os_str().as_bytes())
}
