//! The superblock: what it says, and how it lies on a member.

use serde::Serialize;
use uuid::Uuid;

use super::error::MdError;
use crate::medium::Medium;

/// Bytes from a member's start to its superblock of version 1.2.
pub(super) const OFFSET: u64 = 4096;

/// What version 1.0 leaves free between the data and the superblock, bytes: room for a bitmap, which
/// version 1.2 has before the data.
const BITMAP: u64 = 128 << 10;

/// Bytes from a member's start to its data when nobody says otherwise: a multiple of what disks
/// like to be written in, with room for a bitmap.
pub const DEFAULT_DATA_OFFSET: u64 = 1 << 20;

const MAGIC: u32 = 0xa92b_4efc;

/// Bytes of a superblock on the disk, roles and padding included.
const BYTES: usize = 4096;

/// Bytes before the roles of the members.
const HEAD: usize = 256;

/// Roles that are written, of which the unused say so: room to grow without moving anything.
const ROLES: usize = 128;

/// What the kernel takes: 256 bytes and two for each role are one block.
const MOST_ROLES: usize = (BYTES - HEAD) / 2;

/// A role that no device has.
const NO_ROLE: u16 = 0xffff;

/// Where the sum over the superblock lies.
const SUM: std::ops::Range<usize> = 216..220;

/// Bytes of an array's name.
const MOST_NAME: usize = 32;

/// Everything is in sync up to here: everywhere.
const IN_SYNC: u64 = u64::MAX;

/// Superblocks count in it.
const SECTOR: u64 = 512;

/// How an array's bytes lie on its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaidLevel {
    /// Chunk by chunk, one member after the other.
    Raid0 {
        /// Bytes of a chunk: a power of two, 4096 or more.
        chunk: u32,
    },
    /// The same on each member.
    Raid1,
}

/// Where the superblock of a member lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum MdMetadata {
    /// Version 1.0: near the end. A member's first byte is the array's, so that who knows nothing of
    /// arrays (firmware, for one) reads each member of a RAID 1 as what is in it.
    #[serde(rename = "1.0")]
    End,
    /// Version 1.2: 4096 bytes from the start, before the data.
    #[default]
    #[serde(rename = "1.2")]
    Start,
}

impl MdMetadata {
    /// As `mdadm` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::End => "1.0",
            Self::Start => "1.2",
        }
    }

    /// Where it lies on a member of so many bytes; none: it is too small for one.
    fn offset(self, size: u64) -> Option<u64> {
        match self {
            // The last multiple of 4096 that has 8192 bytes behind it.
            Self::End => size.checked_sub(2 * BYTES as u64).map(|at| at - at % 4096),
            Self::Start => Some(OFFSET),
        }
    }

    /// Bytes that a member has to have beside its data, which begins at `data_offset`.
    #[must_use]
    pub fn beside(self, data_offset: u64) -> u64 {
        match self {
            // The superblock, what is behind it, and what a size is rounded to.
            Self::End => BITMAP + 4 * BYTES as u64,
            Self::Start => data_offset,
        }
    }
}

/// What an array is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MdOptions<'a> {
    /// Of the array.
    pub uuid: Uuid,
    /// `HOST:NAME`, at most 32 bytes; where the host is the image's, `mdadm` names the device
    /// `/dev/md/NAME`.
    pub name: &'a str,
    /// How bytes lie on the members.
    pub level: RaidLevel,
    /// Where the superblocks lie.
    pub metadata: MdMetadata,
    /// Bytes from a member's start to its data ([`DEFAULT_DATA_OFFSET`]), a multiple of 4096; with
    /// [`MdMetadata::End`] 0.
    pub data_offset: u64,
    /// The members of a RAID 1 hold the same wherever the array reaches. Where they do not, the
    /// kernel makes them when it first puts the array together.
    pub in_step: bool,
    /// Seconds since 1970 (`SOURCE_DATE_EPOCH`), when the array was made.
    pub time: u64,
}

