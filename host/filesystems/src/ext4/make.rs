//! Makes a filesystem in its place in the image file. `mke2fs` makes it empty and is not shown the tree:
//! its `-d` is quadratic in the names of a folder, and is C that reads what anybody may have made.

use std::io::Write as _;

use dibhost_sys::Program;
use uuid::Uuid;

use super::filling::fill;
use super::normalise::normalise;
use super::revision::{BLOCK, Revision};
use super::size::journal_blocks;
use super::volume::Place;
use crate::filesystem::Ext4Tuning;
use crate::site::{MakeError, Site};
use crate::tree::{RootFolder, Tree};

/// What `mke2fs` reads instead of the host's `/etc/mke2fs.conf`: the features are a property of
/// the image, not of the machine that builds it. All are known to the kernels and boot loaders of
/// Debian 10 and later.
const CONFIGURATION: &str = "\
[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 4096
[fs_types]
ext2 = {
}
ext3 = {
features = has_journal
}
ext4 = {
features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
floppy = {
}
small = {
}
big = {
}
huge = {
}
";

/// A filesystem, decided to the last number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ext4<'a> {
    pub(crate) revision: Revision,
    pub(crate) blocks: u64,
    pub(crate) uuid: Uuid,
    pub(crate) hash_seed: Uuid,
    pub(crate) tuning: &'a Ext4Tuning,
    /// Mode, owner, group and time of its root folder, where no part of the tree goes in.
    pub(crate) root: Option<&'a RootFolder>,
}

/// Makes it in its place, from a part of the tree (none: empty).
pub(crate) fn make(ext4: &Ext4<'_>, site: &Site<'_>, tree: &mut dyn Tree) -> Result<(), MakeError> {
    let mut configuration =
        tempfile::Builder::new().prefix("mke2fs-").suffix(".conf").tempfile_in(site.scratch)?;
    configuration.write_all(CONFIGURATION.as_bytes())?;
    configuration.flush()?;
    tree.admit(configuration.as_file(), false)?;
    // All paths are absolute, so none is taken for an option.
    site.part(tree)?;
    let mut extended = format!("offset={},hash_seed={},nodiscard", site.offset, ext4.hash_seed);
    if site.zeroed {
        extended.push_str(",assume_storage_prezeroed=1");
    } else {
        extended.push_str(",lazy_itable_init=0,lazy_journal_init=0");
    }
    let limit = ext4.revision.most_blocks();
    if let Some(most) = ext4.tuning.max_online_resize.map(|bytes| (bytes / BLOCK).min(limit))
        && most > ext4.blocks
    {
        extended.push_str(&format!(",resize={most}"));
    }
    let mut program = Program::new("mke2fs")
        .env("MKE2FS_CONFIG", configuration.path())
        // 0 would mean the clock; `normalise` sets the times it gets wrong.
        .env("E2FSPROGS_FAKE_TIME", site.time.max(1).to_string())
        .args(["-F", "-q", "-t", ext4.revision.name(), "-b", "4096", "-I", "256"])
        .args(["-i", &ext4.tuning.inode_ratio.to_string()])
        .args(["-m", &ext4.tuning.reserved_percent.to_string()])
        .args(["-U", &ext4.uuid.to_string()])
        .args(["-E", &extended]);
    let journal = journal_blocks(ext4.revision, ext4.blocks);
    if journal > 0 {
        program = program.args(["-J", &format!("size={}", (journal * BLOCK) >> 20)]);
    }
    if let Some(label) = site.label {
        program = program.args(["-L", label]);
    }
    let program = program.arg(site.path).arg(ext4.blocks.to_string());
    tree.program(&program.held(site.hold(None)))?;
    let (image, offset, zeroed) = (site.file, site.offset, site.zeroed);
    let size = ext4.blocks * BLOCK;
    normalise(Place { image, offset, size, zeroed }, site.time, ext4.root)?;
    fill(site, size, tree)
}
