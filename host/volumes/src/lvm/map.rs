//! Where the bytes of a logical volume lie.

use super::error::LvmError;
use super::group::{LogicalVolume, LogicalVolumeKind, VolumeGroup};
use crate::medium::{Medium, within};

/// A range of a logical volume that lies in one piece on a physical volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// Where it begins in the logical volume, bytes.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Which physical volume.
    pub physical_volume: usize,
    /// Where it begins on the physical volume, bytes.
    pub physical_offset: u64,
}

impl VolumeGroup {
    /// Maps a range of bytes of a logical volume, in its order; ranges that run on are joined. Of a
    /// striped volume it gives a range for every stripe: take a large one in parts.
    ///
    /// # Errors
    /// When the volume has no extents of its own (a thin volume's are its pool's matter), or the
    /// range is not within it. The group must be one that [`VolumeGroup::validate`] accepts.
    pub fn map(
        &self,
        volume: &LogicalVolume,
        offset: u64,
        length: u64,
    ) -> Result<Vec<Mapped>, LvmError> {
        let wrong = |why: String| {
            let (group, volume) = (self.name.clone(), volume.name.clone());
            LvmError::LogicalVolume { group, volume, why }
        };
        let LogicalVolumeKind::Extents(segments) = &volume.kind else {
            return Err(wrong("it has no extents of its own".to_owned()));
        };
        let size = self.size_of(volume);
        let end = offset.checked_add(length).filter(|end| *end <= size).ok_or_else(|| {
            wrong(format!("{length} bytes at {offset} are beyond its {size} bytes"))
        })?;
        let mut ranges: Vec<Mapped> = Vec::new();
        let mut at = offset;
        let mut start = 0;
        for segment in segments {
            let segment_end = start + segment.extents * self.extent_size;
            let count = segment.stripes.len() as u64;
            while at < end.min(segment_end) {
                let inner = at - start;
                // Which stripe, where in it, and how far it goes on there.
                let (stripe, inside, left) = if count == 1 {
                    (0, inner, segment_end - at)
                } else {
                    let (turn, rest) = (inner / segment.stripe_size, inner % segment.stripe_size);
                    let inside = turn / count * segment.stripe_size + rest;
                    ((turn % count) as usize, inside, segment.stripe_size - rest)
                };
                let stripe = segment.stripes[stripe];
                let physical = &self.physical_volumes[stripe.physical_volume];
                let range = Mapped {
                    offset: at,
                    length: left.min(end - at),
                    physical_volume: stripe.physical_volume,
                    physical_offset: physical.data_start + stripe.start * self.extent_size + inside,
                };
                at += range.length;
                match ranges.last_mut() {
                    Some(last)
                        if last.physical_volume == range.physical_volume
                            && last.physical_offset + last.length == range.physical_offset =>
                    {
                        last.length += range.length;
                    }
                    _ => ranges.push(range),
                }
            }
            start = segment_end;
        }
        Ok(ranges)
    }
}

/// A logical volume with extents of its own, through the media of the group's physical volumes.
#[derive(Clone, Copy)]
pub struct LogicalVolumeMedium<'a> {
    group: &'a VolumeGroup,
    volume: &'a LogicalVolume,
    physical_volumes: &'a [&'a dyn Medium],
    size: u64,
}

impl<'a> LogicalVolumeMedium<'a> {
    /// Of a group that [`VolumeGroup::validate`] accepts, and its media in the order of its physical
    /// volumes.
    ///
    /// # Errors
    /// When the volume has no extents of its own, or a medium is missing.
    pub fn new(
        group: &'a VolumeGroup,
        volume: &'a LogicalVolume,
        physical_volumes: &'a [&'a dyn Medium],
    ) -> Result<Self, LvmError> {
        group.map(volume, 0, 0)?;
        if physical_volumes.len() != group.physical_volumes.len() {
            let why = format!(
                "it has {} physical volumes, and {} are given",
                group.physical_volumes.len(),
                physical_volumes.len()
            );
            return Err(LvmError::VolumeGroup { group: group.name.clone(), why });
        }
        Ok(Self { group, volume, physical_volumes, size: group.size_of(volume) })
    }

    fn each(
        &self,
        offset: u64,
        length: usize,
        mut act: impl FnMut(&dyn Medium, u64, std::ops::Range<usize>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        within(self.size, length, offset)?;
        let ranges = self.group.map(self.volume, offset, length as u64);
        for range in ranges.map_err(std::io::Error::other)? {
            let begin = (range.offset - offset) as usize;
            let bytes = begin..begin + range.length as usize;
            act(self.physical_volumes[range.physical_volume], range.physical_offset, bytes)?;
        }
        Ok(())
    }
}

impl Medium for LogicalVolumeMedium<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.each(offset, bytes.len(), |medium, at, range| {
            medium.read_exact_at(&mut bytes[range], at)
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.each(offset, bytes.len(), |medium, at, range| medium.write_all_at(&bytes[range], at))
    }
}
