//! Thin pools that this crate makes, before Debian's `thin_check`, and read back.

mod thin_dump;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;

use dibhost_arbitrary::crc32c;
use dibhost_sys::{Cancel, Program};
use dibhost_volumes::lvm::thin::{
    DeviceMap, GrowingMedium, GrowingPool, Mapping, PoolBudget, PoolMap, PoolMetadata, Restoring,
    ThinMedium, write_metadata,
};
use dibhost_volumes::lvm::{
    LogicalVolumeKind, LogicalVolumeMedium, LogicalVolumeRequest, LvmId, PhysicalVolumeRequest,
    RequestKind, VolumeGroup, VolumeGroupRequest, read, write,
};
use dibhost_volumes::{FileMedium, Medium};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const CHUNK: u64 = 64 << 10;

fn group() -> VolumeGroup {
    let volume = |number: u8, name: &str, kind| LogicalVolumeRequest {
        name: name.to_owned(),
        id: LvmId::derived(&[number; 16]),
        kind,
    };
    let thin = |size| RequestKind::Thin { pool: "pool".to_owned(), size };
    let pool =
        RequestKind::ThinPool { size: 8 * MIB, metadata_size: None, chunk_size: None, stripes: 1 };
    let request = VolumeGroupRequest {
        name: "vg".to_owned(),
        id: LvmId::derived(&[1; 16]),
        extent_size: MIB,
        time: 1_700_000_000,
        data_start: MIB,
        physical_volumes: vec![PhysicalVolumeRequest {
            id: LvmId::derived(&[2; 16]),
            size: 64 * MIB,
        }],
        logical_volumes: vec![
            volume(3, "pool", pool),
            volume(4, "a", thin(1 << 40)),
            volume(5, "b", thin(100 * MIB)),
            volume(6, "empty", thin(MIB)),
        ],
    };
    request.allocate().unwrap()
}

fn disk() -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(64 * MIB).unwrap();
    file
}

