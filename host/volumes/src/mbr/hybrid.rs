//! A hybrid MBR: the protective one of a GPT, that also names up to three of its partitions for
//! programs and firmware that know no GPT. As `sgdisk -h` writes it, with the protective entry first.

use serde::Serialize;

use super::table::{MbrError, PROTECTIVE, Partition, SIGNATURE, apart, is_extended, within};
use super::write;
use crate::extent::Extent;
use crate::medium::Medium;

/// What a hybrid MBR names besides the protective entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hybrid {
    /// The disk signature; `sgdisk` leaves it 0, for the GPT has an identity.
    pub signature: u32,
    /// Partitions of the GPT with the numbers of their entries here, 2 to 4.
    pub partitions: Vec<Partition>,
}

impl Hybrid {
    /// Writes it over the protective MBR of a GPT. The first 440 bytes of the disk stay.
    ///
    /// # Errors
    /// With the partition that an MBR cannot name, or when it cannot be written.
    pub fn write(&self, disk: &dyn Medium, sector: u32) -> Result<(), MbrError> {
        let sector = u64::from(sector);
        if self.partitions.is_empty() || self.partitions.len() > 3 {
            return Err(MbrError::table("a hybrid MBR names one to three partitions of the GPT"));
        }
        let mut extents = Vec::new();
        let mut last = 1;
        for partition in &self.partitions {
            let number = partition.number;
            let wrong = |problem: &str| Err(MbrError::partition(number, problem));
            if !(last + 1..=4).contains(&number) {
                return wrong("numbers in a hybrid MBR go from 2 to 4 and rise");
            }
            last = number;
            if partition.ebr.is_some() || is_extended(partition.type_id) {
                return wrong("a hybrid MBR has no logical partitions");
            }
            if matches!(partition.type_id, 0 | PROTECTIVE) {
                return wrong("its type is that of no partition, or of the protective one");
            }
            within(number, partition.extent, disk.size(), sector)?;
            extents.push((number, partition.extent));
        }
        let first = extents.iter().map(|(_, extent)| extent.offset).min().unwrap_or(sector);
        if first == sector {
            return Err(MbrError::table("a partition lies where the GPT is"));
        }
        apart(extents)?;
        let protective = Extent { offset: sector, size: first - sector };
        let mut entries = vec![(1, write::entry(false, PROTECTIVE, protective, 0, sector))];
        entries.extend(
            self.partitions
                .iter()
                .map(|p| (p.number, write::entry(p.active, p.type_id, p.extent, 0, sector))),
        );
        let bytes = write::record(self.signature, &entries);
        disk.write_all_at(&bytes, SIGNATURE as u64).map_err(|source| MbrError::Io {
            doing: "writing the hybrid partition table".to_owned(),
            source,
        })
    }
}
