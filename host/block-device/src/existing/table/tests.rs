//! Power that fails at any moment: whatever sectors of what was not flushed yet reached the disk, what
//! is preserved is in a table that can be read.

use uuid::Uuid;

use super::*;
use crate::graph::TypeId;
use crate::partition_type::partition_type;
use dibhost_volumes::Extent;
use dibhost_volumes::mbr::{Extended, Found};

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;

/// A sector and its new content.
type Written = (u64, Vec<u8>);

/// A disk that remembers what was written between two flushes. Sectors that are not there are zeros.
#[derive(Clone)]
struct Disk {
    size: u64,
    sectors: RefCell<BTreeMap<u64, Vec<u8>>>,
    /// What was written before each flush, and after the last.
    written: RefCell<Vec<Vec<Written>>>,
}

impl Disk {
    fn new(size: u64) -> Self {
        Self { size, sectors: RefCell::default(), written: RefCell::new(vec![vec![]]) }
    }

    fn flush(&self) -> io::Result<()> {
        self.written.borrow_mut().push(Vec::new());
        Ok(())
    }

    fn sector(&self, start: u64) -> Vec<u8> {
        self.sectors.borrow().get(&start).cloned().unwrap_or_else(|| vec![0; 512])
    }
}

impl Medium for Disk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        let sectors = self.sectors.borrow();
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let (start, inside) = (at - at % SECTOR, (at % SECTOR) as usize);
            let count = (512 - inside).min(bytes.len() - done);
            match sectors.get(&start) {
                Some(sector) => {
                    bytes[done..done + count].copy_from_slice(&sector[inside..inside + count]);
                }
                None => bytes[done..done + count].fill(0),
            }
            done += count;
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let (start, inside) = (at - at % SECTOR, (at % SECTOR) as usize);
            let count = (512 - inside).min(bytes.len() - done);
            let mut sector = self.sector(start);
            sector[inside..inside + count].copy_from_slice(&bytes[done..done + count]);
            self.sectors.borrow_mut().insert(start, sector.clone());
            self.written.borrow_mut().last_mut().unwrap().push((start, sector));
            done += count;
        }
        Ok(())
    }
}

/// Calls with every disk that there may be after power failed while `act` wrote to one.
fn whenever_power_fails(disk: &Disk, act: impl FnOnce(&Disk), mut check: impl FnMut(&Disk)) {
    let before = Disk::new(disk.size);
    *before.sectors.borrow_mut() = disk.sectors.borrow().clone();
    *disk.written.borrow_mut() = vec![vec![]];
    act(disk);
    let mut random = 1u64;
    for unflushed in disk.written.borrow().iter() {
        let count = unflushed.len();
        let mut picks: Vec<Vec<bool>> = Vec::new();
        for n in 0..=count {
            // In their order, in the other, all but one, one alone.
            picks.push((0..count).map(|i| i < n).collect());
            picks.push((0..count).map(|i| i >= n).collect());
            picks.push((0..count).map(|i| i != n).collect());
            picks.push((0..count).map(|i| i == n).collect());
        }
        picks.extend((0..200).map(|_| {
            let mut bit = || {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                random >> 63 == 1
            };
            (0..count).map(|_| bit()).collect()
        }));
        for pick in picks {
            let failed = before.clone();
            for ((start, bytes), reached) in unflushed.iter().zip(&pick) {
                if *reached {
                    failed.sectors.borrow_mut().insert(*start, bytes.clone());
                }
            }
            check(&failed);
        }
        for (start, bytes) in unflushed {
            before.sectors.borrow_mut().insert(*start, bytes.clone());
        }
    }
}

fn table(kind: TableKind, extended: Option<Extended>) -> TableLayout {
    TableLayout {
        node: "table".into(),
        on: "disk".into(),
        kind,
        id: Uuid::from_u128(77),
        alignment: MIB,
        sector_size: 512,
        extended,
    }
}

fn partition(name: &str, kind: TableKind, number: u32, start: u64, size: u64) -> PartitionLayout {
    let type_id = match kind {
        TableKind::Gpt => TypeId::Gpt(partition_type("linux-generic").unwrap()),
        TableKind::Mbr => TypeId::Mbr(0x83),
    };
    PartitionLayout {
        node: name.into(),
        table: "table".into(),
        number,
        label: name.into(),
        type_id,
        id: Uuid::from_u128(1000 + u128::from(number)),
        attributes: 0,
        active: false,
        logical: number > 4,
        hybrid: false,
        preserve: name == "state",
        extent: Extent { offset: start, size },
        ebr: (number > 4).then(|| start - MIB),
    }
}