#[test]
fn a_pool_is_filled_checked_and_read_back() {
    let group = group();
    let folder = tempfile::tempdir().unwrap();
    let cancel = Cancel::new();
    let pool = group.logical_volume("pool").unwrap();
    let written = BTreeMap::from([
        ("a".to_owned(), vec![(1 << 39)..(1 << 39) + 5, 0..3 * CHUNK]),
        ("b".to_owned(), vec![CHUNK..CHUNK + 1, 90 * MIB..90 * MIB + 2 * CHUNK]),
    ]);
    let map = PoolMap::allocate(&group, pool, &written).unwrap();
    assert_eq!(map.devices.len(), 3);

    // Onto two disks, one of which held something: the thin volumes are the same.
    let disks = [disk(), disk()];
    FileMedium::whole(&disks[1]).unwrap().write_all_at(&vec![0xee; 64 * MIB as usize], 0).unwrap();
    for file in &disks {
        let disk = FileMedium::whole(file).unwrap();
        write(&group, 0, &disk).unwrap();
        let physical: [&dyn Medium; 1] = [&disk];
        let part = |name| {
            let volume = group.logical_volume(name).unwrap();
            LogicalVolumeMedium::new(&group, volume, &physical).unwrap()
        };
        write_metadata(&map, &part("pool_tmeta"), folder.path(), &mut by_itself).unwrap();

        let source = tempfile::tempfile().unwrap();
        source.set_len(100 * MIB).unwrap();
        let source = FileMedium::whole(&source).unwrap();
        source.write_all_at(b"b", CHUNK).unwrap();
        source.write_all_at(b"end", 90 * MIB + 2 * CHUNK - 3).unwrap();
        let data = part("pool_tdata");
        let b = ThinMedium::new(map.device(2).unwrap(), CHUNK, 100 * MIB, &data);
        let mut bytes = vec![0; MIB as usize];
        for at in (0..100 * MIB).step_by(MIB as usize) {
            source.read_exact_at(&mut bytes, at).unwrap();
            b.write_all_at(&bytes, at).unwrap();
        }
        let a = ThinMedium::new(map.device(1).unwrap(), CHUNK, 1 << 40, &data);
        a.write_all_at(&[7; 3 * CHUNK as usize], 0).unwrap();
        a.write_all_at(b"far", 1 << 39).unwrap();
        a.write_all_at(&[0; 100], 1 << 38).unwrap();
        assert!(a.write_all_at(b"x", 1 << 38).is_err());

        // As the kernel would find it: through label, metadata text, thin_dump.
        let (found, _) = read(&disk).unwrap().unwrap().volume_group.unwrap();
        assert_eq!(found, group);
        let read_back = thin_dump::dump(&part("pool_tmeta"));
        assert_eq!(read_back, map);
        assert_eq!(own(&part("pool_tmeta"), PoolBudget::default()).unwrap(), map);
        let b = ThinMedium::new(read_back.device(2).unwrap(), CHUNK, 100 * MIB, &data);
        let (mut wanted, mut bytes) = (vec![0; MIB as usize], vec![0; MIB as usize]);
        for at in (0..100 * MIB).step_by(MIB as usize) {
            source.read_exact_at(&mut wanted, at).unwrap();
            b.read_exact_at(&mut bytes, at).unwrap();
            assert!(wanted == bytes, "byte {at}");
        }

        let tmeta = folder.path().join("tmeta");
        let mut bytes = vec![0; part("pool_tmeta").size() as usize];
        part("pool_tmeta").read_exact_at(&mut bytes, 0).unwrap();
        std::fs::write(&tmeta, &bytes).unwrap();
        let said = Program::new("thin_check").arg(&tmeta).run(&cancel).unwrap();
        // The transaction must be the one that the group's metadata names, or lvm refuses the pool.
        assert!(said.text().contains("TRANSACTION_ID=3"), "{}", said.text());
        let LogicalVolumeKind::ThinPool { transaction, .. } = pool.kind else { panic!() };
        assert_eq!(transaction, 3);
    }
    let tmeta = group.logical_volume("pool_tmeta").unwrap();
    let bytes = disks.each_ref().map(|file| {
        let disk = FileMedium::whole(file).unwrap();
        let physical: [&dyn Medium; 1] = [&disk];
        let medium = LogicalVolumeMedium::new(&group, tmeta, &physical).unwrap();
        let mut bytes = vec![0; medium.size() as usize];
        medium.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    });
    assert!(bytes[0] == bytes[1], "the pool's metadata is not the same twice");
}

