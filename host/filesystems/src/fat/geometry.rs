//! Where everything of a FAT volume lies, given its size.

use serde::{Deserialize, Serialize};

use crate::filesystem::FatBits;

/// Readers tell FAT16 from FAT32 by the number of clusters alone, and some are off by a few: all
/// writers stay away from the limits.
const MARGIN: u64 = 16;
const FAT16_LEAST: u64 = 4085 + MARGIN;
const FAT16_MOST: u64 = 65524 - MARGIN;
const FAT32_LEAST: u64 = 65525 + MARGIN;
const FAT32_MOST: u64 = 0x0fff_fff5 - MARGIN;
/// Entries of FAT16's root folder, whose size is fixed; 512 is what every reader takes.
const FAT16_ROOT_ENTRIES: u64 = 512;
const MIB: u64 = 1 << 20;

/// The numbers of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Geometry {
    /// FAT16 or FAT32.
    pub bits: FatBits,
    /// Bytes of a sector.
    pub sector: u64,
    /// Sectors of the volume.
    pub sectors: u64,
    /// Bytes of a cluster.
    pub cluster: u64,
    /// Sectors before the first table.
    pub reserved: u64,
    /// Sectors of one table, of which there are two.
    pub table: u64,
    /// Sectors of FAT16's root folder; 0 with FAT32.
    pub root: u64,
    /// Clusters of data.
    pub clusters: u64,
}

impl Geometry {
    /// The geometry of a volume of so many bytes; none when FAT cannot be that small or large.
    pub(crate) fn new(bytes: u64, sector: u64, bits: Option<FatBits>) -> Option<Self> {
        match bits {
            Some(FatBits::Sixteen) => Self::sixteen(bytes, sector),
            Some(FatBits::ThirtyTwo) => Self::thirty_two(bytes, sector),
            None => Self::thirty_two(bytes, sector).or_else(|| Self::sixteen(bytes, sector)),
        }
    }

    fn thirty_two(bytes: u64, sector: u64) -> Option<Self> {
        // The cluster sizes every formatter uses, less where that would be too few clusters.
        let usual: u64 = match bytes.div_ceil(MIB) {
            0..=64 => 512,
            65..=128 => 1024,
            129..=260 => 2048,
            261..=8192 => 4096,
            8193..=16384 => 8192,
            16385..=32768 => 16384,
            _ => 32768,
        };
        Some(Self::with(bytes, sector, usual.max(sector), FatBits::ThirtyTwo))
            .filter(|g| (FAT32_LEAST..=FAT32_MOST).contains(&g.clusters))
    }

    fn sixteen(bytes: u64, sector: u64) -> Option<Self> {
        let sizes = (0..=6).map(|power| sector << power).filter(|size| *size <= 32768);
        sizes
            .map(|cluster| Self::with(bytes, sector, cluster, FatBits::Sixteen))
            .find(|g| (FAT16_LEAST..=FAT16_MOST).contains(&g.clusters))
    }

    fn with(bytes: u64, sector: u64, cluster: u64, bits: FatBits) -> Self {
        let sectors = bytes / sector;
        let (reserved, root, entry) = match bits {
            FatBits::Sixteen => (1, (FAT16_ROOT_ENTRIES * 32).div_ceil(sector), 2),
            FatBits::ThirtyTwo => (32, 0, 4),
        };
        // Room for as many clusters as there could be if the tables took nothing.
        let table = ((bytes / cluster + 2) * entry).div_ceil(sector);
        let data = sectors.saturating_sub(reserved + root + 2 * table);
        let clusters = data / (cluster / sector);
        Self { bits, sector, sectors, cluster, reserved, table, root, clusters }
    }

    /// Entries of 32 bytes that the root folder can have; none: as many as there are clusters.
    pub(crate) fn root_entries(&self) -> Option<u64> {
        (self.bits == FatBits::Sixteen).then_some(FAT16_ROOT_ENTRIES)
    }

    /// The byte at which the data begins.
    pub(crate) fn data(&self) -> u64 {
        (self.reserved + 2 * self.table + self.root) * self.sector
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_is_sixteen_and_large_is_thirty_two() {
        let bits = |mib: u64, sector| Geometry::new(mib * MIB, sector, None).map(|g| g.bits);
        assert_eq!(bits(1, 512), None);
        assert_eq!(bits(4, 512), Some(FatBits::Sixteen));
        assert_eq!(bits(32, 512), Some(FatBits::Sixteen));
        assert_eq!(bits(34, 512), Some(FatBits::ThirtyTwo));
        assert_eq!(bits(550, 512), Some(FatBits::ThirtyTwo));
        assert_eq!(bits(100, 4096), Some(FatBits::Sixteen));
        assert_eq!(bits(500, 4096), Some(FatBits::ThirtyTwo));
    }

    proptest! {
        #[test]
        fn tables_cover_all_clusters_and_all_lies_within(
            mib in 1u64..40_000, large in any::<bool>(), bits in 0u8..3,
        ) {
            let bits = [None, Some(FatBits::Sixteen), Some(FatBits::ThirtyTwo)][bits as usize];
            let sector = if large { 4096 } else { 512 };
            if let Some(g) = Geometry::new(mib * MIB, sector, bits) {
                let entry = if g.bits == FatBits::Sixteen { 2 } else { 4 };
                prop_assert!(g.table * g.sector >= (g.clusters + 2) * entry);
                prop_assert!(g.data() + g.clusters * g.cluster <= mib * MIB);
                prop_assert!(g.cluster <= 32768 && g.cluster.is_power_of_two());
            }
        }
    }
}