/// What a superblock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdSuperblock {
    /// Of the array.
    pub uuid: Uuid,
    /// `HOST:NAME`, or what else is there.
    pub name: String,
    /// How bytes lie on the members.
    pub level: RaidLevel,
    /// Where it lies.
    pub metadata: MdMetadata,
    /// Members of the array.
    pub members: u32,
    /// The number of this one.
    pub role: u32,
    /// Of this member.
    pub device: Uuid,
    /// Bytes from the member's start to its data.
    pub data_offset: u64,
    /// Bytes of its data.
    pub data_size: u64,
    /// Bytes of each member that the array uses.
    pub used_size: u64,
    /// Seconds since 1970, when the array was made.
    pub time: u64,
    /// Times that the superblock was written.
    pub events: u64,
    /// Whether the members were in sync when it was written.
    pub clean: bool,
}

impl MdOptions<'_> {
    /// Checks, and says what each member of these sizes (bytes) gives the array.
    pub fn used_size(&self, sizes: &[u64]) -> Result<u64, MdError> {
        let unfit = |why: String| Err(MdError::Unfit(why));
        if !(2..=ROLES).contains(&sizes.len()) {
            let count = sizes.len();
            return unfit(format!("an array of {count} members: 2 to {ROLES} make one"));
        }
        let name = self.name;
        if !(1..=MOST_NAME).contains(&name.len()) || name.contains(|c: char| c.is_control()) {
            let name = name.escape_debug();
            return unfit(format!(
                "an array named `{name}`: names have 1 to {MOST_NAME} bytes and no control characters"
            ));
        }
        let offset = self.data_offset;
        match self.metadata {
            // The kernel refuses data that begins within the superblock.
            MdMetadata::Start if !offset.is_multiple_of(4096) || offset < OFFSET + BYTES as u64 => {
                return unfit(format!(
                    "data at byte {offset} of the members: it begins at a multiple of 4096, and at 8192 or after it"
                ));
            }
            MdMetadata::End if offset != 0 => {
                return unfit(format!(
                    "data at byte {offset} of the members: with metadata 1.0 it begins with their first"
                ));
            }
            MdMetadata::Start | MdMetadata::End => {}
        }
        if self.time >> 40 != 0 {
            return unfit(format!("a time of {} s: md has 40 bits for it", self.time));
        }
        let step = match self.level {
            RaidLevel::Raid0 { chunk } if !chunk.is_power_of_two() || chunk < 4096 => {
                return unfit(format!(
                    "chunks of {chunk} bytes: they are a power of two, and 4096 or more"
                ));
            }
            RaidLevel::Raid0 { chunk } => u64::from(chunk),
            RaidLevel::Raid1 => 4096,
        };
        // The smallest decides: with members of which each has as much data as the others, a
        // RAID 0 has one zone, which all kernels lay out alike.
        let smallest = sizes.iter().min().copied().unwrap_or_default();
        let used = match self.metadata {
            MdMetadata::Start => smallest.saturating_sub(offset),
            MdMetadata::End => {
                let end = self.metadata.offset(smallest).unwrap_or_default();
                end.saturating_sub(BITMAP)
            }
        };
        let used = used - used % step;
        if used == 0 {
            let beside = self.metadata.beside(offset);
            return unfit(format!(
                "a member of {smallest} bytes has no room for data beside {beside} bytes of metadata"
            ));
        }
        Ok(used)
    }

    /// Bytes of an array of members of these sizes.
    ///
    /// # Errors
    /// What does not fit together, in words.
    pub fn array_size(&self, sizes: &[u64]) -> Result<u64, MdError> {
        let used = self.used_size(sizes)?;
        match self.level {
            RaidLevel::Raid1 => Ok(used),
            RaidLevel::Raid0 { .. } => used
                .checked_mul(sizes.len() as u64)
                .ok_or_else(|| MdError::Unfit("an array beyond what a disk can have".to_owned())),
        }
    }

    /// One superblock for each member, in their order.
    pub(super) fn superblocks(&self, sizes: &[u64]) -> Result<Vec<MdSuperblock>, MdError> {
        let used_size = self.used_size(sizes)?;
        let members = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        let superblock = |role: u32| MdSuperblock {
            uuid: self.uuid,
            name: self.name.to_owned(),
            level: self.level,
            metadata: self.metadata,
            members,
            role,
            device: Uuid::new_v5(&self.uuid, &role.to_le_bytes()),
            data_offset: self.data_offset,
            data_size: used_size,
            used_size,
            time: self.time,
            events: 1,
            // A RAID 0 has nothing that could be out of step.
            clean: self.in_step || self.level != RaidLevel::Raid1,
        };
        Ok((0..members).map(superblock).collect())
    }
}

