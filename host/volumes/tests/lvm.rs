//! Volume groups that this crate writes, before Debian's own lvm2; and volume groups that lvm2 writes,
//! before this crate's reader. On loop devices of the test's own, and no other device is looked at.

use std::fs::File;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use dibhost_volumes::lvm::{
    LogicalVolumeKind, LogicalVolumeRequest, LvmId, PhysicalVolumeRequest, RequestKind,
    VolumeGroup, VolumeGroupRequest, read, write,
};
use dibhost_volumes::{FileMedium, Medium as _};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// Disks as files, on loop devices, with lvm restricted to them.
struct Machine {
    folder: TempDir,
    files: Vec<PathBuf>,
    devices: Vec<String>,
}

impl Machine {
    fn new(sizes: &[u64]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let make = |(index, size): (usize, &u64)| {
            let path = folder.path().join(format!("disk{index}"));
            File::create_new(&path).unwrap().set_len(*size).unwrap();
            path
        };
        let files = sizes.iter().enumerate().map(make).collect();
        Self { folder, files, devices: Vec::new() }
    }

    fn file(&self, index: usize) -> File {
        File::options().read(true).write(true).open(&self.files[index]).unwrap()
    }

    fn attach(&mut self, sector: u32) {
        for file in &self.files {
            let losetup = Program::new("losetup")
                .args(["--find", "--show", "--sector-size", &sector.to_string()])
                .arg(file);
            let device = losetup.run(&Cancel::new()).unwrap().text().trim().to_owned();
            self.devices.push(device);
        }
        let accepted: String = self.devices.iter().map(|d| format!("\"a|^{d}$|\", ")).collect();
        let config = format!(
            "devices {{\n dir = \"/dev\"\n scan = [\"/dev\"]\n use_devicesfile = 0\n hints = \"none\"\n \
             obtain_device_list_from_udev = 0\n global_filter = [{accepted}\"r|.*|\"]\n}}\n\
             global {{ locking_dir = \"{folder}/lock\" }}\n\
             backup {{ backup = 0\n archive = 0 }}\n\
             activation {{ udev_sync = 0\n udev_rules = 0\n monitoring = 0 }}\n",
            folder = self.folder.path().display(),
        );
        std::fs::write(self.folder.path().join("lvm.conf"), config).unwrap();
    }

    fn detach(&mut self) {
        for device in self.devices.drain(..) {
            let _ = Program::new("losetup").args(["--detach", &device]).run(&Cancel::new());
        }
    }

    /// Runs `lvm`, which may say nothing of what is wrong; this kernel may lack device-mapper.
    fn lvm(&self, args: &[&str]) -> String {
        let output = self.try_lvm(args).unwrap();
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        let wrong: Vec<&str> = said
            .lines()
            .filter(|line| !line.contains("Activation disabled. No device-mapper"))
            .collect();
        assert!(wrong.is_empty(), "lvm {args:?}: {wrong:?}");
        output.text()
    }

    fn try_lvm(&self, args: &[&str]) -> Result<ProgramOutput, ProgramError> {
        Program::new("lvm")
            .args(args)
            .args(["--driverloaded", "n"])
            .env("LVM_SYSTEM_DIR", self.folder.path())
            // What the runner of the tests leaves open is not at issue.
            .env("LVM_SUPPRESS_FD_WARNINGS", "1")
            .run(&Cancel::new())
    }

    fn read(&self, index: usize) -> Option<(VolumeGroup, usize)> {
        let file = self.file(index);
        read(&FileMedium::whole(&file).unwrap()).unwrap().unwrap().volume_group
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.detach();
    }
}

fn id(number: u8) -> LvmId {
    LvmId::derived(&[number; 16])
}

fn volume(number: u8, name: &str, kind: RequestKind) -> LogicalVolumeRequest {
    LogicalVolumeRequest { name: name.to_owned(), id: id(number), kind }
}

