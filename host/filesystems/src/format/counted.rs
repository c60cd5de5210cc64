//! What a filesystem needs for its part of the tree.

use std::io;
use std::path::Path;

use super::btrfs::BtrfsLayout;
use super::layout::{ExtLayout, FormatLayout};
use super::packed::PackedLayout;
use super::totals::Totals;
use super::xfs::XfsLayout;
use super::{beyond, btrfs, packed, swap, xfs};
use crate::ext4::{self, Revision};
use crate::fat;
use crate::filesystem::{
    Ext4Tuning, FatBits, FilesystemKind, FilesystemUuid, FreeTuning, PackedTuning, Tuning,
    VfatTuning,
};
use crate::identity::FilesystemIdentity;
use crate::tree::RootFolder;
use crate::tree::Tree;
use dibhost_text::rounded_size;

const MIB: u64 = 1 << 20;
const FIT: &str = "make the partition or the disk larger, or its content smaller";

/// What is wrong, and what to do.
pub type Problem = (String, String);

/// A filesystem whose content is known and whose volume is not.
#[derive(Debug)]
pub struct Counted {
    root: Option<RootFolder>,
    content: Content,
    needs_kernel: Option<String>,
}

#[derive(Debug)]
enum Content {
    Ext(ext4::Content, Ext4Tuning),
    Vfat(fat::Folder, VfatTuning),
    Swap,
    Xfs(Totals, FreeTuning),
    Btrfs(Totals, FreeTuning),
    Packed(FilesystemKind, Totals, PackedTuning),
}

/// Counts entry by entry.
enum Counter {
    Ext(ext4::Counter, Ext4Tuning),
    Vfat(fat::Folder, VfatTuning),
    Swap,
    Free(Totals, FreeTuning),
    Packed(Totals, PackedTuning),
}

fn revision(kind: FilesystemKind) -> Revision {
    match kind {
        FilesystemKind::Ext2 => Revision::Ext2,
        FilesystemKind::Ext3 => Revision::Ext3,
        _ => Revision::Ext4,
    }
}

fn does_not_fit(size: u64, missing: u64) -> Problem {
    let (size, missing) = (rounded_size(size), rounded_size(missing));
    (format!("its files do not fit into {size}: {missing} are missing"), FIT.to_owned())
}

/// No FAT has such a size: how large they are on these sectors.
fn no_fat(size: u64, sector: u64, bits: Option<FatBits>) -> Problem {
    let least = |bits| rounded_size(fat::bytes_for(&fat::Folder::default(), 0, sector, Some(bits)));
    let (size, sixteen) = (rounded_size(size), least(FatBits::Sixteen));
    match bits {
        Some(FatBits::Sixteen) => {
            let problem =
                format!("FAT16 cannot have a size of {size} in sectors of {sector} bytes");
            (problem, format!("make it {sixteen} at least, and no larger than FAT16 reaches"))
        }
        Some(FatBits::ThirtyTwo) => {
            let problem =
                format!("FAT32 cannot have a size of {size} in sectors of {sector} bytes");
            let least = least(FatBits::ThirtyTwo);
            (
                problem,
                format!(
                    "make it {least} at least; without `fat-bits` it is FAT16, from {sixteen} on"
                ),
            )
        }
        None => {
            let problem = format!("FAT cannot have a size of {size} in sectors of {sector} bytes");
            (problem, format!("make it {sixteen} at least"))
        }
    }
}

