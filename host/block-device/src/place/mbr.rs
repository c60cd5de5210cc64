//! Where the partitions of an MBR lie: arithmetic alone.

use dibhost_text::rounded_size;
use dibhost_volumes::Extent;
use dibhost_volumes::mbr::{ENTRIES, Extended, FIRST_LOGICAL, reach};

use super::ground::{Ground, NoPlace};
use crate::node::Size;

/// What a partition asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// How large.
    pub size: Size,
    /// Bytes that what is in it needs; none: nobody knows.
    pub content: Option<u64>,
    /// In the extended partition.
    pub logical: bool,
}

/// A partition that has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedPartition {
    /// 1 to 4, or from 5 on for a logical one.
    pub number: u32,
    /// Where it lies.
    pub extent: Extent,
    /// Bytes from the start of the disk to its EBR, of a logical one.
    pub ebr: Option<u64>,
}

/// Partitions that have their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// In the order they were asked for.
    pub partitions: Vec<PlacedPartition>,
    /// What holds the logical ones: the rest of the disk.
    pub extended: Option<Extended>,
    /// Bytes.
    pub disk: u64,
}

/// Places partitions one after the other, in their order, and says how large the disk is.
///
/// A share of the rest is of what DIB calls free: the disk without what is taken and without one
/// more step of the alignment, in which a logical partition's record would lie.
///
/// # Errors
/// With the first partition that has no place.
pub fn place(ground: &Ground, requests: &[Request]) -> Result<Placed, NoPlace> {
    order(requests)?;
    let (sector, step) = (ground.sector, ground.alignment);
    let whole = ground.disk.map(|disk| disk - disk % sector);
    let head = rounded(0, sector.saturating_add(ground.ahead), step)?;
    let usable = whole.map(|disk| (disk - disk % step).saturating_sub(head));
    let share = |of: u64, millionths: u32| {
        let part = u128::from(of) * u128::from(millionths) / 1_000_000;
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        part - part % sector
    };

    let mut sizes: Vec<Option<u64>> = Vec::new();
    let mut taken = 0u64;
    for (index, request) in requests.iter().enumerate() {
        let no_whole = || NoPlace::share_of_unknown(index);
        let content = || request.content.ok_or_else(|| NoPlace::unknown_content(index));
        let size = match request.size {
            Size::Bytes(bytes) => Some(rounded(index, bytes, sector)?),
            Size::Content(_) => Some(rounded(index, content()?, step)?),
            Size::Share(millionths) => Some(share(usable.ok_or_else(no_whole)?, millionths)),
            Size::ShareOfRest(millionths) => {
                let next = head.saturating_add(taken).saturating_add(step);
                Some(share(whole.ok_or_else(no_whole)?.saturating_sub(next), millionths))
            }
            Size::Rest if whole.is_none() => Some(rounded(index, content()?, step)?),
            Size::Rest => None,
        };
        let record = if request.logical { step } else { 0 };
        taken = rounded(index, size.unwrap_or_default(), step)?
            .checked_add(record)
            .and_then(|slot| taken.checked_add(slot))
            .ok_or_else(|| NoPlace::too_large(index))?;
        sizes.push(size);
    }

    let rest = usable.unwrap_or_default().saturating_sub(taken);
    let end = whole.unwrap_or(u64::MAX);
    let mut cursor = head;
    let mut partitions = Vec::new();
    let mut start_of_extended = None;
    let (mut primaries, mut next_logical) = (0, FIRST_LOGICAL);
    for (index, (request, size)) in requests.iter().zip(sizes).enumerate() {
        let size = size.unwrap_or(rest);
        let ebr = request.logical.then_some(cursor);
        let number = if request.logical {
            start_of_extended.get_or_insert(cursor);
            next_logical += 1;
            next_logical - 1
        } else {
            primaries += 1;
            primaries
        };
        let extent = Extent { offset: cursor + if request.logical { step } else { 0 }, size };
        if size == 0 || extent.end() > end {
            let left = end.saturating_sub(extent.offset);
            return Err(NoPlace::too_little(index, request.size, size, left));
        }
        if extent.end() > reach(sector) {
            let most = rounded_size(reach(sector));
            let problem = format!("it would end beyond {most}, which is as far as an MBR reaches");
            let help = "use a GPT, or make the partitions smaller";
            return Err(NoPlace { index, problem, help });
        }
        partitions.push(PlacedPartition { number, extent, ebr });
        cursor = rounded(index, extent.end(), step)?;
    }
    let disk = match ground.disk {
        Some(disk) => disk,
        None => cursor.next_multiple_of(step),
    };
    let last = (disk - disk % sector).min(reach(sector));
    let extended = start_of_extended.map(|offset| Extended {
        number: primaries + 1,
        extent: Extent { offset, size: last - offset },
    });
    Ok(Placed { partitions, extended, disk })
}

fn rounded(index: usize, size: u64, to: u64) -> Result<u64, NoPlace> {
    let size = size.checked_next_multiple_of(to).filter(|size| *size < 1 << 62);
    size.ok_or_else(|| NoPlace::too_large(index))
}

/// Checks that there are entries for all, and the primary partitions first.
fn order(requests: &[Request]) -> Result<(), NoPlace> {
    let first_logical = requests.iter().position(|request| request.logical);
    if let Some(first) = first_logical
        && let Some(later) = requests[first..].iter().position(|request| !request.logical)
    {
        return Err(NoPlace {
            index: first + later,
            problem: "it is a primary partition and comes after a logical one".to_owned(),
            help: "write all primary partitions first",
        });
    }
    let primaries = first_logical.unwrap_or(requests.len());
    let help = "make partitions logical, or use a GPT";
    if primaries > ENTRIES {
        let problem = "it is a fifth primary partition, and an MBR has four entries".to_owned();
        return Err(NoPlace { index: ENTRIES, problem, help });
    }
    if let Some(index) = first_logical
        && primaries == ENTRIES
    {
        let problem = "it is a logical partition, and four primary ones leave no entry for the \
                       extended partition that would hold it";
        return Err(NoPlace { index, problem: problem.to_owned(), help });
    }
    Ok(())
}
