//! Whatever is asked for is allocated without overlap and in bounds, written and read back equal; or
//! there truly is no room for it.

use dibhost_volumes::FileMedium;
use dibhost_volumes::lvm::{
    DATA_START, LogicalVolumeKind, LogicalVolumeRequest, LvmError, LvmId, PhysicalVolumeRequest,
    RequestKind, VolumeGroupRequest, read, round, write,
};
use proptest::prelude::*;

const EXTENT: u64 = 1 << 20;

fn id(kind: u8, number: usize) -> LvmId {
    LvmId::derived(&[kind, number as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn kind() -> impl Strategy<Value = RequestKind> {
    let size = 1..12 * EXTENT;
    prop_oneof![
        size.clone().prop_map(|size| RequestKind::Linear { size }),
        (size.clone(), 2_usize..5, 12_u32..21).prop_map(|(size, stripes, shift)| {
            RequestKind::Striped { size, stripes, stripe_size: 1 << shift }
        }),
        size.clone().prop_map(|size| RequestKind::ThinPool {
            size,
            metadata_size: None,
            chunk_size: None,
            stripes: 1
        }),
        size.prop_map(|size| RequestKind::Thin { pool: "lv0".to_owned(), size }),
    ]
}

fn request(extents: &[u64], kinds: Vec<RequestKind>) -> VolumeGroupRequest {
    let physical = |(index, extents): (usize, &u64)| PhysicalVolumeRequest {
        id: id(1, index),
        size: DATA_START + extents * EXTENT + 77,
    };
    let volume =
        |(index, kind)| LogicalVolumeRequest { name: format!("lv{index}"), id: id(2, index), kind };
    VolumeGroupRequest {
        name: "vg".to_owned(),
        id: id(0, 0),
        extent_size: EXTENT,
        time: 7,
        data_start: 1 << 20,
        physical_volumes: extents.iter().enumerate().map(physical).collect(),
        logical_volumes: kinds.into_iter().enumerate().map(volume).collect(),
    }
}

/// How many rows of one extent of each of `stripes` physical volumes there are: always from those with
/// the most left, which nothing beats.
fn rows(mut free: Vec<u64>, stripes: usize) -> u64 {
    let mut rows = 0;
    loop {
        free.sort_unstable_by(|a, b| b.cmp(a));
        if free.len() < stripes || free[stripes - 1] == 0 {
            return rows;
        }
        free[..stripes].iter_mut().for_each(|free| *free -= 1);
        rows += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_extent_is_given_twice_and_what_is_written_is_read(
        extents in prop::collection::vec(1_u64..40, 1..6),
        kinds in prop::collection::vec(kind(), 0..8),
        cut in 0_u64..=100,
    ) {
        let request = request(&extents, kinds);
        let Ok(group) = request.allocate() else { return Ok(()) };
        prop_assert_eq!(&request.allocate().unwrap(), &group);
        let mut taken = Vec::new();
        for volume in &group.logical_volumes {
            let size = group.size_of(volume);
            if !matches!(volume.kind, LogicalVolumeKind::Extents(_)) {
                continue;
            }
            let whole = group.map(volume, 0, size).unwrap();
            let at = size * cut / 100;
            let parts = [group.map(volume, 0, at).unwrap(), group.map(volume, at, size - at).unwrap()];
            let bytes = |ranges: &[dibhost_volumes::lvm::Mapped]| {
                let mut next = ranges.first().map_or(0, |range| range.offset);
                for range in ranges {
                    assert_eq!(range.offset, next, "a gap");
                    next += range.length;
                }
                ranges.iter().map(|range| range.length).sum::<u64>()
            };
            prop_assert_eq!(bytes(&whole), size);
            prop_assert_eq!(bytes(&parts.concat()), size);
            // A part of a range lies where the whole one says.
            for part in parts.concat() {
                let around = whole.iter().find(|w| {
                    w.offset <= part.offset && part.offset + part.length <= w.offset + w.length
                }).unwrap();
                prop_assert_eq!(around.physical_volume, part.physical_volume);
                prop_assert_eq!(
                    around.physical_offset + (part.offset - around.offset), part.physical_offset);
            }
            taken.extend(whole.iter().map(|r| (r.physical_volume, r.physical_offset, r.length)));
        }
        taken.sort_unstable();
        for pair in taken.windows(2) {
            prop_assert!(pair[0].0 != pair[1].0 || pair[0].1 + pair[0].2 <= pair[1].1, "{:?}", pair);
        }
        for (physical, offset, length) in taken {
            prop_assert!(offset >= DATA_START);
            prop_assert!(offset + length <= DATA_START + extents[physical] * EXTENT);
        }
        for wanted in &request.logical_volumes {
            let size = group.size_of(group.logical_volume(&wanted.name).unwrap());
            match wanted.kind {
                RequestKind::Striped { size: wanted, stripes, .. } => {
                    prop_assert_eq!(size, round(wanted, EXTENT * stripes as u64));
                }
                RequestKind::Linear { size: wanted }
                | RequestKind::ThinPool { size: wanted, .. }
                | RequestKind::Thin { size: wanted, .. } => {
                    prop_assert_eq!(size, round(wanted, EXTENT));
                }
            }
        }
        for (index, physical) in request.physical_volumes.iter().enumerate() {
            let file = tempfile::tempfile().unwrap();
            file.set_len(physical.size).unwrap();
            let medium = FileMedium::whole(&file).unwrap();
            write(&group, index, &medium).unwrap();
            let label = read(&medium).unwrap().unwrap();
            prop_assert_eq!(label.volume_group, Some((group.clone(), index)));
        }
    }

    #[test]
    fn stripes_that_are_refused_have_no_room(
        extents in prop::collection::vec(1_u64..12, 2..7),
        stripes in 2_usize..6,
        wanted in 1_u64..20,
    ) {
        prop_assume!(stripes <= extents.len());
        let size = wanted * stripes as u64 * EXTENT;
        let kind = RequestKind::Striped { size, stripes, stripe_size: 64 << 10 };
        let allocated = request(&extents, vec![kind]).allocate();
        let room = rows(extents.clone(), stripes) >= wanted;
        match allocated {
            Ok(group) => {
                prop_assert!(room);
                let LogicalVolumeKind::Extents(segments) = &group.logical_volumes[0].kind else {
                    panic!()
                };
                prop_assert!(segments.len() <= extents.len() + 1);
                for segment in segments {
                    let mut on: Vec<_> = segment.stripes.iter().map(|s| s.physical_volume).collect();
                    on.sort_unstable();
                    on.dedup();
                    prop_assert_eq!(on.len(), stripes, "two stripes on one physical volume");
                }
            }
            Err(LvmError::Space { volume, missing, .. }) => {
                prop_assert!(!room);
                prop_assert_eq!((volume.as_str(), missing > 0), ("lv0", true));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
