//! What ends it with an error.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dibhost_image::Qcow2Compression;
use dibhost_image::qcow2::{Clusters, Qcow2Error, write};
use dibhost_sys::Cancel;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::common::{CLUSTER, Disk, Kind};

#[test]
fn a_cancelled_build_ends() {
    let disk = Disk::new(400 * CLUSTER, &[(Kind::Text, 0, 400 * CLUSTER)]);
    let cancel = Cancel::new();
    cancel.cancel();
    let (raw, mut to) = (disk.raw(), disk.qcow2());
    let zstd = Qcow2Compression::Zstd;
    let error = write(&raw, 400 * CLUSTER, &mut to, zstd, None, 2, &cancel).unwrap_err();
    assert!(matches!(error, Qcow2Error::Cancelled(_)), "{error}");
}

/// Cancels when the 40th cluster is asked for, in the middle of the work.
struct Cancels(Cancel, usize);

impl Clusters for Cancels {
    fn get(&mut self, _: &[u8; 32]) -> Option<Vec<u8>> {
        self.1 += 1;
        if self.1 == 40 {
            self.0.cancel();
        }
        None
    }

    fn put(&mut self, _: &[u8; 32], _: &[u8]) {}
}

#[test]
fn a_build_that_is_cancelled_meanwhile_ends_soon_and_leaves_no_qcow2() {
    let disk = Disk::new(500 * CLUSTER, &[(Kind::Text, 0, 500 * CLUSTER)]);
    let cancel = Cancel::new();
    let mut cancels = Cancels(cancel.clone(), 0);
    let (raw, mut to) = (disk.raw(), disk.qcow2());
    let (zstd, known) = (Qcow2Compression::Zstd, Some(&mut cancels as &mut dyn Clusters));
    let error = write(&raw, 500 * CLUSTER, &mut to, zstd, known, 2, &cancel).unwrap_err();
    assert!(matches!(error, Qcow2Error::Cancelled(_)), "{error}");
    // Two threads end the run of 16 that they are at.
    assert!(cancels.1 < 40 + 2 * 16, "{}", cancels.1);
    assert!(!disk.qcow2_bytes().starts_with(b"QFI"));
}

#[test]
fn what_cannot_be_is_told() {
    let disk = Disk::new(CLUSTER, &[(Kind::Text, 0, CLUSTER)]);
    let cancel = Cancel::new();
    let zlib = Qcow2Compression::Zlib;
    let error = disk.write_first((2 << 50) + 1, zlib).unwrap_err();
    assert!(matches!(error, Qcow2Error::TooLarge { .. }), "{error}");
    let unread = File::options().write(true).open(disk.path("x.raw")).unwrap();
    let error = write(&unread, CLUSTER, &mut disk.qcow2(), zlib, None, 3, &cancel).unwrap_err();
    assert!(matches!(error, Qcow2Error::Read(_)), "{error}");
    let mut unwritten = File::open(disk.path("x.qcow2")).unwrap();
    let error = write(&disk.raw(), CLUSTER, &mut unwritten, zlib, None, 3, &cancel).unwrap_err();
    assert!(matches!(error, Qcow2Error::Write(_)), "{error}");
}

/// A filesystem of 2 MiB; gone with this, whatever happens.
struct Tiny(PathBuf);

impl Tiny {
    fn new(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let data = c"size=2m,mode=700";
        mount("tmpfs", at, "tmpfs", MountFlags::NODEV, Some(data)).ok()?;
        Some(Self(at.to_owned()))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let disk = Disk::new(400 * CLUSTER, &[(Kind::Noise, 0, 400 * CLUSTER)]);
    let Some(tiny) = Tiny::new(&disk.path("tiny")) else {
        // Only root may mount.
        assert!(!rustix::process::geteuid().is_root());
        return;
    };
    for compression in Qcow2Compression::ALL {
        let mut to = File::create(tiny.0.join("x.qcow2")).unwrap();
        let cancel = Cancel::new();
        let error = write(&disk.raw(), 400 * CLUSTER, &mut to, compression, None, 2, &cancel);
        match error.unwrap_err() {
            Qcow2Error::Write(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{compression}");
            }
            other => panic!("{other}"),
        }
    }
}
