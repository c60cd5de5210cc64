//! A table's bytes.

use super::chs;
use super::table::{
    EXTENDED, FIRST_ENTRY, LINK, MARK, MbrError, Partition, SIGNATURE, Table, is_extended,
};
use crate::extent::Extent;
use crate::medium::Medium;

/// The 16 bytes of an entry: where it lies as a BIOS counts, its type, its first sector counted
/// from `base`, its sectors.
pub(super) fn entry(active: bool, type_id: u8, extent: Extent, base: u64, sector: u64) -> [u8; 16] {
    let (first, sectors) = (extent.offset / sector, extent.size / sector);
    let mut bytes = [0; 16];
    bytes[0] = if active { 0x80 } else { 0 };
    bytes[1..4].copy_from_slice(&chs::encode(first));
    bytes[4] = type_id;
    bytes[5..8].copy_from_slice(&chs::encode((first + sectors).saturating_sub(1)));
    let start = (first - base / sector) as u32;
    bytes[8..12].copy_from_slice(&start.to_le_bytes());
    // A protective entry alone may have more sectors than fit.
    let sectors = u32::try_from(sectors).unwrap_or(u32::MAX);
    bytes[12..].copy_from_slice(&sectors.to_le_bytes());
    bytes
}

/// Sector 0 from the disk signature on; a boot loader's code before it stays.
pub(super) fn record(signature: u32, entries: &[(u32, [u8; 16])]) -> [u8; 512 - SIGNATURE] {
    let mut bytes = [0; 512 - SIGNATURE];
    bytes[..4].copy_from_slice(&signature.to_le_bytes());
    for (number, entry) in entries {
        let at = FIRST_ENTRY - SIGNATURE + 16 * (*number as usize - 1);
        bytes[at..at + 16].copy_from_slice(entry);
    }
    bytes[MARK - SIGNATURE..].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

impl Table {
    /// Writes the table. The first 440 bytes of the disk, where a boot loader's code lies, stay.
    ///
    /// # Errors
    /// When the disk cannot have it ([`Table::check`]), or it cannot be written.
    pub fn write(&self, disk: &dyn Medium, sector: u32) -> Result<(), MbrError> {
        let sector = u64::from(sector);
        self.check(disk.size(), sector)?;
        let io = |doing: &str| {
            let doing = doing.to_owned();
            |source| MbrError::Io { doing, source }
        };
        let logical: Vec<_> = self.partitions.iter().filter(|p| p.ebr.is_some()).collect();
        // Records first: a table never leads to one that is not there yet.
        if let Some(extended) = self.extended {
            let doing = "writing an extended boot record";
            for (index, partition) in logical.iter().enumerate() {
                let next = logical.get(index + 1).copied();
                let bytes = extended_record(partition, next, extended.extent, sector);
                let ebr = partition.ebr.unwrap_or_default();
                disk.write_all_at(&bytes, ebr).map_err(io(doing))?;
            }
            if logical.is_empty() {
                let mut bytes = vec![0; sector as usize];
                bytes[MARK..MARK + 2].copy_from_slice(&[0x55, 0xaa]);
                disk.write_all_at(&bytes, extended.extent.offset).map_err(io(doing))?;
            }
        }
        let primaries = self.partitions.iter().filter(|p| p.ebr.is_none());
        let mut entries: Vec<_> = primaries
            .map(|p| (p.number, entry(p.active, p.type_id, p.extent, 0, sector)))
            .collect();
        entries
            .extend(self.extended.map(|e| (e.number, entry(false, EXTENDED, e.extent, 0, sector))));
        let bytes = record(self.signature, &entries);
        disk.write_all_at(&bytes, SIGNATURE as u64).map_err(io("writing the partition table"))
    }
}

/// A whole sector: the entry of a logical partition, counted from here, and the link to the next
/// record's slot, counted from the start of the extended partition.
fn extended_record(
    partition: &Partition,
    next: Option<&Partition>,
    extended: Extent,
    sector: u64,
) -> Vec<u8> {
    debug_assert!(!is_extended(partition.type_id), "`check` refuses it");
    let ebr = partition.ebr.unwrap_or_default();
    let mut bytes = vec![0; sector as usize];
    let own = entry(partition.active, partition.type_id, partition.extent, ebr, sector);
    bytes[FIRST_ENTRY..FIRST_ENTRY + 16].copy_from_slice(&own);
    if let Some((offset, next)) = next.and_then(|next| Some((next.ebr?, next))) {
        // A slot ends on a step of the alignment, which is how far the data are from the record.
        let step = next.extent.offset - offset;
        let end = next.extent.end().next_multiple_of(step).min(extended.end());
        let slot = Extent { offset, size: end - offset };
        let link = entry(false, LINK, slot, extended.offset, sector);
        bytes[FIRST_ENTRY + 16..FIRST_ENTRY + 32].copy_from_slice(&link);
    }
    bytes[MARK..MARK + 2].copy_from_slice(&[0x55, 0xaa]);
    bytes
}
