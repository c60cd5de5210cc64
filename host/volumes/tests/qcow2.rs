//! qcow2 against `qemu-img`, which makes what is read here, in every way that it can.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use dibhost_volumes::qcow2::{Qcow2Medium, is_qcow2};
use dibhost_volumes::{FileMedium, Medium};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const SIZE: u64 = 40 * MIB + 512;

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// A disk with noise, text, zeros that are written and holes.
fn raw(path: &Path) -> Vec<u8> {
    let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    file.set_len(SIZE).unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = (0..3 * MIB)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[5]
        })
        .collect();
    file.write_all_at(&noise, MIB - 77).unwrap();
    let text: Vec<u8> = (0..2 * MIB).map(|at| b"a disk in clusters. "[at as usize % 20]).collect();
    file.write_all_at(&text, 10 * MIB + 5000).unwrap();
    file.write_all_at(&vec![0; 300_000], 20 * MIB).unwrap();
    file.write_all_at(b"the end", SIZE - 7).unwrap();
    let mut all = vec![0; usize::try_from(SIZE).unwrap()];
    file.read_exact_at(&mut all, 0).unwrap();
    all
}

#[test]
fn a_qcow2_reads_as_the_disk_that_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("disk.raw");
    let all = raw(&from);
    for (number, options) in [
        &["-o", "compat=1.1"][..],
        &["-o", "compat=0.10"],
        &["-c", "-o", "compression_type=zlib"],
        &["-c", "-o", "compression_type=zstd"],
        &["-c", "-o", "compat=0.10,cluster_size=4096"],
        &["-o", "cluster_size=512"],
        &["-c", "-o", "cluster_size=2M,compression_type=zstd"],
        &["-S", "0", "-o", "preallocation=metadata"],
    ]
    .into_iter()
    .enumerate()
    {
        let to = folder.path().join(format!("{number}.qcow2"));
        let paths = [from.to_str().unwrap(), to.to_str().unwrap()];
        run("qemu-img", &[&["convert", "-O", "qcow2"], options, &paths].concat());
        let file = File::open(&to).unwrap();
        let whole = FileMedium::whole(&file).unwrap();
        assert!(is_qcow2(&whole).unwrap());
        let disk = Qcow2Medium::new(&whole).unwrap();
        assert_eq!(disk.size(), SIZE, "{options:?}");
        let mut read = vec![1; all.len()];
        disk.read_exact_at(&mut read, 0).unwrap();
        assert!(read == all, "{options:?}");
        // Across clusters and tables, in pieces of no size in particular.
        for (at, length) in [(0, 1), (511, 2), (MIB - 78, 70_000), (10 * MIB + 4999, 4099)] {
            let mut piece = vec![1; length];
            disk.read_exact_at(&mut piece, at).unwrap();
            let start = usize::try_from(at).unwrap();
            assert!(piece == all[start..start + length], "{options:?} at {at}");
        }
        assert!(disk.read_exact_at(&mut [0; 2], SIZE - 1).is_err());
        assert!(disk.write_all_at(&[0], 0).is_err());
    }
}

#[test]
fn what_is_not_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let base = path("base.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", &base, "8M"]);
    let above = path("above.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-b", &base, "-F", "qcow2", &above]);
    let outside = path("outside.qcow2");
    let data = format!("data_file={},data_file_raw=on", path("data.raw"));
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", &data, &outside, "8M"]);
    let fine = path("fine.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", "extended_l2=on", &fine, "8M"]);
    for (file, why) in [
        (above, "has a backing file"),
        (outside, "data in another file"),
        (fine, "has subclusters"),
    ] {
        let file = File::open(file).unwrap();
        let whole = FileMedium::whole(&file).unwrap();
        let error = Qcow2Medium::new(&whole).err().unwrap().to_string();
        assert!(error.contains(why), "{error}");
    }
}

proptest! {
    /// Whatever a file says of itself, it is read or refused, and takes no more memory than that.
    #[test]
    fn damage_is_refused_or_read(places in proptest::collection::vec((0usize..200_000, any::<u8>()), 1..20), compressed in any::<bool>()) {
        static MADE: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
        let made = MADE.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let from = folder.path().join("disk.raw");
            std::fs::write(&from, vec![0x5a; 900_000]).unwrap();
            [&[][..], &["-c"]].map(|options| {
                let to = folder.path().join("disk.qcow2");
                let paths = [from.to_str().unwrap(), to.to_str().unwrap()];
                run("qemu-img", &[&["convert", "-O", "qcow2"], options, &paths].concat());
                std::fs::read(&to).unwrap()
            })
        });
        let mut bytes = made[usize::from(compressed)].clone();
        for (at, byte) in places {
            // The header and the tables are what counts.
            let at = if at % 2 == 0 { at % 112 } else { at % bytes.len() };
            bytes[at] = byte;
        }
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let whole = FileMedium::whole(&file).unwrap();
        if let Ok(disk) = Qcow2Medium::new(&whole) {
            let mut read = vec![0; 5000];
            for at in [0, 60_000, disk.size().saturating_sub(5000)] {
                let _ = disk.read_exact_at(&mut read, at);
            }
        }
    }
}
