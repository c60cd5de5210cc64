//! Formats of other hypervisors, and of the tree alone, read by the programs that people read them with.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_image::{
    Container, Format, Images, Made, Packing, Qcow2Compression, Scratch, TreeFiles,
};
use dibhost_sys::Cancel;
use serde_json::Value;

const DISKS: [Format; 4] = [Format::Vhd, Format::Vhdx, Format::Vmdk, Format::Vdi];

/// A disk with data at both ends, what is hard to compress, zeros that are written, and holes.
fn disk(path: &Path, size: u64) {
    let file = File::create_new(path).unwrap();
    file.set_len(size).unwrap();
    let noise: Vec<u8> = (0..3 << 20)
        .scan(1u64, |state, _| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some((*state >> 56) as u8)
        })
        .collect();
    file.write_all_at(b"the first sector", 0).unwrap();
    file.write_all_at(&noise, 5_000_000).unwrap();
    file.write_all_at(&vec![0; 1 << 20], 20 << 20).unwrap();
    file.write_all_at(&vec![7; 200_000], (34 << 20) - 512).unwrap();
    file.write_all_at(b"the end", size - 7).unwrap();
}

fn made(raw: &Path, formats: &[Format], scratch: &Scratch, stem: &Path) -> Made {
    let inside = scratch.path().join("disk.raw");
    fs::copy(raw, &inside).unwrap();
    let disks = [("disk".to_owned(), inside)];
    let formats = formats.to_vec();
    let images = Images { disks: &disks, tree: TreeFiles::default(), stem, formats };
    images.make(Packing::by(Qcow2Compression::Zstd), scratch, &Cancel::new()).unwrap()
}

fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    output.stdout
}

fn published(of: Made, scratch: &Scratch) -> Vec<PathBuf> {
    let (files, _) = of.publish(Default::default(), &[], scratch, &Cancel::new()).unwrap();
    files.into_iter().map(|file| file.path).collect()
}

#[test]
fn each_disk_is_read_back_by_qemu() {
    // Sizes that are whole in every format's blocks, and that are not.
    for size in [64 << 20, (167 << 20) + 512] {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("of.raw");
        disk(&raw, size);
        let scratch = Scratch::create(folder.path()).unwrap();
        let files = published(made(&raw, &DISKS, &scratch, &folder.path().join("x")), &scratch);
        assert_eq!(files.len(), DISKS.len());
        for (file, driver) in files.iter().zip(["vpc", "vhdx", "vmdk", "vdi"]) {
            let name = file.to_str().unwrap();
            let info = run("qemu-img", &["info", "-f", driver, "--output=json", name]);
            let info: Value = serde_json::from_slice(&info).unwrap();
            let there = info["virtual-size"].as_u64().unwrap();
            // Whole blocks of a vmdk are 64 KiB.
            let whole = if driver == "vmdk" { size.next_multiple_of(1 << 16) } else { size };
            assert_eq!(there, whole, "{name}");
            let compared = run(
                "qemu-img",
                &["compare", "-F", "raw", "-f", driver, name, raw.to_str().unwrap()],
            );
            assert!(String::from_utf8_lossy(&compared).contains("identical"), "{name}");
            if ["vdi", "vhdx"].contains(&driver) {
                run("qemu-img", &["check", "-f", driver, name]);
            }
            let stored = fs::metadata(file).unwrap();
            if driver != "vpc" {
                assert!(stored.len() < 16 << 20, "{name} has {} bytes", stored.len());
            }
        }
    }
}

#[test]
fn the_same_disk_gives_the_same_file_and_another_one_another_identity() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("of.raw");
    disk(&raw, 40 << 20);
    let digests = |raw: &Path| -> Vec<String> {
        let scratch = Scratch::create(folder.path()).unwrap();
        let made = made(raw, &DISKS, &scratch, &folder.path().join("x"));
        made.outputs().into_iter().map(|output| output.sha256).collect()
    };
    let first = digests(&raw);
    assert_eq!(first, digests(&raw));
    // Zeros that are written are no content.
    File::options().write(true).open(&raw).unwrap().write_all_at(&[0; 70_000], 30 << 20).unwrap();
    assert_eq!(first, digests(&raw));
    File::options().write(true).open(&raw).unwrap().write_all_at(b"x", 30 << 20).unwrap();
    for (one, other) in first.iter().zip(digests(&raw)) {
        assert_ne!(*one, other);
    }
}