/// One of each kind, over two physical volumes.
fn request(sizes: &[u64], extent_size: u64) -> VolumeGroupRequest {
    let physical = |(index, size): (usize, &u64)| PhysicalVolumeRequest {
        id: id(100 + index as u8),
        size: *size,
    };
    let thin = |size| RequestKind::Thin { pool: "pool".to_owned(), size };
    VolumeGroupRequest {
        name: "vg-0.x".to_owned(),
        id: id(1),
        extent_size,
        time: 1_700_000_000,
        data_start: MIB,
        physical_volumes: sizes.iter().enumerate().map(physical).collect(),
        logical_volumes: vec![
            volume(2, "root", RequestKind::Linear { size: 30 * MIB }),
            volume(
                3,
                "fast",
                RequestKind::Striped { size: 33 * MIB, stripes: 2, stripe_size: 64 << 10 },
            ),
            volume(
                4,
                "pool",
                RequestKind::ThinPool {
                    size: 40 * MIB,
                    metadata_size: None,
                    chunk_size: None,
                    stripes: 1,
                },
            ),
            volume(5, "thin-a", thin(4096 * MIB)),
            volume(6, "thin-b", thin(100 * MIB)),
            volume(7, "wide", RequestKind::Linear { size: 90 * MIB }),
        ],
    }
}

fn written(machine: &Machine, group: &VolumeGroup) {
    for index in 0..group.physical_volumes.len() {
        let file = machine.file(index);
        write(group, index, &FileMedium::whole(&file).unwrap()).unwrap();
    }
}

/// What `lvm` says of the volumes: name, size, segment type, stripes, pool.
fn table(machine: &Machine) -> Vec<Vec<String>> {
    let fields = "lv_name,lv_size,segtype,stripes,pool_lv,chunk_size,devices";
    let said = machine.lvm(&[
        "lvs",
        "-a",
        "--noheadings",
        "--nosuffix",
        "--units",
        "m",
        "--separator",
        "|",
        "-o",
        fields,
    ]);
    let row = |line: &str| line.trim().split('|').map(str::to_owned).collect();
    said.lines().map(row).collect()
}

#[test]
fn lvm_finds_nothing_wrong_with_what_is_written() {
    for (sector, extent_size) in [(512, 4 * MIB), (4096, MIB), (512, 384 << 10)] {
        let sizes = [128 * MIB, 131 * MIB];
        let mut machine = Machine::new(&sizes);
        let group = request(&sizes, extent_size).allocate().unwrap();
        written(&machine, &group);
        machine.attach(sector);

        let pvs =
            machine.lvm(&["pvs", "--noheadings", "-o", "vg_name,pv_uuid,pe_start,pv_mda_count"]);
        // In the order of the devices, which others may have taken.
        let mut rows: Vec<&str> = pvs.lines().map(str::trim).collect();
        rows.sort_unstable();
        let mut wanted = [100, 101].map(|n| format!("vg-0.x {}  1.00m      1", id(n)));
        wanted.sort_unstable();
        let squeezed = |row: &&str| row.split_whitespace().collect::<Vec<_>>().join(" ");
        let rows: Vec<String> = rows.iter().map(squeezed).collect();
        assert_eq!(rows, wanted.each_ref().map(|row| squeezed(&row.as_str())));
        let vgs = machine.lvm(&["vgs", "--noheadings", "-o", "vg_name,vg_uuid,vg_attr,lv_count"]);
        let wanted = ["vg-0.x", &id(1).to_string(), "wz--n-", "6"];
        assert_eq!(vgs.split_whitespace().collect::<Vec<_>>(), wanted);
        for (name, kind) in [
            ("root", "linear"),
            ("fast", "striped"),
            ("pool", "thin-pool"),
            ("thin-a", "thin"),
            ("[pool_tdata]", "linear"),
            ("[pool_tmeta]", "linear"),
            ("[lvol0_pmspare]", "linear"),
        ] {
            let table = table(&machine);
            let found = table.iter().find(|row| row[0] == name).unwrap();
            assert_eq!(found[2], kind, "{table:?}");
        }
        machine.lvm(&["vgck", "vg-0.x"]);
        let backup = machine.folder.path().join("backup.cfg");
        machine.lvm(&["vgcfgbackup", "-f", backup.to_str().unwrap(), "vg-0.x"]);
        assert!(std::fs::read_to_string(&backup).unwrap().contains("transaction_id = 2"));
        for device in machine.devices.clone() {
            machine.lvm(&["pvck", &device]);
            let headers = machine.lvm(&["pvck", "--dump", "headers", &device]);
            assert!(headers.contains("mda_header_1.raw_locn[0].size"), "{headers}");
            let text = machine.lvm(&["pvck", "--dump", "metadata", &device]);
            assert!(text.contains("vgname vg-0.x seqno 1"), "{text}");
        }
    }
}

