//! What one build compressed and the next knows.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use dibhost_image::Qcow2Compression;
use dibhost_image::qcow2::{ClusterCache, Clusters, Written};

use crate::common::{CLUSTER, Disk, Kind, bytes};

const ZSTD: Qcow2Compression = Qcow2Compression::Zstd;
const MOST: u64 = 64 << 20;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    folder
}

fn open(folder: &Path, most: u64) -> ClusterCache {
    ClusterCache::open(folder, ZSTD, most).unwrap().unwrap()
}

/// Writes an image with what is known in the folder.
fn write(disk: &Disk, compression: Qcow2Compression, folder: &Path, most: u64) -> Written {
    let mut cache = ClusterCache::open(folder, compression, most).unwrap().unwrap();
    disk.write_with(compression, 2, Some(&mut cache)).unwrap()
}

fn mixed() -> Disk {
    Disk::new(100 * CLUSTER, &[(Kind::Mixed, 0, 100 * CLUSTER)])
}

#[test]
fn the_second_image_has_the_same_bytes_and_compresses_nothing() {
    for compression in [ZSTD, Qcow2Compression::Zlib] {
        let (disk, cache) = (mixed(), folder());
        disk.write(compression, 2).unwrap();
        let without = disk.qcow2_bytes();
        let first = write(&disk, compression, cache.path(), MOST);
        assert_eq!(first.known, 0);
        assert!(disk.qcow2_bytes() == without);
        let second = write(&disk, compression, cache.path(), MOST);
        assert_eq!((second.known, second.plain), (100, first.plain));
        assert!(disk.qcow2_bytes() == without);
        // Another disk with a part of those clusters in another place.
        disk.raw().write_all_at(&bytes(Kind::Mixed, 0, 50 * CLUSTER), 50 * CLUSTER).unwrap();
        disk.raw().write_all_at(&bytes(Kind::Text, 0, CLUSTER), 0).unwrap();
        assert_eq!(write(&disk, compression, cache.path(), MOST).known, 99);
        disk.holds(compression, compression.name());
    }
}

/// Every byte of both files in turn would take too long: some of everywhere.
#[test]
fn what_is_damaged_is_compressed_anew() {
    let disk = Disk::new(24 * CLUSTER, &[(Kind::Mixed, 0, 24 * CLUSTER)]);
    let cache = folder();
    write(&disk, ZSTD, cache.path(), MOST);
    let whole = disk.qcow2_bytes();
    let names = ["zstd.pack", "zstd.index"];
    let kept = names.map(|name| fs::read(cache.path().join(name)).unwrap());
    let again = |index: usize, damaged: &[u8]| {
        for (name, kept) in names.iter().zip(&kept) {
            fs::write(cache.path().join(name), kept).unwrap();
        }
        fs::write(cache.path().join(names[index]), damaged).unwrap();
        let known = write(&disk, ZSTD, cache.path(), MOST).known;
        assert!(disk.qcow2_bytes() == whole, "{}", names[index]);
        // What was not is known now.
        assert_eq!(write(&disk, ZSTD, cache.path(), MOST).known, 24, "{}", names[index]);
        assert!(disk.qcow2_bytes() == whole, "{}", names[index]);
        known
    };
    for (index, kept) in kept.iter().enumerate() {
        assert_eq!(again(index, kept), 24);
        for at in (0..kept.len()).step_by(kept.len() / 9) {
            let mut damaged = kept.clone();
            damaged[at] ^= 1;
            // One cluster, but all of them by the index's header.
            let known = if index == 1 && at < 40 { 0 } else { 23 };
            assert_eq!(again(index, &damaged), known, "{} at {at}", names[index]);
        }
        // Torn, emptied, and of something else.
        let torn = again(index, &kept[..kept.len() - 5]);
        assert!((22..24).contains(&torn), "{} torn: {torn}", names[index]);
        assert!(again(index, &kept[..kept.len() / 2 + 1]) < 24);
        for other in [&kept[..3], b"", &[7; 5000]] {
            assert!(again(index, other) < 24);
        }
    }
}

