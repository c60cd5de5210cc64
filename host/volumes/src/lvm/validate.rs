//! What must hold of a volume group, whether it was allocated here, made by hand or read.

use std::collections::BTreeMap;

use super::error::LvmError;
use super::group::{LogicalVolume, LogicalVolumeKind, SECTOR, VolumeGroup};
use super::id::LvmId;
use super::name::well_formed;

/// lvm's step of the extent sizes that are no power of two, bytes.
const EXTENT_STEP: u64 = 128 << 10;

/// Whether lvm takes extents of this size.
pub(super) fn check_extent_size(group: &str, size: u64) -> Result<(), LvmError> {
    let step = size.is_power_of_two() || size.is_multiple_of(EXTENT_STEP);
    // Extents of less than a sector of a 4096 byte disk would tear its sectors.
    if size >= 4096 && step && size / SECTOR <= u64::from(u32::MAX) {
        return Ok(());
    }
    let group = group.to_owned();
    let why = format!(
        "an extent size of {size} bytes is neither a power of two from 4096 on nor a multiple of 128 KiB"
    );
    Err(LvmError::VolumeGroup { group, why })
}

impl VolumeGroup {
    /// Checks that names and identifiers are used once, that every extent exists and belongs to one
    /// logical volume at most, and that pools are what thin volumes take them for.
    ///
    /// # Errors
    /// Names the first that is wrong.
    pub fn validate(&self) -> Result<(), LvmError> {
        let name = |what, name: &str| {
            let error = |why| LvmError::Name { what, name: name.to_owned(), why };
            well_formed(name).map_err(error)
        };
        name("volume group", &self.name)?;
        check_extent_size(&self.name, self.extent_size)?;
        self.check_physical_volumes()?;
        let mut by_name = BTreeMap::new();
        let mut ids: Vec<LvmId> = Vec::new();
        for volume in &self.logical_volumes {
            name("logical volume", &volume.name)?;
            if by_name.insert(volume.name.as_str(), volume).is_some() {
                return Err(self.wrong(volume, "there are two of this name".to_owned()));
            }
            ids.push(volume.id);
        }
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            let why = format!("two logical volumes have the identifier {}", twice[0]);
            return Err(LvmError::VolumeGroup { group: self.name.clone(), why });
        }
        let mut taken: Vec<(usize, u64, u64, &LogicalVolume)> = Vec::new();
        for volume in &self.logical_volumes {
            self.check_logical_volume(volume, &by_name, &mut taken)?;
        }
        taken.sort_unstable_by_key(|(physical, start, ..)| (*physical, *start));
        for pair in taken.windows(2) {
            let ((physical, _, end, first), (other, start, _, second)) = (&pair[0], &pair[1]);
            if physical == other && start < end {
                let why = format!(
                    "extent {start} of `{}` belongs to `{}` too",
                    self.physical_volumes[*physical].name, first.name
                );
                return Err(self.wrong(second, why));
            }
        }
        Ok(())
    }

    fn wrong(&self, volume: &LogicalVolume, why: String) -> LvmError {
        LvmError::LogicalVolume { group: self.name.clone(), volume: volume.name.clone(), why }
    }

    fn check_physical_volumes(&self) -> Result<(), LvmError> {
        if self.physical_volumes.is_empty() {
            let why = "it has no physical volume".to_owned();
            return Err(LvmError::VolumeGroup { group: self.name.clone(), why });
        }
        let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for (index, volume) in self.physical_volumes.iter().enumerate() {
            let wrong = |why: String| {
                Err(LvmError::PhysicalVolume { group: self.name.clone(), index, why })
            };
            if let Err(why) = well_formed(&volume.name) {
                return wrong(format!("its name is wrong: {why}"));
            }
            if names.insert(&volume.name, index).is_some() {
                return wrong(format!("two are called `{}`", volume.name));
            }
            if let Some(other) = ids.insert(volume.id, index) {
                return wrong(format!("it has the identifier of physical volume {other}"));
            }
            let end = volume.extents.checked_mul(self.extent_size);
            let end = end.and_then(|length| length.checked_add(volume.data_start));
            if volume.extents > u64::from(u32::MAX) || end.is_none_or(|end| end > volume.size) {
                return wrong(format!(
                    "{} extents from byte {} on do not fit into its {} bytes",
                    volume.extents, volume.data_start, volume.size
                ));
            }
        }
        Ok(())
    }

    fn check_logical_volume<'a>(
        &'a self,
        volume: &'a LogicalVolume,
        by_name: &BTreeMap<&str, &LogicalVolume>,
        taken: &mut Vec<(usize, u64, u64, &'a LogicalVolume)>,
    ) -> Result<(), LvmError> {
        let wrong = |why: String| Err(self.wrong(volume, why));
        let most = u64::from(u32::MAX);
        match &volume.kind {
            LogicalVolumeKind::Extents(segments) => {
                if segments.is_empty() {
                    return wrong("it has no segment".to_owned());
                }
                let mut total = 0_u64;
                for segment in segments {
                    let count = segment.stripes.len() as u64;
                    if count == 0 || count > 128 || segment.extents == 0 || segment.extents > most {
                        let extents = segment.extents;
                        return wrong(format!("{extents} extents in {count} stripes cannot be"));
                    }
                    if !segment.extents.is_multiple_of(count) {
                        let extents = segment.extents;
                        return wrong(format!("{extents} extents are no {count} equal stripes"));
                    }
                    let size = segment.stripe_size;
                    if count > 1
                        && (size == 0
                            || size > self.extent_size
                            || !size.is_multiple_of(SECTOR)
                            || !self.extent_size.is_multiple_of(size))
                    {
                        return wrong(format!("an extent is no number of stripes of {size} bytes"));
                    }
                    total += segment.extents;
                    for stripe in &segment.stripes {
                        let end = stripe.start.checked_add(segment.extents / count);
                        match (self.physical_volumes.get(stripe.physical_volume), end) {
                            (Some(physical), Some(end)) if end <= physical.extents => {
                                taken.push((stripe.physical_volume, stripe.start, end, volume));
                            }
                            (Some(physical), _) => {
                                return wrong(format!(
                                    "it lies beyond the {} extents of `{}`",
                                    physical.extents, physical.name
                                ));
                            }
                            (None, _) => {
                                let index = stripe.physical_volume;
                                return wrong(format!("there is no physical volume {index}"));
                            }
                        }
                    }
                }
                if total > most || total.checked_mul(self.extent_size).is_none() {
                    return wrong("it has more extents than lvm can count".to_owned());
                }
            }
            LogicalVolumeKind::ThinPool { metadata, data, chunk_size, .. } => {
                for part in [metadata, data] {
                    let found = by_name.get(part.as_str()).map(|part| &part.kind);
                    match found {
                        Some(LogicalVolumeKind::Extents(_) | LogicalVolumeKind::Other { .. }) => {}
                        _ => return wrong(format!("its part `{part}` has no extents")),
                    }
                }
                if metadata == data {
                    return wrong("its data and its metadata are one volume".to_owned());
                }
                let size = *chunk_size;
                if size == 0 || !size.is_multiple_of(64 << 10) || size > 1 << 30 {
                    return wrong(format!("its chunks cannot have {size} bytes"));
                }
            }
            LogicalVolumeKind::Thin { pool, size, .. } => {
                let found = by_name.get(pool.as_str()).map(|pool| &pool.kind);
                if !matches!(found, Some(LogicalVolumeKind::ThinPool { .. })) {
                    return wrong(format!("`{pool}` is no thin pool"));
                }
                if *size == 0
                    || !size.is_multiple_of(self.extent_size)
                    || size / self.extent_size > most
                {
                    return wrong(format!("{size} bytes are no number of extents"));
                }
            }
            LogicalVolumeKind::Other { extents, .. } => {
                if *extents > most || extents.checked_mul(self.extent_size).is_none() {
                    return wrong("it has more extents than lvm can count".to_owned());
                }
            }
        }
        Ok(())
    }
}
