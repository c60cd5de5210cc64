//! Has `mke2fs` make a filesystem in its place in the image file, filled from the tree.

use std::io::{self, Write as _};
use std::path::Path;

use dibhost_sys::{Program, ProgramError};
use uuid::Uuid;

use super::{BLOCK, journal_blocks};
use crate::filesystem::Ext4Tuning;
use crate::tree::Tree;

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

/// An ext4 filesystem, decided to the last number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ext4<'a> {
    /// Bytes from the start of the image file.
    pub(crate) offset: u64,
    pub(crate) blocks: u64,
    pub(crate) label: Option<&'a str>,
    pub(crate) uuid: Uuid,
    pub(crate) hash_seed: Uuid,
    pub(crate) tuning: &'a Ext4Tuning,
}

/// Makes it in `image`, which reads as zeros there, from the part of `mount` (none: empty).
pub(crate) fn make(
    ext4: &Ext4<'_>,
    tree: &mut dyn Tree,
    mount: Option<&str>,
    image: &Path,
    time: i64,
) -> Result<(), MakeError> {
    let folder = image.parent().unwrap_or(Path::new("/"));
    let mut configuration =
        tempfile::Builder::new().prefix("mke2fs-").suffix(".conf").tempfile_in(folder)?;
    configuration.write_all(CONFIGURATION.as_bytes())?;
    configuration.flush()?;
    let part = mount.map(|mount| tree.part(mount).to_owned());
    if part.as_ref().is_some_and(|part| !part.is_absolute()) || !image.is_absolute() {
        return Err(io::Error::other("paths for mke2fs must be absolute").into());
    }
    let mut extended = format!(
        "offset={},hash_seed={},nodiscard,assume_storage_prezeroed=1",
        ext4.offset, ext4.hash_seed
    );
    if let Some(most) = ext4.tuning.max_online_resize.map(|bytes| bytes / BLOCK)
        && most > ext4.blocks
    {
        extended.push_str(&format!(",resize={most}"));
    }
    let mut program = Program::new("mke2fs")
        .env("MKE2FS_CONFIG", configuration.path())
        // 0 would mean the clock; `normalise` sets the times it gets wrong.
        .env("E2FSPROGS_FAKE_TIME", time.max(1).to_string())
        .args(["-F", "-q", "-t", "ext4", "-b", "4096", "-I", "256"])
        .args(["-i", &ext4.tuning.inode_ratio.to_string()])
        .args(["-m", &ext4.tuning.reserved_percent.to_string()])
        .args(["-J", &format!("size={}", (journal_blocks(ext4.blocks) * BLOCK) >> 20)])
        .args(["-U", &ext4.uuid.to_string()])
        .args(["-E", &extended]);
    if let Some(label) = ext4.label {
        program = program.args(["-L", label]);
    }
    if let Some(part) = &part {
        program = program.arg("-d").arg(part);
    }
    tree.program(&program.arg(image).arg(ext4.blocks.to_string()))?;
    Ok(())
}

/// Making a filesystem failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Program(#[from] ProgramError),
}
