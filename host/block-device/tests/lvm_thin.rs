//! Thin pools that this crate makes, before Debian's `thin_check`, and read back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;

use dibhost_block_device::lvm::thin::{
    GrowingMedium, GrowingPool, Mapping, PoolMap, ThinMedium, read_metadata, write_metadata,
};
use dibhost_block_device::lvm::{
    LogicalVolumeKind, LogicalVolumeMedium, LogicalVolumeRequest, LvmId, PhysicalVolumeRequest,
    RequestKind, VolumeGroup, VolumeGroupRequest, read, write,
};
use dibhost_block_device::{FileMedium, Medium};
use dibhost_sys::{Cancel, Program};

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
        write_metadata(&map, &part("pool_tmeta"), folder.path(), &cancel).unwrap();

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
        let read_back = read_metadata(&part("pool_tmeta"), folder.path(), &cancel).unwrap();
        assert_eq!(read_back, map);
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

#[test]
fn broken_metadata_is_an_error() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(2 * MIB).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = read_metadata(&medium, folder.path(), &Cancel::new()).unwrap_err().to_string();
    assert!(error.contains("thin pool's metadata"), "{error}");
}
