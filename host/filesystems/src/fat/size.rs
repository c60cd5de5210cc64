//! How large a volume has to be.

use super::folder::Folder;
use super::geometry::Geometry;
use crate::filesystem::FatBits;

const MIB: u64 = 1 << 20;

/// Bytes of the smallest volume, in whole MiB, that holds a folder with `free` bytes beside it.
pub(crate) fn bytes_for(folder: &Folder, free: u64, sector: u64, bits: Option<FatBits>) -> u64 {
    // UEFI asks for FAT32 on disks; FAT16 only when the definition says so.
    let bits = bits.unwrap_or(FatBits::ThirtyTwo);
    let mut size = MIB;
    loop {
        if let Some(geometry) = Geometry::new(size, sector, Some(bits)) {
            let clusters = folder.clusters(&geometry) + free.div_ceil(geometry.cluster);
            if clusters <= geometry.clusters {
                return size;
            }
            let missing = (clusters - geometry.clusters) * geometry.cluster;
            size += missing.next_multiple_of(MIB).max(MIB);
        } else if size > 1 << 44 {
            // Larger than any FAT: the layout finds that it does not fit.
            return size;
        } else {
            size += MIB;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_volume_is_as_small_as_fat32_can_be() {
        assert_eq!(bytes_for(&Folder::default(), 0, 512, None), 33 * MIB);
        assert_eq!(bytes_for(&Folder::default(), 0, 512, Some(FatBits::Sixteen)), 3 * MIB);
        assert_eq!(bytes_for(&Folder::default(), 0, 4096, None), 257 * MIB);
    }
}