impl Counted {
    /// Reads parts of the tree: that of its own mount point, then those of its subvolumes; none: it
    /// stays empty. The inner error is what a filesystem of this kind cannot hold.
    pub fn of(
        kind: FilesystemKind,
        tuning: Tuning,
        mounts: &[&str],
        tree: &mut dyn Tree,
    ) -> io::Result<Result<Self, Problem>> {
        let mut counter = match tuning {
            Tuning::Ext4(tuning) => Counter::Ext(ext4::Counter::new(revision(kind)), tuning),
            Tuning::Vfat(tuning) => Counter::Vfat(fat::Folder::default(), tuning),
            Tuning::Packed(tuning) => Counter::Packed(Totals::default(), tuning),
            Tuning::Free(tuning) => Counter::Free(Totals::default(), tuning),
            Tuning::Other => Counter::Swap,
        };
        let mut root = None;
        let mut problem = None;
        let mut needs_kernel = None;
        let mut with_acl = None;
        let mut refused = None;
        for &mount in mounts {
            let mut each = |entry: &crate::tree::TreeEntry| {
                let before = problem.is_some();
                if entry.path.as_os_str().is_empty() {
                    let (mode, uid, gid, mtime) = (entry.mode, entry.uid, entry.gid, entry.mtime);
                    root = root.or(Some(RootFolder { mode, uid, gid, mtime }));
                }
                if !matches!(counter, Counter::Vfat(..) | Counter::Swap) {
                    problem = problem.take().or_else(|| beyond::problem(kind, entry));
                }
                match &mut counter {
                    Counter::Ext(counter, _) => counter.add(entry),
                    Counter::Vfat(folder, _) => {
                        if let Err(why) = folder.add(entry) {
                            problem.get_or_insert(why);
                        }
                    }
                    Counter::Swap => {
                        problem.get_or_insert_with(|| "swap space holds no files".to_owned());
                    }
                    Counter::Packed(totals, _) => {
                        if kind == FilesystemKind::Erofs {
                            problem = problem.take().or_else(|| packed::bad_name(entry));
                        }
                        if kind == FilesystemKind::Squashfs && entry.xattrs.acl {
                            with_acl
                                .get_or_insert_with(|| (entry.shown(), mount, entry.path.clone()));
                        }
                        totals.add(entry);
                    }
                    Counter::Free(totals, _) => {
                        totals.add(entry);
                        let why = || match kind {
                            FilesystemKind::Btrfs => btrfs::problem(entry),
                            _ => xfs::problem(entry),
                        };
                        needs_kernel = needs_kernel.take().or_else(why);
                    }
                }
                if !before && problem.is_some() {
                    refused = Some((mount, entry.path.clone()));
                }
            };
            tree.entries(mount, &mut each)?;
        }
        let mut made = |problem: String, mount: &str, path: &Path| match tree.maker(mount, path) {
            Some(maker) => format!("{problem}; {maker}"),
            None => problem,
        };
        if let Some((shown, mount, path)) = with_acl {
            let problem = format!("`{shown}` has an ACL, which SquashFS cannot hold");
            let problem = made(problem, mount, &path);
            return Ok(Err((problem, "remove it with `setfacl -b`, or use erofs".into())));
        }
        let problem = problem.or_else(|| match &counter {
            Counter::Ext(counter, _) => counter.problem(),
            Counter::Vfat(folder, _) => folder.check().err(),
            Counter::Swap | Counter::Free(..) | Counter::Packed(..) => None,
        });
        if let Some(problem) = problem {
            let problem = match refused {
                Some((mount, path)) => made(problem, mount, &path),
                None => problem,
            };
            return Ok(Err((problem, "put it elsewhere in the image, or use ext4 here".into())));
        }
        let content = match counter {
            Counter::Ext(counter, tuning) => Content::Ext(counter.content(), tuning),
            Counter::Vfat(folder, tuning) => Content::Vfat(folder, tuning),
            Counter::Swap => Content::Swap,
            Counter::Free(totals, tuning) if kind == FilesystemKind::Btrfs => {
                Content::Btrfs(totals, tuning)
            }
            Counter::Free(totals, tuning) => Content::Xfs(totals, tuning),
            Counter::Packed(totals, tuning) => Content::Packed(kind, totals, tuning),
        };
        Ok(Ok(Self { root, content, needs_kernel }))
    }

    /// Why it cannot be filled without the kernel, where it cannot: the back-end `loop` can.
    pub fn needs_kernel(&self) -> Option<&str> {
        self.needs_kernel.as_deref()
    }

    /// Bytes of the smallest volume it fits into, with `extra` bytes free beside what it keeps free
    /// of itself. Sectors have `sector` bytes.
    ///
    /// A `lean` one has no more than that, and a little where its tables may take it; others keep
    /// some for what is written while a machine starts.
    ///
    /// Of SquashFS and compressed EROFS it is what they would have if nothing could be packed: how
    /// much can be is known only when it is done.
    pub fn bytes_for(&self, extra: u64, sector: u64, lean: bool) -> u64 {
        match &self.content {
            Content::Ext(content, tuning) => {
                let free = tuning.free_space.saturating_add(extra);
                ext4::blocks_for(*content, free, tuning, lean) * ext4::BLOCK
            }
            Content::Vfat(folder, tuning) => {
                let free = tuning.free_space.saturating_add(extra);
                fat::bytes_for(folder, free, sector, tuning.fat_bits)
            }
            Content::Swap => extra.max(swap::LEAST_PAGES * swap::PAGE).next_multiple_of(MIB),
            Content::Xfs(totals, tuning) => {
                xfs::bytes_for(totals, tuning.free_space.saturating_add(extra))
            }
            Content::Btrfs(totals, tuning) => {
                btrfs::bytes_for(totals, tuning.free_space.saturating_add(extra))
            }
            Content::Packed(kind, totals, _) => {
                totals.packed(*kind).saturating_add(extra).next_multiple_of(MIB)
            }
        }
    }