#[test]
fn a_growing_pool_takes_what_is_written_and_shows_nothing_of_before() {
    let group = group();
    let pool = group.logical_volume("pool").unwrap();
    let file = disk();
    let disk = FileMedium::whole(&file).unwrap();
    disk.write_all_at(&vec![0xee; 64 * MIB as usize], 0).unwrap();
    let physical: [&dyn Medium; 1] = [&disk];
    let tdata = group.logical_volume("pool_tdata").unwrap();
    let data = LogicalVolumeMedium::new(&group, tdata, &physical).unwrap();
    let growing = RefCell::new(GrowingPool::new(&group, pool).unwrap());
    let a = GrowingMedium::new(&growing, 1, 1 << 40, &data);
    let b = GrowingMedium::new(&growing, 2, 100 * MIB, &data);
    a.write_all_at(&[0; 3 * MIB as usize], 1 << 30).unwrap();
    assert!(growing.borrow().map().devices.iter().all(|device| device.mappings.is_empty()));
    // Around the edge of a chunk, before what is there, and between.
    a.write_all_at(&[7; 10], (1 << 30) + CHUNK - 5).unwrap();
    b.write_all_at(&[8; 3 * CHUNK as usize], CHUNK).unwrap();
    a.write_all_at(b"first", 0).unwrap();
    a.write_all_at(&[0; 5], (1 << 30) + CHUNK - 5).unwrap();
    let mut bytes = vec![1; 2 * CHUNK as usize];
    a.read_exact_at(&mut bytes, 1 << 30).unwrap();
    let mut want = vec![0; 2 * CHUNK as usize];
    want[CHUNK as usize..][..5].fill(7);
    assert!(bytes == want);
    a.read_exact_at(&mut bytes, 0).unwrap();
    assert!(&bytes[..5] == b"first" && bytes[5..].iter().all(|byte| *byte == 0));
    let map = growing.borrow().map().clone();
    let far = (1 << 30) / CHUNK;
    let mapping = |origin, data, length| Mapping { origin, data, length };
    assert_eq!(map.devices[0].mappings, [mapping(0, 5, 1), mapping(far, 0, 2)]);
    assert_eq!(map.devices[1].mappings, [mapping(1, 2, 3)]);
    // As the map says it, the same is read.
    let reader = ThinMedium::new(&map.devices[1], CHUNK, 100 * MIB, &data);
    reader.read_exact_at(&mut bytes, CHUNK).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 8));
    // 8 MiB are 128 chunks, of which 6 are taken.
    b.write_all_at(&vec![9; 122 * CHUNK as usize], 10 * MIB).unwrap();
    let error = b.write_all_at(b"x", 50 * MIB).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("the thin pool `pool` is full"), "{error}");
    assert!(b.write_all_at(b"xx", 100 * MIB - 1).is_err());
}

#[test]
fn what_does_not_fit_is_named() {
    let group = group();
    let pool = group.logical_volume("pool").unwrap();
    let refused = |name: &str, range| {
        let written = BTreeMap::from([(name.to_owned(), vec![range])]);
        PoolMap::allocate(&group, pool, &written).unwrap_err().to_string()
    };
    assert_eq!(
        refused("a", 0..8 * MIB + 1),
        "logical volume `pool` of volume group `vg`: its volumes hold 129 written chunks of 65536 \
         bytes, and it has 128: 65536 bytes are missing"
    );
    assert!(refused("empty", 0..MIB + 1).contains("`empty`"));
    assert!(refused("pool_tdata", 0..1).contains("no thin volume of pool `pool`"));
}

/// By this crate's reader, not `thin_dump`.
fn own(metadata: &dyn Medium, mut budget: PoolBudget) -> Result<PoolMap, String> {
    let read = PoolMetadata::read(metadata).and_then(|pool| pool.map(&mut budget));
    read.map_err(|error| error.to_string())
}

const CHUNKS: u64 = 1 << 20;

/// A map of so many pieces, here and there, of which some run on: all that is mapped twice is mapped
/// to two places.
fn scattered(pieces: u64, seed: u64, device: u32, data: &mut u64) -> DeviceMap {
    let mut state = seed | 1;
    let mut below = |most: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most
    };
    let (mut mappings, mut origin) = (Vec::<Mapping>::new(), 0);
    for _ in 0..pieces {
        origin += 1 + below(5);
        let length = if below(10) == 0 { 1 + below(300) } else { 1 };
        *data += 1 + below(2);
        mappings.push(Mapping { origin, data: *data, length });
        origin += length;
        *data += length;
    }
    DeviceMap { device, transaction: below(9), mappings }
}

/// As who runs the test.
fn by_itself(restoring: &Restoring<'_>) -> std::io::Result<()> {
    restoring.program.run(&Cancel::new()).map(drop).map_err(std::io::Error::other)
}

