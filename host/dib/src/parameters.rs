//! What DIB takes from elsewhere than the file.

/// What DIB takes from elsewhere than the file: `--params`, which `disk-image-create` makes of
/// options and environment variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DibParameters {
    /// `image-size`, in bytes: that of a `local_loop` without `size`. None: from its content.
    pub image_size: Option<u64>,
    /// `DIB_BLOCK_SIZE`, which goes before the file's `block_size`.
    pub block_size: Option<u32>,
    /// `root-fs-type` (`FS_TYPE`), for a `mkfs_root` without `type`. None: `ext4`, DIB's default.
    pub root_filesystem: Option<String>,
    /// `root-fs-opts` (`MKFS_OPTS`), for a `mkfs_root` without `opts`.
    pub root_options: Option<String>,
    /// `root-label` (`ROOT_LABEL`), for a `mkfs_root` without `label`. None: `cloudimg-rootfs`, or
    /// `img-rootfs` where that is too long.
    pub root_label: Option<String>,
}
