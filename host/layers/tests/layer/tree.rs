//! A tree, the layers packed of it, and a look at all that it has which shares nothing with the
//! code under test.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use dibhost_layers::layer::{Chain, Limits, Manifest, RestoreError, Survey, pack, restore};
use rustix::fs::{
    AtFlags, CWD, SeekFrom, Timespec, Timestamps, UTIME_OMIT, XattrFlags, lgetxattr, llistxattr,
    lsetxattr, seek, utimensat,
};
use tempfile::TempDir;

/// A folder in memory.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

/// A tree that is built step by step, and the layers of it.
pub(crate) struct Line {
    folder: TempDir,
    survey: Survey,
    chain: Chain,
    pub(crate) layers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Line {
    pub(crate) fn new() -> Self {
        let (survey, chain) = (Survey::empty(), Chain::empty());
        Self { folder: folder(), survey, chain, layers: Vec::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Packs what changed, and answers how many inodes that were and how many bytes it took.
    pub(crate) fn pack(&mut self) -> (usize, u64) {
        let root = File::open(self.root()).unwrap();
        let mut bytes = Vec::new();
        let (manifest, survey) = pack(root.as_fd(), &self.survey, &self.chain, &mut bytes).unwrap();
        self.survey = survey;
        self.chain.push(&manifest).unwrap();
        let encoded = manifest.encode().unwrap();
        assert_eq!(Manifest::decode(&encoded, &Limits::default()).unwrap(), manifest);
        assert_eq!(manifest.pack_bytes(), bytes.len() as u64);
        self.layers.push((encoded, bytes));
        (manifest.inodes(), manifest.pack_bytes())
    }

    /// Goes on upon another folder, restored from the layers.
    pub(crate) fn go_on(&mut self) {
        let folder = folder();
        self.survey = restored(folder.path(), &self.layers).unwrap();
        self.folder = folder;
    }

    /// Restores the layers and compares what comes of them.
    pub(crate) fn check(&self) {
        let folder = folder();
        restored(folder.path(), &self.layers).unwrap();
        assert_same(&look(self.root()), &look(folder.path()));
    }

    /// Packs what changed, and makes sure that it comes back.
    pub(crate) fn pack_and_check(&mut self) -> (usize, u64) {
        let packed = self.pack();
        self.check();
        packed
    }
}

/// A file with these bytes that has no name.
pub(crate) fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile_in("/dev/shm").unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub(crate) fn restored(root: &Path, layers: &[(Vec<u8>, Vec<u8>)]) -> Result<Survey, RestoreError> {
    let read = |(manifest, pack): &(Vec<u8>, Vec<u8>)| {
        let manifest = Manifest::decode(manifest, &Limits::default());
        let manifest = manifest.map_err(|e| RestoreError::Corrupt { what: e.to_string() })?;
        Ok::<_, RestoreError>((manifest, file_of(pack)))
    };
    let layers: Vec<_> = layers.iter().map(read).collect::<Result<_, _>>()?;
    restore(File::open(root).unwrap().as_fd(), &layers)
}

/// All that there is to say of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    size: u64,
    links: u64,
    number: u64,
    /// The first path with the same inode.
    first: PathBuf,
    target: Option<PathBuf>,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    content: Option<Vec<u8>>,
    /// Where data is, and where holes are.
    data: Vec<(u64, u64)>,
}

pub(crate) type Look = BTreeMap<PathBuf, Looked>;

/// Looks at a whole tree, by paths.
pub(crate) fn look(root: &Path) -> Look {
    let mut found = Look::new();
    let mut firsts: BTreeMap<u64, PathBuf> = BTreeMap::new();
    let mut paths = vec![PathBuf::new()];
    let mut at = 0;
    while at < paths.len() {
        let path = paths[at].clone();
        at += 1;
        if std::fs::symlink_metadata(root.join(&path)).unwrap().is_dir() {
            let entries = std::fs::read_dir(root.join(&path)).unwrap();
            paths.extend(entries.map(|entry| path.join(entry.unwrap().file_name())));
        }
    }
    paths.sort();
    for path in paths {
        let full = root.join(&path);
        let stat = std::fs::symlink_metadata(&full).unwrap();
        let kind = stat.file_type();
        let target = kind.is_symlink().then(|| std::fs::read_link(&full).unwrap());
        let content = kind.is_file().then(|| std::fs::read(&full).unwrap());
        let data = if kind.is_file() { data(&full) } else { Vec::new() };
        let size = if kind.is_dir() { 0 } else { stat.size() };
        let device = kind.is_block_device() || kind.is_char_device();
        let looked = Looked {
            mode: stat.mode(),
            owner: (stat.uid(), stat.gid()),
            mtime: (stat.mtime(), stat.mtime_nsec()),
            size,
            links: stat.nlink(),
            number: if device { stat.rdev() } else { 0 },
            first: firsts.entry(stat.ino()).or_insert_with(|| path.clone()).clone(),
            target,
            xattrs: xattrs(&full),
            content,
            data,
        };
        found.insert(path, looked);
    }
    found
}

pub(crate) fn data(path: &Path) -> Vec<(u64, u64)> {
    let file = File::open(path).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    while let Ok(data) = seek(&file, SeekFrom::Data(at)) {
        at = seek(&file, SeekFrom::Hole(data)).unwrap();
        found.push((data, at));
    }
    found
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut buffer = vec![0; 65536];
    let length = llistxattr(path, &mut buffer[..]).unwrap();
    let names = buffer[..length].split(|b| *b == 0).filter(|n| !n.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 65536];
        let length = lgetxattr(path, OsStr::from_bytes(name), &mut value[..]).unwrap();
        value.truncate(length);
        value
    };
    names.map(|name| (name.to_vec(), value(name))).collect()
}

/// Compares two trees, and says what differs without their contents.
pub(crate) fn assert_same(expected: &Look, found: &Look) {
    let short = |looked: Option<&Looked>| {
        looked.map(|l| Looked {
            content: l.content.clone().map(|c| c[..c.len().min(40)].to_vec()),
            ..l.clone()
        })
    };
    for path in expected.keys().chain(found.keys()) {
        let (one, two) = (expected.get(path), found.get(path));
        assert!(one == two, "{}:\n{:?}\n{:?}", path.display(), short(one), short(two));
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn set_mtime(path: &Path, seconds: i64, nanoseconds: i64) {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: nanoseconds },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

pub(crate) fn set_xattr(path: &Path, name: &str, value: &[u8]) {
    lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

pub(crate) fn name(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()))
}

/// Bytes that zstd makes nothing of.
pub(crate) fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(&(seed >> 16).to_le_bytes()[..6]);
    }
    bytes.truncate(length);
    bytes
}

/// Makes a change in a second layer, and makes sure that both come back.
pub(crate) fn changed(begin: impl FnOnce(&Line), change: impl FnOnce(&Line)) -> (usize, u64) {
    let mut line = Line::new();
    begin(&line);
    line.pack_and_check();
    change(&line);
    let packed = line.pack_and_check();
    // And what was restored can be built upon.
    line.go_on();
    line.write("last", "last");
    line.pack_and_check();
    packed
}