/// The sum over a superblock: its words, the carries added.
fn sum(bytes: &[u8]) -> u32 {
    let mut sum = 0u64;
    let mut words = bytes.chunks_exact(4);
    for (index, word) in words.by_ref().enumerate() {
        if index * 4 != SUM.start {
            sum += u64::from(u32_at(word, 0));
        }
    }
    if let [low, high] = words.remainder() {
        sum += u64::from(u16::from_le_bytes([*low, *high]));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the low bits, and what was carried")]
    (sum as u32).wrapping_add((sum >> 32) as u32)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn uuid_at(bytes: &[u8], at: usize) -> Uuid {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&bytes[at..at + 16]);
    Uuid::from_bytes(uuid)
}

impl MdSuperblock {
    /// As it lies on the disk, so many bytes from the member's start.
    pub(super) fn encode(&self, offset: u64) -> Vec<u8> {
        let mut bytes = vec![0; BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        // RAID 0 takes what each member has: `mdadm` says no size there.
        let (level, chunk, size) = match self.level {
            RaidLevel::Raid0 { chunk } => (0u32, chunk, 0),
            RaidLevel::Raid1 => (1, 0, self.used_size),
        };
        #[expect(clippy::cast_possible_truncation, reason = "512 fits")]
        let chunk = chunk / SECTOR as u32;
        put(0, &MAGIC.to_le_bytes());
        put(4, &1u32.to_le_bytes());
        put(16, self.uuid.as_bytes());
        put(32, self.name.as_bytes());
        put(64, &self.time.to_le_bytes());
        put(72, &level.to_le_bytes());
        put(80, &(size / SECTOR).to_le_bytes());
        put(88, &chunk.to_le_bytes());
        put(92, &self.members.to_le_bytes());
        put(128, &(self.data_offset / SECTOR).to_le_bytes());
        put(136, &(self.data_size / SECTOR).to_le_bytes());
        put(144, &(offset / SECTOR).to_le_bytes());
        put(160, &self.role.to_le_bytes());
        put(168, self.device.as_bytes());
        put(192, &self.time.to_le_bytes());
        put(200, &self.events.to_le_bytes());
        put(208, &(if self.clean { IN_SYNC } else { 0 }).to_le_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "128 fits")]
        put(220, &(ROLES as u32).to_le_bytes());
        for role in 0..ROLES as u16 {
            let known = if u32::from(role) < self.members { role } else { NO_ROLE };
            put(HEAD + usize::from(role) * 2, &known.to_le_bytes());
        }
        let sum = sum(&bytes[..HEAD + 2 * ROLES]);
        bytes[SUM].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// Where superblocks of other versions lie, which are told and not read: at the start (1.1), and
/// near the end (0.90).
fn elsewhere(size: u64) -> impl Iterator<Item = (u64, &'static str)> {
    let old = (size - size % (64 << 10)).checked_sub(64 << 10);
    let places = [(Some(0), "1.1"), (old, "0.90")];
    places.into_iter().filter_map(|(at, version)| Some((at?, version)))
}

/// Reads the superblock of a member; none when it has none.
///
/// # Errors
/// When there is one that is damaged, hostile, or of a version, level or state not known here;
/// when reading fails.
pub fn read_superblock(medium: &dyn Medium) -> Result<Option<MdSuperblock>, MdError> {
    let not = |why: String| Err(MdError::Superblock(why));
    let size = medium.size();
    let magic_at = |at: u64| -> std::io::Result<bool> {
        let mut magic = [0; 4];
        if at + 4 > size {
            return Ok(false);
        }
        medium.read_exact_at(&mut magic, at)?;
        Ok(u32::from_le_bytes(magic) == MAGIC)
    };
    let mut found = None;
    for metadata in [MdMetadata::Start, MdMetadata::End] {
        let at = metadata.offset(size).filter(|at| at + BYTES as u64 <= size);
        if let Some(at) = at
            && magic_at(at)?
        {
            found = Some((metadata, at));
            break;
        }
    }
    let Some((metadata, place)) = found else {
        for (at, version) in elsewhere(size) {
            if magic_at(at)? {
                return not(format!(
                    "at byte {at} is of version {version}; only 1.0 and 1.2 are known"
                ));
            }
        }
        return Ok(None);
    };
    let mut bytes = vec![0; BYTES];
    medium.read_exact_at(&mut bytes, place)?;
    let (version, features) = (u32_at(&bytes, 4), u32_at(&bytes, 8));
    if version != 1 || u64_at(&bytes, 144) != place / SECTOR {
        return not(format!("is of version {version}, at sector {}", u64_at(&bytes, 144)));
    }
    let roles = u32_at(&bytes, 220) as usize;
    if roles > MOST_ROLES {
        return not(format!("has {roles} roles, which do not fit"));
    }
    let found = u32_at(&bytes, SUM.start);
    let wanted = sum(&bytes[..HEAD + 2 * roles]);
    if found != wanted {
        return not(format!("has the checksum {found:08x} and should have {wanted:08x}"));
    }
    // A bitmap, bad blocks and a RAID 0's layout change nothing of where data lies here.
    const HARMLESS: u32 = 1 | 8 | 4096;
    if features & !HARMLESS != 0 {
        return not(format!("has features not known here ({:#x})", features & !HARMLESS));
    }
    let members = u32_at(&bytes, 92);
    let device = u32_at(&bytes, 160) as usize;
    if device >= roles {
        return not(format!("is of device {device} and lists {roles}"));
    }
    let at = HEAD + 2 * device;
    let role = u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    if members == 0 || role >= members {
        return not(format!("is of role {role} of {members}: a spare, a faulty member, or none"));
    }
    let in_bytes = |at: usize, what: &str| {
        let sectors = u64_at(&bytes, at);
        sectors.checked_mul(SECTOR).ok_or_else(|| {
            MdError::Superblock(format!("has {sectors} sectors as {what}, beyond what a disk has"))
        })
    };
    let (data_offset, data_size) = (in_bytes(128, "data offset")?, in_bytes(136, "data size")?);
    let last = if metadata == MdMetadata::End { place } else { size };
    if data_offset.checked_add(data_size).is_none_or(|end| end > last) || data_size == 0 {
        return not(format!("has {data_size} bytes of data at byte {data_offset} of {size}"));
    }
    let chunk = u64::from(u32_at(&bytes, 88)) * SECTOR;
    let level = match u32_at(&bytes, 72) {
        0 => match u32::try_from(chunk) {
            Ok(chunk) if chunk >= 4096 && chunk.is_power_of_two() => RaidLevel::Raid0 { chunk },
            _ => return not(format!("has chunks of {chunk} bytes")),
        },
        1 => RaidLevel::Raid1,
        other => {
            let level = other.cast_signed();
            return not(format!("is of RAID level {level}; 0 and 1 are known"));
        }
    };
    let used_size = match level {
        RaidLevel::Raid0 { .. } => data_size - data_size % chunk,
        RaidLevel::Raid1 => in_bytes(80, "size")?,
    };
    if used_size == 0 || used_size > data_size {
        return not(format!("uses {used_size} bytes of {data_size}"));
    }
    let name = &bytes[32..32 + MOST_NAME];
    let name = &name[..name.iter().position(|byte| *byte == 0).unwrap_or(MOST_NAME)];
    let Ok(name) = String::from_utf8(name.to_vec()) else {
        return not("has a name that is no UTF-8".to_owned());
    };
    Ok(Some(MdSuperblock {
        uuid: uuid_at(&bytes, 16),
        name,
        level,
        metadata,
        members,
        role,
        device: uuid_at(&bytes, 168),
        data_offset,
        data_size,
        used_size,
        // Above it, microseconds.
        time: u64_at(&bytes, 64) & ((1 << 40) - 1),
        events: u64_at(&bytes, 200),
        clean: u64_at(&bytes, 208) == IN_SYNC,
    }))
}

/// Writes the superblocks of an array whose members have the roles 0, 1, … in their order; nothing
/// else of the members is touched.
///
/// # Errors
/// When what is asked for does not fit together (nothing is written then), or writing fails.
pub fn create(members: &[&dyn Medium], options: &MdOptions<'_>) -> Result<(), MdError> {
    let sizes: Vec<_> = members.iter().map(|member| member.size()).collect();
    let superblocks = options.superblocks(&sizes)?;
    for (member, superblock) in members.iter().zip(superblocks) {
        // Each has room for it: `superblocks` saw to that.
        let at = options.metadata.offset(member.size()).unwrap_or(OFFSET);
        member.write_all_at(&superblock.encode(at), at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::medium::FileMedium;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            count in 2usize..=ROLES,
            size in (3u64 << 20)..(1 << 42),
            power in proptest::option::of(12u32..20),
            name in "[a-z]{1,10}:[a-z]{1,21}",
            uuid in any::<u128>(),
            time in 0u64..1 << 40,
            blocks in 2u64..500,
            (at_the_end, in_step) in any::<(bool, bool)>(),
        ) {
            let level = power.map_or(RaidLevel::Raid1, |p| RaidLevel::Raid0 { chunk: 1 << p });
            let uuid = Uuid::from_u128(uuid);
            let (metadata, data_offset) = match at_the_end {
                true => (MdMetadata::End, 0),
                false => (MdMetadata::Start, blocks * 4096),
            };
            let options =
                MdOptions { uuid, name: &name, level, metadata, data_offset, in_step, time };
            let file = tempfile::tempfile().unwrap();
            file.set_len(size).unwrap();
            let medium = FileMedium::whole(&file).unwrap();
            let at = metadata.offset(size).unwrap();
            for superblock in options.superblocks(&vec![size; count]).unwrap() {
                prop_assert!(data_offset + superblock.used_size <= size);
                medium.write_all_at(&superblock.encode(at), at).unwrap();
                prop_assert_eq!(read_superblock(&medium).unwrap(), Some(superblock));
            }
        }

        /// A superblock of which any byte that counts was changed is refused, or is none.
        #[test]
        fn damage_is_found(at in 0..HEAD + 2 * ROLES, with in 1u8..) {
            let options = MdOptions {
                uuid: Uuid::nil(),
                name: "image:root",
                level: RaidLevel::Raid1,
                metadata: MdMetadata::Start,
                data_offset: DEFAULT_DATA_OFFSET,
                in_step: true,
                time: 1,
            };
            let superblock = options.superblocks(&[4 << 20, 4 << 20]).unwrap().remove(0);
            let mut bytes = superblock.encode(OFFSET);
            bytes[at] ^= with;
            let file = tempfile::tempfile().unwrap();
            file.set_len(4 << 20).unwrap();
            let medium = FileMedium::whole(&file).unwrap();
            medium.write_all_at(&bytes, OFFSET).unwrap();
            prop_assert!(!matches!(read_superblock(&medium), Ok(Some(_))));
        }
    }
}
