//! Disks with known contents, and what `qemu-img` says of images of them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;

use dibhost_image::Qcow2Compression;
use dibhost_image::qcow2::{Clusters, Qcow2Error, Written, write};
use dibhost_sys::Cancel;
use tempfile::TempDir;

pub(crate) const CLUSTER: u64 = 1 << 16;
/// Odd, and without a pattern: what it is multiplied by looks random.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What an extent holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Written zeros, which are no hole.
    Zeros,
    Text,
    Noise,
    /// By clusters: noise, text, half of both, nearly all noise.
    Mixed,
}

/// What an extent holds, where it begins, and its bytes.
pub(crate) type Extent = (Kind, u64, u64);

/// A disk and its image in a folder.
pub(crate) struct Disk {
    folder: TempDir,
    size: u64,
}

impl Disk {
    pub(crate) fn new(size: u64, extents: &[Extent]) -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap(), size };
        let raw = disk.raw();
        raw.set_len(size).unwrap();
        for (kind, at, length) in extents {
            raw.write_all_at(&bytes(*kind, *at, *length), *at).unwrap();
        }
        assert_eq!(raw.metadata().unwrap().len(), size);
        disk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, name: &str) -> File {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(self.path(name)).unwrap()
    }

    pub(crate) fn raw(&self) -> File {
        self.open("x.raw")
    }

    pub(crate) fn qcow2(&self) -> File {
        self.open("x.qcow2")
    }

    pub(crate) fn qcow2_bytes(&self) -> Vec<u8> {
        fs::read(self.path("x.qcow2")).unwrap()
    }

    pub(crate) fn write(
        &self,
        compression: Qcow2Compression,
        threads: usize,
    ) -> Result<Written, Qcow2Error> {
        self.write_with(compression, threads, None)
    }

    pub(crate) fn write_with(
        &self,
        compression: Qcow2Compression,
        threads: usize,
        known: Option<&mut dyn Clusters>,
    ) -> Result<Written, Qcow2Error> {
        let (raw, mut to) = (self.raw(), self.qcow2());
        let written = write(&raw, self.size, &mut to, compression, known, threads, &Cancel::new())?;
        assert_eq!(to.metadata().unwrap().len(), written.bytes);
        Ok(written)
    }

    pub(crate) fn write_first(
        &self,
        size: u64,
        compression: Qcow2Compression,
    ) -> Result<Written, Qcow2Error> {
        write(&self.raw(), size, &mut self.qcow2(), compression, None, 2, &Cancel::new())
    }

    /// What `qemu-img` says, which must not fail.
    pub(crate) fn qemu_img(&self, args: &[&str]) -> String {
        let mut qemu_img = Command::new("qemu-img");
        let output = qemu_img.args(args).current_dir(self.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "qemu-img {args:?}: {said}");
        said
    }

    /// That the image has no faults; answers what `qemu-img check` counted.
    pub(crate) fn check(&self, of: &str) -> serde_json::Value {
        let said = self.qemu_img(&["check", "-f", "qcow2", "--output=json", "x.qcow2"]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        for fault in ["check-errors", "leaks", "corruptions"] {
            assert_eq!(said.get(fault).and_then(|n| n.as_u64()).unwrap_or(0), 0, "{of}: {said}");
        }
        said
    }

    /// That the image has no faults, says what it is, and holds the disk.
    pub(crate) fn holds(&self, compression: Qcow2Compression, of: &str) {
        self.check(of);
        self.qemu_img(&["compare", "-f", "raw", "-F", "qcow2", "x.raw", "x.qcow2"]);
        let info = self.qemu_img(&["info", "--output=json", "x.qcow2"]);
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let data = &info["format-specific"]["data"];
        let name = if compression == Qcow2Compression::Zstd { "zstd" } else { "zlib" };
        assert_eq!(data["compression-type"], name, "{of}");
        assert_eq!((&data["compat"], &data["corrupt"]), (&"1.1".into(), &false.into()), "{of}");
        assert_eq!(info["dirty-flag"], false, "{of}");
        let size = self.raw().metadata().unwrap().len();
        assert_eq!(info["virtual-size"], size.next_multiple_of(512), "{of}");
        assert_eq!(info["cluster-size"], CLUSTER, "{of}");

        if size > 64 << 20 {
            return;
        }
        self.qemu_img(&["convert", "-f", "qcow2", "-O", "raw", "x.qcow2", "back.raw"]);
        let mut back = fs::read(self.path("back.raw")).unwrap();
        let rest = back.split_off(size as usize);
        assert!(rest.iter().all(|byte| *byte == 0), "{of}");
        assert!(back == fs::read(self.path("x.raw")).unwrap(), "{of}");
    }
}

/// The same bytes at the same place, whatever extent they are asked by.
pub(crate) fn bytes(kind: Kind, at: u64, length: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length as usize);
    while (bytes.len() as u64) < length {
        let at = at + bytes.len() as u64;
        let (cluster, from) = (at / CLUSTER, (at % CLUSTER) as usize);
        bytes.extend_from_slice(&cluster_of(kind, cluster)[from..]);
    }
    bytes.truncate(length as usize);
    bytes
}

fn cluster_of(kind: Kind, cluster: u64) -> Vec<u8> {
    let random = |salt: u64| {
        let next = |state: &u64| {
            let state = state ^ state << 13;
            let state = state ^ state >> 7;
            Some(state ^ state << 17)
        };
        std::iter::successors(Some(cluster.wrapping_add(salt).wrapping_mul(SPREAD) | 1), next)
            .map(|state| state.wrapping_mul(SPREAD) >> 16)
            .skip(4)
    };
    // Half of a byte is known of each letter.
    let text = |length: usize| -> Vec<u8> {
        let letters = |number: u64| {
            number.to_be_bytes().map(|byte| b"etaoin shrdlucmf"[usize::from(byte & 15)])
        };
        random(1).flat_map(letters).take(length).collect()
    };
    let noise = |length: usize| -> Vec<u8> {
        random(2).flat_map(|number| number.to_be_bytes().into_iter().skip(2)).take(length).collect()
    };
    let all = CLUSTER as usize;
    match (kind, cluster % 4) {
        (Kind::Zeros, _) => vec![0; all],
        (Kind::Text, _) | (Kind::Mixed, 1) => text(all),
        (Kind::Noise, _) | (Kind::Mixed, 0) => noise(all),
        (Kind::Mixed, 2) => [noise(all / 2), text(all / 2)].concat(),
        (Kind::Mixed, _) => [noise(all - 600), text(600)].concat(),
    }
}
