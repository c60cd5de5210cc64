//! Disks of many TiB, of which little is written.

use std::os::unix::fs::FileExt as _;

use dibhost_image::Qcow2Compression;

use crate::common::{CLUSTER, Disk, Kind};

const TIB: u64 = 1 << 40;

#[test]
fn five_tebibytes_with_clusters_at_the_ends() {
    // Less one sector, so that the last cluster is not whole.
    let size = 5 * TIB - 512;
    let extents = [
        (Kind::Mixed, 0, 10 * CLUSTER),
        (Kind::Text, TIB, 3 * CLUSTER),
        (Kind::Mixed, 3 * TIB - 2 * CLUSTER, 5 * CLUSTER),
        (Kind::Noise, size - 3 * CLUSTER, 3 * CLUSTER),
    ];
    let disk = Disk::new(size, &extents);
    for compression in Qcow2Compression::ALL {
        let written = disk.write(compression, 2).unwrap();
        assert!(written.bytes < 64 * CLUSTER, "{written:?}");
        let said = disk.check(compression.name());
        assert_eq!(said["allocated-clusters"], written.packed + written.plain);
        let map = disk.qemu_img(&["map", "-f", "qcow2", "--output=json", "x.qcow2"]);
        let map: serde_json::Value = serde_json::from_str(&map).unwrap();
        let end =
            map.as_array().unwrap().iter().map(|extent| {
                extent["start"].as_u64().unwrap() + extent["length"].as_u64().unwrap()
            });
        assert_eq!(end.max(), Some(size));
        // Reading it all takes qemu-img minutes: what has data is read.
        for (_, at, length) in extents {
            let json = |file: &str, driver: &str| {
                format!(
                    "json:{{\"driver\":\"raw\",\"offset\":{at},\"size\":{},\"file\":{{\
                     \"driver\":\"{driver}\",\"file\":{{\"driver\":\"file\",\"filename\":\"{file}\"}}}}}}",
                    length.next_multiple_of(512)
                )
            };
            let (qcow2, raw) = (json("x.qcow2", "qcow2"), json("x.raw", "raw"));
            disk.qemu_img(&["compare", &raw, &qcow2]);
        }
    }
}

/// Thousands of compressed clusters in one host cluster, and several L2 tables.
#[test]
fn clusters_that_become_tiny() {
    let size = (8192 + 512) * CLUSTER;
    let disk = Disk::new(size, &[]);
    let raw = disk.raw();
    let mut bytes = vec![0; 512];
    for cluster in 0..size / CLUSTER {
        bytes[..8].copy_from_slice(&cluster.to_be_bytes());
        bytes[8] = 1;
        raw.write_all_at(&bytes, cluster * CLUSTER).unwrap();
    }
    let zstd = Qcow2Compression::Zstd;
    let written = disk.write(zstd, 2).unwrap();
    assert_eq!(written.packed, size / CLUSTER);
    disk.holds(zstd, "tiny");
}