fn restored(map: &PoolMap) -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(16 * MIB).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_metadata(map, &medium, folder.path(), &mut by_itself).unwrap();
    file
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default()
    })]

    /// Trees of one level and of two, as `thin_restore` makes them and `thin_dump` reads them.
    #[test]
    fn any_map_is_read_as_thin_dump_reads_it(
        volumes in proptest::collection::vec((0u64..4, 1u32..1 << 24, any::<u64>()), 0..5),
        transaction in any::<u64>(),
    ) {
        let mut data = 0;
        let mut devices: Vec<DeviceMap> = Vec::new();
        for (power, number, seed) in volumes {
            if !devices.iter().any(|device| device.device == number) {
                let pieces = [0, 3, 400, 1500][power as usize];
                devices.push(scattered(pieces, seed, number, &mut data));
            }
        }
        devices.sort_by_key(|device| device.device);
        let map = PoolMap { transaction, chunk_size: CHUNK, chunks: CHUNKS, devices };
        let file = restored(&map);
        let medium = FileMedium::whole(&file).unwrap();
        let dumped = thin_dump::dump(&medium);
        prop_assert!(dumped == map);
        prop_assert!(own(&medium, PoolBudget::default()) == Ok(dumped));
    }
}

#[test]
fn three_levels_of_a_tree_are_read_and_no_more_than_may_be() {
    let map = PoolMap {
        transaction: 3,
        chunk_size: CHUNK,
        chunks: CHUNKS,
        devices: vec![scattered(9000, 7, 5, &mut 0), scattered(100, 8, 6, &mut 500_000)],
    };
    let file = restored(&map);
    let medium = FileMedium::whole(&file).unwrap();
    assert!(own(&medium, PoolBudget::default()).unwrap() == map);
    let pool = PoolMetadata::read(&medium).unwrap();
    assert_eq!((pool.transaction, pool.chunk_size, pool.chunks), (3, CHUNK, CHUNKS));
    let mut budget = PoolBudget::default();
    assert_eq!(pool.devices(2, &mut budget).unwrap(), [5, 6]);
    assert!(pool.devices(1, &mut budget).is_err());
    assert!(pool.device(7, &mut budget).unwrap().is_none());
    assert!(pool.device(6, &mut budget).unwrap().as_ref() == Some(&map.devices[1]));
    let whole = PoolBudget::default();
    let error = own(&medium, PoolBudget { nodes: 300, ..whole }).unwrap_err();
    assert!(error.contains("larger than what is looked into"), "{error}");
    let error = own(&medium, PoolBudget { mappings: 1000, ..whole }).unwrap_err();
    assert!(error.contains("more pieces than are looked into"), "{error}");
}

/// Any byte of a block that counts, changed, is found: nothing is read as something else.
#[test]
fn no_byte_is_changed_without_being_noticed() {
    let map = PoolMap {
        transaction: 3,
        chunk_size: CHUNK,
        chunks: CHUNKS,
        devices: vec![scattered(40, 7, 1, &mut 0), scattered(3, 8, 2, &mut 9000)],
    };
    let file = restored(&map);
    let medium = FileMedium::whole(&file).unwrap();
    let mut all = vec![0; 1 << 20];
    medium.read_exact_at(&mut all, 0).unwrap();
    let mut found = 0;
    let used = |block: &usize| all[block * 4096..][..4096].iter().any(|byte| *byte != 0);
    for block in (0..all.len() / 4096).filter(used) {
        for inside in (0..4096).step_by(331) {
            let at = block * 4096 + inside;
            medium.write_all_at(&[all[at] ^ 0x10], at as u64).unwrap();
            match own(&medium, PoolBudget::default()) {
                Ok(read) => assert!(read == map, "byte {at}"),
                Err(_) => found += 1,
            }
            medium.write_all_at(&all[at..=at], at as u64).unwrap();
        }
    }
    // A superblock, the roots of four trees, what is below one of them.
    assert!(found >= 6 * 13, "{found}");
}

/// What the checksums of nodes and of superblocks are mixed with.
const NODE_MIX: u32 = 121_107;
const SUPERBLOCK_MIX: u32 = 160_774;

/// Makes a block's checksum right.
fn seal(bytes: &mut [u8], mix: u32) {
    let sum = crc32c(&bytes[4..]) ^ mix;
    bytes[..4].copy_from_slice(&sum.to_le_bytes());
}

