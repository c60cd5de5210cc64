//! Arrays: bytes on their way to the members.

use std::io;

use super::error::MdError;
use crate::medium::{Medium, within};

/// A RAID 0: chunk by chunk, one member after the other.
pub struct Raid0Medium<'a> {
    members: Vec<&'a dyn Medium>,
    data_offset: u64,
    chunk: u64,
    size: u64,
}

/// A RAID 1: the same on each member.
pub struct Raid1Medium<'a> {
    members: Vec<&'a dyn Medium>,
    data_offset: u64,
    size: u64,
}

/// Checks that every member has `used_size` bytes from `data_offset` on.
fn room(members: &[&dyn Medium], data_offset: u64, used_size: u64) -> Result<(), MdError> {
    let end = data_offset.checked_add(used_size);
    let short = members.iter().position(|member| end.is_none_or(|end| end > member.size()));
    match short {
        _ if members.is_empty() => Err(MdError::Unfit("an array without members".to_owned())),
        Some(role) => Err(MdError::Unfit(format!(
            "member {role} of {} bytes has no room for {used_size} bytes at byte {data_offset}",
            members[role].size()
        ))),
        None => Ok(()),
    }
}

impl<'a> Raid0Medium<'a> {
    /// The array of members in the order of their roles, of which each has `used_size` bytes of
    /// data, whole chunks (`chunk` bytes), from `data_offset` on.
    ///
    /// # Errors
    /// When a member is too small, or the size is no whole number of chunks.
    pub fn new(
        members: Vec<&'a dyn Medium>,
        data_offset: u64,
        used_size: u64,
        chunk: u32,
    ) -> Result<Self, MdError> {
        room(&members, data_offset, used_size)?;
        let chunk = u64::from(chunk);
        let size = used_size.checked_mul(members.len() as u64);
        match size {
            Some(size) if chunk > 0 && used_size.is_multiple_of(chunk) => {
                Ok(Self { members, data_offset, chunk, size })
            }
            _ => {
                let why = format!("{used_size} bytes of each member in chunks of {chunk}");
                Err(MdError::Unfit(why))
            }
        }
    }

    /// The parts of a range: the member, where in it, and how many bytes.
    fn parts(&self, length: usize, offset: u64) -> impl Iterator<Item = (usize, u64, usize)> {
        let (chunk, count) = (self.chunk, self.members.len() as u64);
        let (mut at, end) = (offset, offset + length as u64);
        std::iter::from_fn(move || {
            if at == end {
                return None;
            }
            let (number, inside) = (at / chunk, at % chunk);
            let length = (chunk - inside).min(end - at);
            at += length;
            let place = self.data_offset + number / count * chunk + inside;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "below the number of members, and of bytes in memory"
            )]
            Some(((number % count) as usize, place, length as usize))
        })
    }
}

impl Medium for Raid0Medium<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, mut bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        for (member, at, length) in self.parts(bytes.len(), offset) {
            let (part, rest) = bytes.split_at_mut(length);
            self.members[member].read_exact_at(part, at)?;
            bytes = rest;
        }
        Ok(())
    }

    fn write_all_at(&self, mut bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        for (member, at, length) in self.parts(bytes.len(), offset) {
            let (part, rest) = bytes.split_at(length);
            self.members[member].write_all_at(part, at)?;
            bytes = rest;
        }
        Ok(())
    }
}

impl<'a> Raid1Medium<'a> {
    /// The array of members of which each has `used_size` bytes of data from `data_offset` on.
    ///
    /// # Errors
    /// When a member is too small.
    pub fn new(
        members: Vec<&'a dyn Medium>,
        data_offset: u64,
        used_size: u64,
    ) -> Result<Self, MdError> {
        room(&members, data_offset, used_size)?;
        Ok(Self { members, data_offset, size: used_size })
    }
}

impl Medium for Raid1Medium<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    /// From the first member; a tool that wants to know whether the others are equal reads them.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        self.members[0].read_exact_at(bytes, self.data_offset + offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        let mut members = self.members.iter();
        members.try_for_each(|member| member.write_all_at(bytes, self.data_offset + offset))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use proptest::prelude::*;

    use super::*;
    use crate::medium::FileMedium;

    const OFFSET: u64 = 8192;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_raid_0_spreads_chunks_and_loses_none(
            count in 2usize..6,
            chunks in 1u64..9,
            power in 12u32..16,
            writes in proptest::collection::vec((any::<u64>(), 1usize..100_000, any::<u8>()), 1..5),
        ) {
            let chunk = 1u32 << power;
            let used = chunks * u64::from(chunk);
            let files: Vec<File> = (0..count).map(|_| tempfile::tempfile().unwrap()).collect();
            files.iter().for_each(|file| file.set_len(OFFSET + used).unwrap());
            let media: Vec<_> = files.iter().map(|file| FileMedium::whole(file).unwrap()).collect();
            let lower: Vec<&dyn Medium> = media.iter().map(|medium| medium as _).collect();
            let array = Raid0Medium::new(lower, OFFSET, used, chunk).unwrap();
            prop_assert_eq!(array.size(), used * count as u64);
            let mut mirror = vec![0u8; array.size() as usize];
            for (at, length, byte) in writes {
                let at = (at % array.size()) as usize;
                let end = (at + length).min(mirror.len());
                let bytes: Vec<u8> = (at..end).map(|place| (place >> 3) as u8 ^ byte).collect();
                array.write_all_at(&bytes, at as u64).unwrap();
                mirror[at..end].copy_from_slice(&bytes);
            }
            let mut read = vec![0; mirror.len()];
            array.read_exact_at(&mut read, 0).unwrap();
            prop_assert!(read == mirror);
            // Each chunk lies where md looks for it.
            for (number, wanted) in mirror.chunks_exact(chunk as usize).enumerate() {
                let mut found = vec![0; chunk as usize];
                let at = OFFSET + (number / count) as u64 * u64::from(chunk);
                media[number % count].read_exact_at(&mut found, at).unwrap();
                prop_assert!(found == wanted);
            }
        }
    }

    #[test]
    fn members_that_are_too_small_are_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(OFFSET + 4096).unwrap();
        let medium = FileMedium::whole(&file).unwrap();
        let members = || vec![&medium as &dyn Medium, &medium];
        assert!(Raid1Medium::new(members(), OFFSET, 4096).is_ok());
        assert!(Raid1Medium::new(members(), OFFSET, 4097).is_err());
        assert!(Raid1Medium::new(vec![], OFFSET, 4096).is_err());
        assert!(Raid1Medium::new(members(), u64::MAX, 4096).is_err());
        assert!(Raid0Medium::new(members(), OFFSET, 4096, 0).is_err());
        assert!(Raid0Medium::new(members(), OFFSET, 4096, 8192).is_err());
        assert!(Raid0Medium::new(members(), OFFSET, 4096, 4096).is_ok());
    }
}
