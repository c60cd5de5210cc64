//! Where the partitions of a GPT lie: arithmetic alone.

use dibhost_volumes::Extent;

use super::ground::{Ground, NoPlace};
use crate::node::Size;

/// What a partition asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) size: Size,
    /// Bytes that what is in it needs; none: nobody knows.
    pub(crate) content: Option<u64>,
}

/// 128 entries of 128 bytes.
const ENTRIES: u64 = 128 * 128;

impl Ground {
    /// Before the first partition: the protective MBR, the header, the entries.
    fn head(&self) -> u64 {
        (2 * self.sector + ENTRIES + self.ahead).next_multiple_of(self.alignment)
    }

    /// After the last: the entries and the header once more.
    fn tail(&self) -> u64 {
        self.sector + ENTRIES.next_multiple_of(self.sector)
    }

    /// The byte before which partitions end.
    fn end(&self) -> Option<u64> {
        self.disk.map(|disk| disk.saturating_sub(self.tail()))
    }

    /// Bytes partitions can share, whole steps of the alignment.
    fn usable(&self) -> Option<u64> {
        let whole = |end: u64| end - end % self.alignment;
        self.end().map(|end| whole(end).saturating_sub(self.head()))
    }
}

/// Places partitions one after the other, in their order, and says how large the disk is.
pub(crate) fn place(ground: &Ground, requests: &[Request]) -> Result<(Vec<Extent>, u64), NoPlace> {
    let step = ground.alignment;
    let rounded = |index, size: u64, to: u64| {
        let size = size.checked_next_multiple_of(to).filter(|size| *size < 1 << 62);
        size.ok_or_else(|| NoPlace::too_large(index))
    };
    let mut sizes: Vec<Option<u64>> = Vec::new();
    let mut taken = 0u64;
    for (index, request) in requests.iter().enumerate() {
        let of = |whole: u64, share: u32| {
            let part = u128::from(whole) * u128::from(share) / 1_000_000;
            let part = u64::try_from(part).unwrap_or(u64::MAX);
            part - part % step
        };
        let no_whole = || NoPlace::share_of_unknown(index);
        let no_content = || NoPlace::unknown_content(index);
        let size = match request.size {
            Size::Bytes(bytes) => Some(rounded(index, bytes, ground.sector)?),
            Size::Content(_) => {
                Some(rounded(index, request.content.ok_or_else(no_content)?, step)?)
            }
            Size::Share(share) => Some(of(ground.usable().ok_or_else(no_whole)?, share)),
            Size::ShareOfRest(share) => {
                let usable = ground.usable().ok_or_else(no_whole)?;
                Some(of(usable.saturating_sub(taken), share))
            }
            Size::Rest if ground.disk.is_none() => {
                Some(rounded(index, request.content.ok_or_else(no_content)?, step)?)
            }
            Size::Rest => None,
        };
        taken = taken
            .checked_add(rounded(index, size.unwrap_or_default(), step)?)
            .ok_or_else(|| NoPlace::too_large(index))?;
        sizes.push(size);
    }
    let rest = ground.usable().unwrap_or_default().saturating_sub(taken);
    let mut cursor = ground.head();
    let mut extents = Vec::new();
    for (index, size) in sizes.into_iter().enumerate() {
        let size = size.unwrap_or(rest);
        let extent = Extent { offset: cursor, size };
        let end = ground.end().unwrap_or(u64::MAX);
        if size == 0 || extent.end() > end {
            let left = end.saturating_sub(cursor);
            return Err(NoPlace::too_little(index, requests[index].size, size, left));
        }
        extents.push(extent);
        cursor = rounded(index, extent.end(), step)?;
    }
    let disk = match ground.disk {
        Some(disk) => disk,
        None => (cursor + ground.tail()).next_multiple_of(step),
    };
    Ok((extents, disk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;
    const SMALL: Ground = Ground { disk: None, sector: 512, alignment: MIB, ahead: 0 };

    fn bytes(size: u64) -> Request {
        Request { size: Size::Bytes(size), content: None }
    }

    fn rest(content: u64) -> Request {
        Request { size: Size::Rest, content: Some(content) }
    }

    #[test]
    fn dibs_efi_layout() {
        let ground = Ground { disk: Some(1024 * MIB), ..SMALL };
        let share = Request { size: Size::ShareOfRest(1_000_000), content: None };
        let (extents, size) = place(&ground, &[bytes(8 * MIB), bytes(8 * MIB), share]).unwrap();
        let mib: Vec<_> = extents.iter().map(|e| (e.offset / MIB, e.size / MIB)).collect();
        assert_eq!((mib, size), (vec![(1, 8), (9, 8), (17, 1006)], 1024 * MIB));
    }

    #[test]
    fn the_rest_is_what_all_others_leave() {
        let ground = Ground { disk: Some(100 * MIB), ..SMALL };
        let (extents, _) = place(&ground, &[rest(0), bytes(10 * MIB)]).unwrap();
        assert_eq!(extents[0].size, 88 * MIB);
        assert_eq!(extents[1], Extent { offset: 89 * MIB, size: 10 * MIB });
    }

    #[test]
    fn without_a_size_the_rest_is_its_content() {
        let (extents, size) = place(&SMALL, &[bytes(MIB), rest(5 * MIB + 1)]).unwrap();
        assert_eq!((extents[1].size, size), (6 * MIB, 9 * MIB));
    }

    #[test]
    fn what_has_no_place_is_said() {
        let ground = Ground { disk: Some(10 * MIB), ..SMALL };
        let refused = place(&ground, &[bytes(5 * MIB), bytes(5 * MIB)]).unwrap_err();
        assert_eq!(refused.index, 1);
        let share = Request { size: Size::Share(500_000), content: None };
        assert!(place(&SMALL, &[share]).unwrap_err().help.contains("give the disk a size"));
        let content = Request { size: Size::Content(0), content: None };
        assert!(place(&SMALL, &[content]).is_err());
        assert!(place(&SMALL, &[bytes(u64::MAX)]).is_err());
        assert!(place(&ground, &[bytes(9 * MIB), rest(0)]).is_err());
    }

    fn request() -> impl Strategy<Value = Request> {
        let size = prop_oneof![
            (1u64..1 << 34).prop_map(Size::Bytes),
            (1u32..=1_000_000).prop_map(Size::Share),
            (1u32..=1_000_000).prop_map(Size::ShareOfRest),
            Just(Size::Rest),
            Just(Size::Content(0)),
        ];
        (size, proptest::option::of(1u64..1 << 34))
            .prop_map(|(size, content)| Request { size, content })
    }

    proptest! {
        #[test]
        fn partitions_lie_apart_within_and_aligned(
            requests in proptest::collection::vec(request(), 0..20),
            disk in proptest::option::of(1u64..1 << 40),
            large in any::<bool>(),
            power in 12u32..24,
            ahead in 0u64..1 << 20,
        ) {
            let sector = if large { 4096 } else { 512 };
            let disk = disk.map(|disk| disk.next_multiple_of(sector));
            let ground = Ground { disk, sector, alignment: 1 << power, ahead };
            // One of them takes the rest, as the graph sees to.
            let mut seen = false;
            let requests: Vec<_> = requests
                .into_iter()
                .filter(|r| r.size != Size::Rest || !std::mem::replace(&mut seen, true))
                .collect();
            if let Ok((extents, size)) = place(&ground, &requests) {
                prop_assert_eq!(extents.len(), requests.len());
                prop_assert_eq!(size % sector, 0);
                let mut last = 2 * sector + ENTRIES + ahead;
                for (extent, request) in extents.iter().zip(&requests) {
                    prop_assert!(extent.offset >= last && extent.offset % ground.alignment == 0);
                    prop_assert!(extent.size > 0 && extent.size % sector == 0);
                    if let Size::Bytes(bytes) = request.size {
                        prop_assert!(extent.size >= bytes && extent.size - bytes < sector);
                    }
                    last = extent.end();
                }
                prop_assert!(last + ENTRIES + sector <= size);
            }
        }
    }
}