/// A node with its number and its checksum.
fn node(leaf: bool, number: u64, value_size: usize, entries: &[(u64, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[4] = if leaf { 2 } else { 1 };
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..20].copy_from_slice(&(entries.len() as u32).to_le_bytes());
    let room = 126;
    bytes[20..24].copy_from_slice(&(room as u32).to_le_bytes());
    bytes[24..28].copy_from_slice(&(value_size as u32).to_le_bytes());
    for (at, (key, value)) in entries.iter().enumerate() {
        bytes[32 + at * 8..][..8].copy_from_slice(&key.to_le_bytes());
        bytes[32 + room * 8 + at * value_size..][..8].copy_from_slice(&value.to_le_bytes());
    }
    seal(&mut bytes, NODE_MIX);
    bytes
}

/// What has checksums and cannot be: made by somebody who means no good.
#[test]
fn trees_that_cannot_be_are_refused() {
    let mappings = vec![Mapping { origin: 3, data: 4, length: 2 }];
    let devices = vec![DeviceMap { device: 1, transaction: 0, mappings }];
    let map = PoolMap { transaction: 0, chunk_size: CHUNK, chunks: 9, devices };
    let file = restored(&map);
    let medium = FileMedium::whole(&file).unwrap();
    let mut superblock = vec![0; 4096];
    medium.read_exact_at(&mut superblock, 0).unwrap();
    let root = |at: usize| u64::from_le_bytes(superblock[at..at + 8].try_into().unwrap());
    let (mappings, devices) = (root(320), root(328));
    // Nobody uses these blocks, at the end.
    let free = 16 * MIB / 4096 - 40;
    let read = |nodes: &[(u64, Vec<u8>)]| {
        for (block, bytes) in nodes {
            medium.write_all_at(bytes, block * 4096).unwrap();
        }
        own(&medium, PoolBudget::default())
    };
    // The device's tree is one that is made here.
    let top = || (mappings, node(true, mappings, 8, &[(1, free)]));
    let at = |chunk: u64, data: u64| (chunk, data << 24 | 77);
    let leaf = |number, entries: &[(u64, u64)]| (number, node(true, number, 8, entries));
    let inner = |number, entries: &[(u64, u64)]| (number, node(false, number, 8, entries));
    assert_eq!(read(&[top(), leaf(free, &[at(3, 4), at(4, 5)])]), Ok(map));

    let refused = |why: &str, nodes: &[(u64, Vec<u8>)]| {
        let error = read(nodes).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    };
    refused("is mapped to chunk 9 of 9", &[leaf(free, &[at(3, 9), at(4, 5)])]);
    refused("has 1 chunks, and 2 are said of it", &[leaf(free, &[at(3, 4)])]);
    refused("do not rise", &[leaf(free, &[at(4, 5), at(4, 6)])]);
    refused("chunk 18446744073709551615 of device 1", &[leaf(free, &[at(u64::MAX, 5)])]);
    refused("a node is twice", &[inner(free, &[(0, free)])]);
    refused(
        "a node is twice",
        &[inner(free, &[(0, free + 1), (4, free + 1)]), leaf(free + 1, &[])],
    );
    refused("has nothing below it", &[inner(free, &[])]);
    let others = "other keys than the node above it says";
    let below = |first: &[(u64, u64)], second: &[(u64, u64)]| {
        let above = inner(free, &[(0, free + 1), (4, free + 2)]);
        [above, leaf(free + 1, first), leaf(free + 2, second)]
    };
    refused(others, &below(&[at(4, 4)], &[]));
    refused(others, &below(&[at(0, 4), at(4, 5)], &[at(5, 6)]));
    refused(others, &below(&[at(0, 4)], &[at(3, 5), at(5, 6)]));
    refused("which it has not", &[inner(free, &[(0, u64::MAX)])]);
    refused("says that it is block 7", &[(free, node(true, 7, 8, &[]))]);
    // Flags, and how many entries there are and have room.
    let with = |at: usize, value: u32| {
        let mut bytes = node(true, free, 8, &[]);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        seal(&mut bytes, NODE_MIX);
        (free, bytes)
    };
    refused("a node has the flags 0x3", &[with(4, 3)]);
    refused("127 entries of 8 bytes in room for 126", &[with(16, 127)]);
    refused("0 entries of 8 bytes in room for 255", &[with(20, 255)]);
    refused("entries of 24 bytes", &[(free, node(true, free, 24, &[]))]);
    // Higher than any tree: each with one node below it.
    let high: Vec<_> = (free..free + 30).map(|number| inner(number, &[(0, number + 1)])).collect();
    refused("higher than any can be", &high);
    // A device that one tree has, and the other has not.
    refused("one of its trees has device 1", &[(mappings, node(true, mappings, 8, &[]))]);
    refused("entries of 8 bytes", &[(devices, node(true, devices, 8, &[]))]);
}

#[test]
fn superblocks_that_cannot_be_are_refused() {
    let map = PoolMap { transaction: 3, chunk_size: CHUNK, chunks: 9, devices: Vec::new() };
    let file = restored(&map);
    let medium = FileMedium::whole(&file).unwrap();
    let mut whole = vec![0; 4096];
    medium.read_exact_at(&mut whole, 0).unwrap();
    let with = |changes: &[(usize, &[u8])]| {
        let mut bytes = whole.clone();
        for (at, value) in changes {
            bytes[*at..*at + value.len()].copy_from_slice(value);
        }
        seal(&mut bytes, SUPERBLOCK_MIX);
        medium.write_all_at(&bytes, 0).unwrap();
        own(&medium, PoolBudget::default())
    };
    assert_eq!(with(&[]), Ok(map.clone()));
    assert_eq!(with(&[(40, &[1])]), Ok(map.clone()));
    let refused = |why: &str, changes: &[(usize, &[u8])]| {
        let error = with(changes).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    };
    refused("it does not begin with a superblock", &[(32, &[0])]);
    refused("it is of version 0 with features 0x0", &[(40, &[0])]);
    refused("it is of version 3 with features 0x0", &[(40, &[3])]);
    refused("it is of version 2 with features 0x1", &[(360, &[1])]);
    refused("its blocks are not of 4096 bytes", &[(340, &[16])]);
    refused("its blocks are not of 4096 bytes, from 0 on", &[(8, &[1])]);
    // In sectors: none, 96 KiB, 32 KiB, 2 GiB.
    for sectors in [0_u32, 192, 64, 1 << 22] {
        let said = format!("its chunks have {} bytes", u64::from(sectors) * 512);
        refused(&said, &[(336, &sectors.to_le_bytes())]);
    }
    refused("more chunks than any disk", &[(64, &[0xff; 8])]);
    medium.write_all_at(&[1], 4000).unwrap();
    assert!(own(&medium, PoolBudget::default()).unwrap_err().contains("has the checksum"));
    // What it says of being broken is no error: whoever reads it says so.
    with(&[(4, &[1])]).unwrap();
    assert!(PoolMetadata::read(&medium).unwrap().needs_check);
    with(&[]).unwrap();
    assert!(!PoolMetadata::read(&medium).unwrap().needs_check);
    // A device whose number has more bits than any.
    let devices = u64::from_le_bytes(whole[328..336].try_into().unwrap());
    let leaf = node(true, devices, 24, &[(1 << 32, 0)]);
    medium.write_all_at(&leaf, devices * 4096).unwrap();
    refused("it has a device 4294967296", &[]);
}

#[test]
fn broken_metadata_is_an_error() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(2 * MIB).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let error = own(&medium, PoolBudget::default()).unwrap_err();
    assert!(error.contains("it does not begin with a superblock"), "{error}");
}