#[test]
fn lvm_goes_on_with_what_is_written_and_this_reader_with_what_lvm_writes() {
    let sizes = [128 * MIB, 160 * MIB];
    let mut machine = Machine::new(&sizes);
    let group = request(&sizes, MIB).allocate().unwrap();
    written(&machine, &group);
    machine.attach(512);
    let create = |name: &str, more: &[&str]| {
        let args = ["lvcreate", "-an", "-Zn", "-Wn", "-y", "-n", name];
        // It warns that nothing was zeroed.
        machine.try_lvm(&[&args, more, &["vg-0.x"]].concat()).unwrap();
    };
    create("more", &["-L", "7M"]);
    create("two", &["-L", "8M", "-i", "2", "-I", "32k"]);
    machine.try_lvm(&["lvrename", "vg-0.x", "root", "renamed"]).unwrap();
    machine.lvm(&["vgck", "vg-0.x"]);
    machine.detach();

    let (changed, index) = machine.read(1).unwrap();
    assert_eq!(index, 1);
    assert_eq!(machine.read(0).unwrap(), (changed.clone(), 0));
    assert_eq!(changed.physical_volumes, group.physical_volumes);
    assert_eq!(changed.logical_volumes.len(), group.logical_volumes.len() + 2);
    assert_eq!(changed.logical_volume("renamed").unwrap().id, id(2));
    let two = changed.logical_volume("two").unwrap();
    let LogicalVolumeKind::Extents(segments) = &two.kind else { panic!("{two:?}") };
    assert_eq!((segments[0].extents, segments[0].stripe_size), (8, 32 << 10));
    for kept in group.logical_volumes.iter().filter(|kept| kept.name != "root") {
        assert_eq!(changed.logical_volume(&kept.name), Some(kept));
    }
}

#[test]
fn what_lvm_makes_by_itself_is_read() {
    let sizes = [64 * MIB, 64 * MIB];
    let mut machine = Machine::new(&sizes);
    machine.attach(512);
    let devices = machine.devices.clone();
    machine.try_lvm(&["pvcreate", "-y", &devices[0], &devices[1]]).unwrap();
    let unused = machine.file(0);
    let label = read(&FileMedium::whole(&unused).unwrap()).unwrap().unwrap();
    assert_eq!((label.size, label.data_start, label.volume_group), (64 * MIB, MIB, None));
    machine.try_lvm(&["vgcreate", "vg", &devices[0], &devices[1]]).unwrap();
    let zeros = ["lvcreate", "-an", "-Zn", "-Wn", "-y", "--type", "zero", "-L", "8M"];
    machine.try_lvm(&[&zeros[..], &["-n", "zeros", "vg"]].concat()).unwrap();
    machine.detach();
    let (group, _) = machine.read(0).unwrap();
    let zeros = group.logical_volume("zeros").unwrap();
    let wanted = LogicalVolumeKind::Other { segment_type: "zero".to_owned(), extents: 2 };
    assert_eq!(zeros.kind, wanted);
    let file = machine.file(0);
    let error = write(&group, 0, &FileMedium::whole(&file).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`zeros`"), "{error}");
}

#[test]
fn what_stood_before_the_data_is_wiped_and_the_data_is_not() {
    let machine = Machine::new(&[64 * MIB]);
    let file = machine.file(0);
    let medium = FileMedium::whole(&file).unwrap();
    medium.write_all_at(&vec![0xaa; 2 * MIB as usize], 0).unwrap();
    let mut request = request(&[64 * MIB], 4 * MIB);
    request.logical_volumes.truncate(1);
    let group = request.allocate().unwrap();
    write(&group, 0, &medium).unwrap();
    let mut bytes = vec![0; 2 * MIB as usize];
    medium.read_exact_at(&mut bytes, 0).unwrap();
    let (before, after) = bytes.split_at(MIB as usize);
    assert!(before.iter().all(|byte| *byte != 0xaa));
    assert!(after.iter().all(|byte| *byte == 0xaa));
    // A file that was a hole stays one but for what is written.
    let fresh = Machine::new(&[64 * MIB]);
    written(&fresh, &group);
    let blocks =
        std::os::unix::fs::MetadataExt::blocks(&Path::new(&fresh.files[0]).metadata().unwrap());
    assert!(blocks * 512 <= 16 << 10, "{blocks}");
}
