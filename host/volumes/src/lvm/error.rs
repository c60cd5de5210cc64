//! What is wrong with a volume group.

/// What is wrong with a volume group, or with what was read for one.
#[derive(Debug, thiserror::Error)]
pub enum LvmError {
    /// lvm would not take a name.
    #[error("`{name}` can be no {what}'s name: {why}")]
    Name {
        /// `volume group` or `logical volume`.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A physical volume is too small, or its numbers are wrong.
    #[error("physical volume {index} of volume group `{group}`: {why}")]
    PhysicalVolume {
        /// The volume group.
        group: String,
        /// Which one, from 0 on.
        index: usize,
        /// What is wrong.
        why: String,
    },
    /// A logical volume cannot be.
    #[error("logical volume `{volume}` of volume group `{group}`: {why}")]
    LogicalVolume {
        /// The volume group.
        group: String,
        /// The logical volume.
        volume: String,
        /// What is wrong.
        why: String,
    },
    /// The volume group itself cannot be.
    #[error("volume group `{group}`: {why}")]
    VolumeGroup {
        /// Its name.
        group: String,
        /// What is wrong.
        why: String,
    },
    /// There are fewer extents than are asked for.
    #[error(
        "logical volume `{volume}` of volume group `{group}` needs {needed} extents of {extent_size} bytes{on}, and {free} are free: {missing} bytes are missing"
    )]
    Space {
        /// The volume group.
        group: String,
        /// The logical volume.
        volume: String,
        /// How many extents it needs.
        needed: u64,
        /// Bytes of an extent.
        extent_size: u64,
        /// What kind of extents, for stripes.
        on: String,
        /// How many there are that it could take.
        free: u64,
        /// Bytes.
        missing: u64,
    },
    /// Bytes are no sound metadata.
    #[error("the LVM metadata at byte {offset} of the medium cannot be read: {why}")]
    Metadata {
        /// Where, bytes of the medium.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// Bytes could not be read or written.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl LvmError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}