/// Replaces a table by another, both with `state`, and holds each disk to what is there.
fn replace(disk: &Disk, old: &[PartitionLayout], new: &[PartitionLayout], new_table: &TableLayout) {
    let state = old.iter().find(|p| p.node == "state").unwrap();
    let kept = BTreeSet::from(["state".to_owned()]);
    let new: Vec<_> = new.iter().collect();
    let (mut disks, mut lost) = (0, 0);
    let act = |disk: &Disk| {
        write_kept(disk, new_table, &new, &kept, &|| disk.flush()).unwrap();
        write_whole(disk, new_table, &new, &|| disk.flush()).unwrap();
    };
    whenever_power_fails(disk, act, |disk| {
        disks += 1;
        let found = match new_table.kind {
            TableKind::Gpt => gpt::read(disk).ok().flatten().is_some_and(|gpt| {
                gpt.partitions.iter().any(|p| p.extent == state.extent && p.id == state.id)
            }),
            TableKind::Mbr => match mbr::read(disk, 512) {
                Ok(Some(Found::Table(mbr))) => {
                    mbr.partitions.iter().any(|p| p.extent == state.extent)
                }
                _ => false,
            },
        };
        lost += usize::from(!found);
    });
    assert!(disks > 500, "{disks}");
    assert_eq!(lost, 0, "of {disks}");
}

fn write_old(disk: &Disk, table: &TableLayout, partitions: &[PartitionLayout]) {
    let partitions: Vec<_> = partitions.iter().collect();
    write_table(disk, table, &partitions).unwrap();
}

#[test]
fn a_gpt_is_replaced_and_always_has_what_is_preserved() {
    let gpt = TableKind::Gpt;
    let old = [
        partition("boot", gpt, 1, MIB, MIB),
        partition("state", gpt, 2, 4 * MIB, 4 * MIB),
        partition("root", gpt, 3, 8 * MIB, 4 * MIB),
    ];
    let mut new = old.clone();
    new[0].extent.size = 2 * MIB;
    new[0].id = Uuid::from_u128(5);
    new[2].extent.size = 6 * MIB;
    for damage in ["none", "the disk grew", "no first copy", "no backup", "torn"] {
        let disk = Disk::new(16 * MIB);
        write_old(&disk, &table(gpt, None), &old);
        let last = 16 * MIB - SECTOR;
        let disk = match damage {
            "the disk grew" => Disk { size: 32 * MIB, ..disk },
            _ => disk,
        };
        match damage {
            "no first copy" => disk.write_all_at(&[0; 512], SECTOR).unwrap(),
            "no backup" => disk.write_all_at(&[0; 512], last).unwrap(),
            "torn" => disk.write_all_at(&[9; 512], 3 * SECTOR).unwrap(),
            _ => {}
        }
        replace(&disk, &old, &new, &table(gpt, None));
    }
}

#[test]
fn an_mbr_is_replaced_and_always_has_what_is_preserved() {
    let mbr = TableKind::Mbr;
    let old = [partition("root", mbr, 1, MIB, 2 * MIB), partition("state", mbr, 2, 4 * MIB, MIB)];
    let mut new = old.clone();
    new[0].extent.size = 3 * MIB;
    let disk = Disk::new(16 * MIB);
    write_old(&disk, &table(mbr, None), &old);
    replace(&disk, &old, &new, &table(mbr, None));
}

/// The records of the new table lie where those of the old one do, and elsewhere.
#[test]
fn logical_partitions_are_replaced_around_one_that_is_preserved() {
    let mbr = TableKind::Mbr;
    let extended = |start: u64| {
        let extent = Extent { offset: start, size: 16 * MIB - start };
        table(mbr, Some(Extended { number: 4, extent }))
    };
    let old = [
        partition("root", mbr, 1, MIB, MIB),
        partition("swap", mbr, 5, 4 * MIB, MIB),
        partition("state", mbr, 6, 8 * MIB, MIB),
    ];
    let same = old.clone();
    let mut moved = old.clone();
    moved[1] = partition("swap", mbr, 5, 5 * MIB, MIB);
    let mut more = old.clone().to_vec();
    more.push(partition("more", mbr, 7, 12 * MIB, MIB));
    for (start, new) in [(3, &same[..]), (4, &moved[..]), (3, &more[..])] {
        let disk = Disk::new(16 * MIB);
        write_old(&disk, &extended(3 * MIB), &old);
        replace(&disk, &old, new, &extended(start * MIB));
    }
}

#[test]
fn a_table_where_nothing_is_preserved_is_none_until_its_last_sector() {
    for kind in [TableKind::Gpt, TableKind::Mbr] {
        let new = [partition("root", kind, 1, MIB, 2 * MIB)];
        let new: Vec<_> = new.iter().collect();
        let disk = Disk::new(16 * MIB);
        let act = |disk: &Disk| {
            write_whole(disk, &table(kind, None), &new, &|| disk.flush()).unwrap();
        };
        let (mut with, mut partial) = (0, 0);
        whenever_power_fails(&disk, act, |disk| {
            if disk.sector(0).iter().all(|byte| *byte == 0) {
                return;
            }
            with += 1;
            let whole = match kind {
                TableKind::Gpt => gpt::read(disk).unwrap().unwrap().damage.is_empty(),
                TableKind::Mbr => matches!(mbr::read(disk, 512), Ok(Some(Found::Table(_)))),
            };
            partial += usize::from(!whole);
        });
        assert!(with > 0);
        assert_eq!(partial, 0, "of {with}");
    }
}