#[test]
fn one_build_at_a_time_has_it() {
    let cache = folder();
    let held = open(cache.path(), MOST);
    assert!(ClusterCache::open(cache.path(), ZSTD, MOST).unwrap().is_none());
    assert!(ClusterCache::open(cache.path(), Qcow2Compression::Zlib, MOST).unwrap().is_some());
    drop(held);
    assert!(ClusterCache::open(cache.path(), ZSTD, MOST).unwrap().is_some());
}

#[test]
fn it_is_no_larger_than_it_may_be() {
    let (disk, cache) = (mixed(), folder());
    let length = || -> u64 {
        fs::read_dir(cache.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum()
    };
    write(&disk, ZSTD, cache.path(), MOST);
    let (all, whole) = (length(), disk.qcow2_bytes());
    assert_eq!(write(&disk, ZSTD, cache.path(), all).known, 100);
    // Opened where less is allowed, all is dropped.
    let most = all / 2;
    for _ in 0..3 {
        let written = write(&disk, ZSTD, cache.path(), most);
        assert!(written.known < 100, "{written:?}");
        assert!(length() <= most && length() > most / 4, "{} of {most}", length());
        assert!(disk.qcow2_bytes() == whole);
    }
    // No room for anything.
    assert_eq!(write(&disk, ZSTD, cache.path(), 0).known, 0);
    assert!(disk.qcow2_bytes() == whole && length() < 100);
}

#[test]
fn what_is_put_is_got_before_and_after_it_is_written() {
    let cache = folder();
    let mut open_one = open(cache.path(), MOST);
    let entries: Vec<_> = (0..100u8).map(|n| ([n; 32], vec![n; 30_000 + usize::from(n)])).collect();
    for (digest, bytes) in &entries {
        assert_eq!(open_one.get(digest), None);
        open_one.put(digest, bytes);
        open_one.put(digest, b"the first counts");
        assert_eq!(open_one.get(digest).as_ref(), Some(bytes));
    }
    open_one.put(&[200; 32], &[]);
    // No cluster is that long.
    open_one.put(&[201; 32], &[1; CLUSTER as usize]);
    drop(open_one);
    let mut open_one = open(cache.path(), MOST);
    for (digest, bytes) in &entries {
        assert_eq!(open_one.get(digest).as_ref(), Some(bytes));
    }
    assert_eq!(open_one.get(&[200; 32]), Some(Vec::new()));
    assert_eq!(open_one.get(&[201; 32]), None);
}

/// Whoever may write to the folder decides what images hold.
#[test]
fn folders_of_others_and_links_are_refused() {
    let cache = folder();
    symlink("/dev/null", cache.path().join("zstd.pack")).unwrap();
    assert!(ClusterCache::open(cache.path(), ZSTD, MOST).is_err());
    fs::set_permissions(cache.path(), Permissions::from_mode(0o770)).unwrap();
    assert!(ClusterCache::open(cache.path(), Qcow2Compression::Zlib, MOST).is_err());
    assert!(ClusterCache::open(&cache.path().join("none"), ZSTD, MOST).is_err());
}

/// What a wrong answer must not do: break the image's tables, or the program.
#[test]
fn answers_that_no_cluster_has_are_not_used() {
    struct Wrong(usize);
    impl Clusters for Wrong {
        fn get(&mut self, _: &[u8; 32]) -> Option<Vec<u8>> {
            Some(vec![1; self.0])
        }
        fn put(&mut self, _: &[u8; 32], _: &[u8]) {}
    }
    let disk = mixed();
    for length in [CLUSTER, CLUSTER + 1, 1 << 20] {
        let written = disk.write_with(ZSTD, 2, Some(&mut Wrong(length as usize))).unwrap();
        assert_eq!(written.known, 0);
        disk.holds(ZSTD, "too long");
    }
    disk.write_with(ZSTD, 2, Some(&mut Wrong(1))).unwrap();
    disk.check("too short");
}