    /// Decides its numbers on a volume of so many bytes.
    pub fn fit(
        &self,
        size: u64,
        sector: u64,
        identity: &FilesystemIdentity,
    ) -> Result<FormatLayout, Problem> {
        let uuid = || match identity.uuid {
            FilesystemUuid::Uuid(uuid) => Ok(uuid),
            FilesystemUuid::Serial(_) => Err(no_identity()),
        };
        match &self.content {
            Content::Ext(content, tuning) => {
                let blocks = (size / ext4::BLOCK).min(content.revision.most_blocks());
                ext4::fits(*content, blocks, tuning).map_err(|missing| match missing {
                    ext4::Missing::Blocks(blocks) => does_not_fit(size, blocks * ext4::BLOCK),
                    ext4::Missing::Inodes(inodes) => {
                        (format!("it has {inodes} inodes too few for its files"), FIT.to_owned())
                    }
                })?;
                let (uuid, hash_seed) = (uuid()?, identity.hash_seed);
                let (tuning, root) = (*tuning, self.root);
                let ext = ExtLayout { uuid, hash_seed, blocks, tuning, root };
                Ok(match content.revision {
                    Revision::Ext2 => FormatLayout::Ext2(ext),
                    Revision::Ext3 => FormatLayout::Ext3(ext),
                    Revision::Ext4 => FormatLayout::Ext4(ext),
                })
            }
            Content::Vfat(folder, tuning) => {
                let FilesystemUuid::Serial(serial) = identity.uuid else {
                    return Err(no_identity());
                };
                let Some(geometry) = fat::Geometry::new(size, sector, tuning.fat_bits) else {
                    return Err(no_fat(size, sector, tuning.fat_bits));
                };
                let clusters = folder.clusters(&geometry);
                if clusters > geometry.clusters || !folder.root_fits(&geometry) {
                    let missing = clusters.saturating_sub(geometry.clusters) * geometry.cluster;
                    return Err(does_not_fit(size, missing));
                }
                Ok(FormatLayout::Vfat { serial, geometry })
            }
            Content::Swap => {
                let pages = (size / swap::PAGE).min(swap::MOST_PAGES);
                let few = pages < swap::LEAST_PAGES;
                match u32::try_from(pages) {
                    Ok(pages) if !few => Ok(FormatLayout::Swap { uuid: uuid()?, pages }),
                    _ => {
                        let least = rounded_size(swap::LEAST_PAGES * swap::PAGE);
                        let problem = format!("swap space cannot be smaller than {least}");
                        Err((problem, "make it larger".to_owned()))
                    }
                }
            }
            Content::Xfs(totals, _) => {
                let size = size / 4096 * 4096;
                large_enough("xfs", size, xfs::LEAST, totals)?;
                Ok(FormatLayout::Xfs(XfsLayout { uuid: uuid()?, size, sector }))
            }
            Content::Btrfs(totals, _) => {
                let size = size / 4096 * 4096;
                large_enough("btrfs", size, btrfs::LEAST, totals)?;
                Ok(FormatLayout::Btrfs(BtrfsLayout { uuid: uuid()?, size }))
            }
            Content::Packed(kind, _, tuning) => {
                let (tuning, least) = (*tuning, 4096);
                if size < least {
                    return Err(does_not_fit(size, least - size));
                }
                Ok(match kind {
                    FilesystemKind::Squashfs => {
                        FormatLayout::Squashfs(PackedLayout { uuid: None, size, tuning })
                    }
                    _ => {
                        let uuid = Some(uuid()?);
                        FormatLayout::Erofs(PackedLayout { uuid, size, tuning })
                    }
                })
            }
        }
    }
}

/// The least of its kind, and what surely does not fit: whatever a filesystem's tables take, files
/// take what they have.
fn large_enough(kind: &str, size: u64, least: u64, totals: &Totals) -> Result<(), Problem> {
    if size < least {
        let problem = format!("{kind} cannot be smaller than {}", rounded_size(least));
        return Err((problem, "make the partition or the disk larger, or use ext4".to_owned()));
    }
    let needed = totals.data + totals.inodes * 512;
    if needed > size {
        return Err(does_not_fit(size, needed - size));
    }
    Ok(())
}

fn no_identity() -> Problem {
    let help = "derive the identities from the same graph";
    ("it has no identity of its kind".to_owned(), help.to_owned())
}
