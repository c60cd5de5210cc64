//! The writer of qcow2 against `qemu-img`: what it makes is checked, compared and converted back.

mod cache;
mod common;
mod failures;
mod large;

use std::os::unix::fs::FileExt as _;

use dibhost_image::Qcow2Compression;
use proptest::prelude::*;

use crate::common::{CLUSTER, Disk, Extent, Kind};

#[test]
fn sizes_and_contents_come_back() {
    let whole = |kind, at, length| (kind, at, length);
    let cases: [(u64, &[Extent]); 9] = [
        (0, &[]),
        (512, &[whole(Kind::Text, 0, 512)]),
        (CLUSTER + 1, &[whole(Kind::Noise, 0, CLUSTER + 1)]),
        (5 * CLUSTER - 512, &[whole(Kind::Text, 4 * CLUSTER, CLUSTER - 512)]),
        (777, &[whole(Kind::Noise, 0, 777)]),
        (10 * CLUSTER, &[]),
        // Data that are zeros: in the file, and in no cluster of the image.
        (10 * CLUSTER, &[whole(Kind::Zeros, 0, 10 * CLUSTER)]),
        (64 * CLUSTER, &[whole(Kind::Noise, 0, 64 * CLUSTER)]),
        (
            400 * CLUSTER,
            &[
                (Kind::Text, 0, 90 * CLUSTER),
                (Kind::Mixed, 100 * CLUSTER + 512, 150 * CLUSTER),
                (Kind::Zeros, 260 * CLUSTER, 40 * CLUSTER),
                (Kind::Noise, 399 * CLUSTER + 4096, 100),
            ],
        ),
    ];
    for (size, extents) in cases {
        for compression in Qcow2Compression::ALL {
            let disk = Disk::new(size, extents);
            let written = disk.write(compression, 2).unwrap();
            assert_eq!(written.virtual_size, size.next_multiple_of(512));
            disk.holds(compression, &format!("{size} {extents:?} {compression}"));
        }
    }
}

#[test]
fn zeros_and_holes_have_no_cluster() {
    let disk = Disk::new(1 << 30, &[(Kind::Zeros, 0, 64 * CLUSTER), (Kind::Text, 1 << 29, 1)]);
    let written = disk.write(Qcow2Compression::Zstd, 2).unwrap();
    assert_eq!((written.packed, written.plain), (1, 0));
    // Header, data, L2, L1, refcount block, refcount table.
    assert_eq!(written.bytes, 6 * CLUSTER);
}

#[test]
fn what_does_not_become_smaller_is_stored_plain() {
    let disk = Disk::new(64 * CLUSTER, &[(Kind::Mixed, 0, 64 * CLUSTER)]);
    for compression in Qcow2Compression::ALL {
        let written = disk.write(compression, 2).unwrap();
        assert_eq!(written.packed + written.plain, 64);
        assert_eq!(written.packed == 0, compression == Qcow2Compression::None);
        assert!(written.plain >= 16, "{compression}: {written:?}");
        disk.holds(compression, compression.name());
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let extents = [(Kind::Mixed, 0, 90 * CLUSTER), (Kind::Text, 120 * CLUSTER, 60 * CLUSTER)];
    let disk = Disk::new(200 * CLUSTER, &extents);
    for compression in Qcow2Compression::ALL {
        let of = |threads| {
            disk.write(compression, threads).unwrap();
            disk.qcow2_bytes()
        };
        let first = of(1);
        for threads in [0, 2, 8, 8, 8] {
            assert!(of(threads) == first, "{compression} with {threads} threads");
        }
    }
}

/// Whatever was there before is gone, and a disk that is longer than it is to be is cut.
#[test]
fn a_file_is_replaced_and_a_longer_disk_is_cut() {
    let disk = Disk::new(200 * CLUSTER, &[(Kind::Text, 0, 200 * CLUSTER)]);
    disk.write(Qcow2Compression::None, 2).unwrap();
    disk.write_first(100 * CLUSTER + 512, Qcow2Compression::Zlib).unwrap();
    disk.raw().set_len(100 * CLUSTER + 512).unwrap();
    disk.holds(Qcow2Compression::Zlib, "cut");
    // And one that is shorter has zeros after it.
    disk.write_first(300 * CLUSTER, Qcow2Compression::Zlib).unwrap();
    disk.raw().set_len(300 * CLUSTER).unwrap();
    disk.holds(Qcow2Compression::Zlib, "longer");
}

fn extents() -> impl Strategy<Value = Vec<Extent>> {
    let kind =
        prop_oneof![Just(Kind::Zeros), Just(Kind::Text), Just(Kind::Noise), Just(Kind::Mixed)];
    // Two L2 tables' worth, with some extents at the border of them.
    let at = prop_oneof![0..64 * CLUSTER, (8192 - 8) * CLUSTER..(8192 + 8) * CLUSTER];
    prop::collection::vec((kind, at, 1..20 * CLUSTER), 0..8)
}

proptest! {
    // Each starts qemu-img three times.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_extents_come_back(
        extents in extents(),
        extra in 0..3 * CLUSTER,
        compression in prop::sample::select(&Qcow2Compression::ALL),
        threads in 1..4usize,
    ) {
        let disk = Disk::new((8192 + 40) * CLUSTER + extra, &extents);
        disk.write(compression, threads).unwrap();
        disk.holds(compression, &format!("{extents:?}"));
        let mut first = [0; 4];
        disk.qcow2().read_exact_at(&mut first, 0).unwrap();
        prop_assert_eq!(&first, b"QFI\xfb");
    }
}