#[test]
fn a_cancelled_build_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("of.raw");
    disk(&raw, 40 << 20);
    let cancel = Cancel::new();
    cancel.cancel();
    for format in DISKS {
        let scratch = Scratch::create(folder.path()).unwrap();
        let inside = scratch.path().join("disk.raw");
        fs::copy(&raw, &inside).unwrap();
        let disks = [("disk".to_owned(), inside)];
        let (stem, formats) = (folder.path().join("x"), vec![format]);
        let images = Images { disks: &disks, tree: TreeFiles::default(), stem: &stem, formats };
        let failed = images.make(Packing::by(Qcow2Compression::Zstd), &scratch, &cancel);
        assert!(failed.unwrap_err().to_string().contains("cancelled"), "{format}");
    }
}

/// An archive of a small tree, and the files that are made of it.
fn of_tree(folder: &Path, formats: &[Format], threads: usize) -> Vec<PathBuf> {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("bin")).unwrap();
    fs::write(tree.join("bin/sh"), vec![b'#'; 3_000_000]).unwrap();
    let scratch = Scratch::create(folder).unwrap();
    let (outside, tar) = (folder.join("tree.tar"), scratch.path().join("tree.tar"));
    let whole = ["--sort=name", "--mtime=@1", "--owner=0", "--group=0", "--numeric-owner"];
    let mut args = whole.to_vec();
    args.extend(["-C", tree.to_str().unwrap(), "-cf", outside.to_str().unwrap(), "."]);
    run("tar", &args);
    fs::copy(outside, &tar).unwrap();
    let container = Container { name: "web".into(), arch: "arm64".into(), created: 86_400 };
    let files = TreeFiles { tar: Some(tar), squashfs: None, container };
    let (stem, formats) = (folder.join("x"), formats.to_vec());
    let images = Images { disks: &[], tree: files, stem: &stem, formats };
    let packing = Packing { threads, ..Packing::by(Qcow2Compression::Zstd) };
    published(images.make(packing, &scratch, &Cancel::new()).unwrap(), &scratch)
}

#[test]
fn archives_are_the_same_compressed_or_not_and_by_however_many() {
    let folder = tempfile::tempdir().unwrap();
    let formats = [Format::Tar, Format::Tgz, Format::TarZst];
    let files = of_tree(folder.path(), &formats, 1);
    let [tar, tgz, zst] = files.as_slice() else { panic!("{files:?}") };
    let tar = fs::read(tar).unwrap();
    assert!(tar.len() > 3_000_000);
    assert_eq!(run("gzip", &["-dc", tgz.to_str().unwrap()]), tar);
    assert_eq!(zstd::decode_all(File::open(zst).unwrap()).unwrap(), tar);
    let before: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let again = of_tree(folder.path(), &formats, 3);
    let after: Vec<Vec<u8>> = again.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(before == after);
}

#[test]
fn the_image_of_a_container_is_an_oci_layout_whose_digests_hold() {
    use sha2::{Digest as _, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let files = of_tree(folder.path(), &[Format::Tar, Format::Oci], 1);
    let at = folder.path().join("layout");
    fs::create_dir(&at).unwrap();
    run("tar", &["-xf", files[1].to_str().unwrap(), "-C", at.to_str().unwrap()]);
    assert_eq!(fs::read(at.join("oci-layout")).unwrap(), br#"{"imageLayoutVersion":"1.0.0"}"#);
    let blob = |descriptor: &Value| {
        let (_, hex) = descriptor["digest"].as_str().unwrap().split_once(':').unwrap();
        let bytes = fs::read(at.join("blobs/sha256").join(hex)).unwrap();
        assert_eq!(bytes.len() as u64, descriptor["size"].as_u64().unwrap());
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, hex);
        bytes
    };
    let json = |bytes: Vec<u8>| -> Value { serde_json::from_slice(&bytes).unwrap() };
    let index = json(fs::read(at.join("index.json")).unwrap());
    let listed = &index["manifests"][0];
    assert_eq!(listed["annotations"]["org.opencontainers.image.ref.name"], "web");
    let manifest = json(blob(listed));
    let config = json(blob(&manifest["config"]));
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["created"], "1970-01-02T00:00:00Z");
    let layer = at.join("layer.gz");
    fs::write(&layer, blob(&manifest["layers"][0])).unwrap();
    let plain = run("gzip", &["-dc", layer.to_str().unwrap()]);
    assert_eq!(plain, fs::read(&files[0]).unwrap());
    let digest: String = Sha256::digest(&plain).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{digest}"));
}
