//! Image files as a user finds them, read by `qemu-img` and `sha256sum`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use dibhost_image::qcow2::{ClusterCache, Clusters};
use dibhost_image::{
    Format, ImageError, Images, Manifest, ManifestPackage, Output, Packing, Qcow2Compression,
    Scratch, TreeFiles, publish,
};
use dibhost_sys::Cancel;

const MIB: u64 = 1 << 20;

fn raw(scratch: &Scratch, mib: u64) -> PathBuf {
    let path = scratch.path().join("disk.raw");
    let file = File::create(&path).unwrap();
    file.set_len(64 * MIB).unwrap();
    let mut state = 1u64;
    for at in 0..mib {
        let mut chunk = vec![0u8; MIB as usize];
        // Half text, half noise.
        for byte in &mut chunk[..1 << 19] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 40) as u8;
        }
        chunk[1 << 19..].fill(b'a');
        file.write_all_at(&chunk, at * 2 * MIB).unwrap();
    }
    path
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn run(program: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}");
    said
}

fn both(folder: &Path, compression: Qcow2Compression) -> Vec<Output> {
    let scratch = Scratch::create(folder).unwrap();
    let raw = raw(&scratch, 8);
    let outputs = [(Format::Raw, folder.join("x.raw")), (Format::Qcow2, folder.join("x.qcow2"))];
    publish(&raw, &outputs, Packing::by(compression), &scratch, &Cancel::new()).unwrap()
}

#[test]
fn two_formats_of_one_disk() {
    for compression in Qcow2Compression::ALL {
        let folder = tempfile::tempdir().unwrap();
        let outputs = both(folder.path(), compression);
        assert_eq!(names(folder.path()), ["x.qcow2", "x.qcow2.sha256", "x.raw", "x.raw.sha256"]);
        run(
            "qemu-img",
            &["compare", "-f", "raw", "-F", "qcow2", "x.raw", "x.qcow2"],
            folder.path(),
        );
        run("qemu-img", &["check", "-f", "qcow2", "x.qcow2"], folder.path());
        run("sha256sum", &["-c", "--strict", "x.raw.sha256", "x.qcow2.sha256"], folder.path());
        let info = run("qemu-img", &["info", "--output=json", "x.qcow2"], folder.path());
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let name = &info["format-specific"]["data"]["compression-type"];
        let want = if compression == Qcow2Compression::Zstd { "zstd" } else { "zlib" };
        assert_eq!(name, want);
        assert_eq!(info["virtual-size"], outputs[1].virtual_size);
        let bytes = fs::metadata(folder.path().join("x.qcow2")).unwrap().len();
        assert_eq!(bytes, outputs[1].bytes);
        assert_eq!(
            bytes < 8 * MIB,
            compression != Qcow2Compression::None,
            "{compression}: {bytes}"
        );
    }
}

#[test]
fn one_disk_gives_one_digest() {
    let digests: Vec<_> = (0..4)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            both(folder.path(), Qcow2Compression::Zstd)
                .into_iter()
                .map(|o| o.sha256)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

/// Makes the images of disks and publishes them, with one file beside them.
fn published(
    disks: &[(String, PathBuf)],
    stem: &Path,
    formats: &[Format],
    suffix: &str,
    scratch: &Scratch,
) -> Result<(Vec<Output>, Vec<PathBuf>), ImageError> {
    let package = |name: &str| ManifestPackage {
        name: name.into(),
        version: "1".into(),
        arch: "amd64".into(),
    };
    let manifest =
        Manifest { name: "x".into(), packages: vec![package("dpkg")], ..Manifest::default() };
    let beside = [(suffix.into(), Arc::from(b"notes".as_slice()))];
    let (formats, compression, cancel) = (formats.to_vec(), Qcow2Compression::Zstd, Cancel::new());
    let made = Images { disks, tree: TreeFiles::default(), stem, formats }.make(
        Packing::by(compression),
        scratch,
        &cancel,
    )?;
    made.publish(manifest, &beside, scratch, &cancel)
}

/// Both, one of them said twice.
const BOTH: [Format; 3] = [Format::Qcow2, Format::Raw, Format::Qcow2];

#[test]
fn a_publication_has_a_manifest_and_what_elements_emitted() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("x");
    fs::write(folder.path().join("x.qcow2"), "an old one").unwrap();
    let scratch = Scratch::create(folder.path()).unwrap();
    let raw = raw(&scratch, 4);
    let (outputs, others) =
        published(&[("disk0".into(), raw)], &stem, &BOTH, ".notes", &scratch).unwrap();
    drop(scratch);
    let all = ["x.manifest.json", "x.notes", "x.qcow2", "x.qcow2.sha256", "x.raw", "x.raw.sha256"];
    assert_eq!(names(folder.path()), all);
    assert_eq!(others, [folder.path().join("x.manifest.json"), folder.path().join("x.notes")]);
    let manifest = fs::read_to_string(folder.path().join("x.manifest.json")).unwrap();
    let manifest = Manifest::parse(&manifest).unwrap();
    assert_eq!(manifest.beside[0].file, "x.notes");
    assert_eq!(manifest.outputs.len(), 2);
    assert_eq!(manifest.outputs[1].sha256, outputs[1].sha256);
    assert_eq!(manifest.outputs[1].file, "x.qcow2");
    assert_eq!(manifest.packages[0].name, "dpkg");
}

#[test]
fn several_disks_have_their_names_in_the_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("x");
    let scratch = Scratch::create(folder.path()).unwrap();
    let first = raw(&scratch, 1);
    let second = scratch.path().join("second.raw");
    fs::copy(&first, &second).unwrap();
    let disks = [("disk0".to_owned(), first), ("disk1".to_owned(), second)];
    let (outputs, _) = published(&disks, &stem, &[Format::Qcow2], ".notes", &scratch).unwrap();
    let files: Vec<_> = outputs.iter().map(|o| o.path.file_name().unwrap()).collect();
    assert_eq!(files, ["x.disk0.qcow2", "x.disk1.qcow2"]);
    assert!(folder.path().join("x.disk1.qcow2.sha256").exists());
}

#[test]
fn nothing_new_is_there_when_one_output_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("x");
    fs::write(folder.path().join("x.qcow2"), "an old one").unwrap();
    for suffix in ["/../other", ".qcow2", ".toml", "", "notes", ".a b"] {
        let scratch = Scratch::create(folder.path()).unwrap();
        let disks = [("disk0".to_owned(), raw(&scratch, 1))];
        let error = published(&disks, &stem, &BOTH, suffix, &scratch).unwrap_err();
        assert!(matches!(error, ImageError::Output { .. }), "{suffix}: {error}");
    }
    assert_eq!(names(folder.path()), ["x.qcow2"]);
    assert_eq!(fs::read_to_string(folder.path().join("x.qcow2")).unwrap(), "an old one");
}

#[test]
fn what_was_put_in_place_goes_back_when_the_next_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.raw"), "an old one").unwrap();
    let scratch = Scratch::create(folder.path()).unwrap();
    let raw = raw(&scratch, 1);
    // One file twice: the second rename finds it gone.
    let outputs =
        [(Format::Raw, folder.path().join("x.raw")), (Format::Raw, folder.path().join("y.raw"))];
    let error =
        publish(&raw, &outputs, Packing::by(Qcow2Compression::None), &scratch, &Cancel::new())
            .unwrap_err();
    assert!(error.to_string().contains("y.raw"), "{error}");
    drop(scratch);
    assert_eq!(names(folder.path()), ["x.raw"]);
    assert_eq!(fs::read_to_string(folder.path().join("x.raw")).unwrap(), "an old one");
}

#[test]
fn cancelled_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::create(folder.path()).unwrap();
    let raw = raw(&scratch, 16);
    let cancel = Cancel::new();
    let thrown = cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(30));
        thrown.cancel();
    });
    let outputs = [(Format::Qcow2, folder.path().join("x.qcow2"))];
    let error = publish(&raw, &outputs, Packing::by(Qcow2Compression::Zlib), &scratch, &cancel)
        .unwrap_err();
    thread.join().unwrap();
    assert!(matches!(error, ImageError::Cancelled(_)), "{error}");
    drop(scratch);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_disk_that_is_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::create(folder.path()).unwrap();
    let raw = scratch.path().join("disk.raw");
    fs::create_dir(&raw).unwrap();
    let outputs = [(Format::Qcow2, folder.path().join("x.qcow2"))];
    let packing = Packing::by(Qcow2Compression::Zstd);
    let error = publish(&raw, &outputs, packing, &scratch, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("disk.raw"), "{error}");
    drop(scratch);
    assert_eq!(names(folder.path()), [""; 0]);
}

/// One thread or several, and clusters that are known: one file.
#[test]
fn how_a_qcow2_is_packed_changes_nothing_of_it() {
    let known = tempfile::tempdir().unwrap();
    let compression = Qcow2Compression::Zstd;
    let made = |threads, keeps: bool| {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(folder.path()).unwrap();
        let raw = raw(&scratch, 8);
        let outputs = [(Format::Qcow2, folder.path().join("x.qcow2"))];
        let mut cache = keeps
            .then(|| ClusterCache::open(known.path(), compression, 64 * MIB).unwrap().unwrap());
        let known = cache.as_mut().map(|known| known as &mut dyn Clusters);
        let packing = Packing { compression, known, threads };
        publish(&raw, &outputs, packing, &scratch, &Cancel::new()).unwrap()[0].sha256.clone()
    };
    let alone = made(1, false);
    for way in [(4, false), (2, true), (2, true)] {
        assert_eq!(made(way.0, way.1), alone, "{way:?}");
    }
    assert!(fs::metadata(known.path().join("zstd.pack")).unwrap().len() > 0);
}

/// Programs that make filesystems may write to the folder, and are hostile when their bytes are.
#[test]
fn what_a_program_puts_in_the_place_of_the_image_is_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    let outputs = [(Format::Raw, folder.path().join("x.raw"))];
    let refused = |put: &dyn Fn(&Path)| {
        fs::write(&private, "private").unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
        let scratch = Scratch::create(folder.path()).unwrap();
        let raw = scratch.path().join("disk.raw");
        put(&raw);
        let none = Qcow2Compression::None;
        let none = Packing::by(none);
        let error = publish(&raw, &outputs, none, &scratch, &Cancel::new()).unwrap_err();
        drop(scratch);
        assert_eq!(names(folder.path()), ["private"], "{error}");
        let mode = fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{error}");
        error.to_string()
    };
    let said = refused(&|raw| fs::hard_link(&private, raw).unwrap());
    assert!(said.contains("it is not the file that was made there"), "{said}");
    refused(&|raw| std::os::unix::fs::symlink(&private, raw).unwrap());
    if rustix::process::geteuid().is_root() {
        let said = refused(&|raw| {
            fs::write(raw, "theirs").unwrap();
            std::os::unix::fs::chown(raw, Some(12345), None).unwrap();
        });
        assert!(said.contains("it is not the file that was made there"), "{said}");
    }
}

/// Not a test of its own: what `a_killed_builds_folder_is_swept` starts and kills.
#[test]
fn holds_a_scratch_folder_when_told_to() {
    let Ok(folder) = std::env::var("DIBHOST_TEST_HOLD") else { return };
    let scratch = Scratch::create(Path::new(&folder)).unwrap();
    fs::write(scratch.path().join("disk.raw"), "half a disk").unwrap();
    fs::write(Path::new(&folder).join("ready"), scratch.place().to_str().unwrap()).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[test]
fn a_killed_builds_folder_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    // Ended when this test fails, too.
    struct Ended(std::process::Child);
    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "holds_a_scratch_folder_when_told_to"])
        .env("DIBHOST_TEST_HOLD", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = Ended(child);
    let ready = folder.path().join("ready");
    while !ready.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let line = || BufReader::new(File::open(&ready).unwrap()).lines().next();
    let held = loop {
        match line() {
            Some(line) => break PathBuf::from(line.unwrap()),
            None => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    };
    fs::remove_file(&ready).unwrap();
    // What lives stays.
    Scratch::sweep(folder.path()).unwrap();
    assert!(held.join("made/disk.raw").exists());
    drop(child);
    assert!(held.exists(), "SIGKILL leaves it");
    // What only looks like one stays too: it is somebody else's.
    let others = [
        ".dibhost-scratch-a-letter-more",
        ".dibhost-scratch-closed00",
        ".dibhost-scratch-file0000",
        ".dibhost-scratch-link0000",
        ".dibhost-scratch-open0000",
        ".dibhost-settings",
    ];
    for other in others {
        let path = folder.path().join(other);
        match other.split('-').nth(2) {
            Some("file0000") => fs::write(&path, "").unwrap(),
            Some("link0000") => std::os::unix::fs::symlink("/", &path).unwrap(),
            kind => {
                fs::create_dir(&path).unwrap();
                fs::write(path.join("precious"), "").unwrap();
                let mode = match kind {
                    Some("open0000") => 0o755,
                    Some("closed00") => 0o500,
                    _ => 0o700,
                };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
    let next = Scratch::create(folder.path()).unwrap();
    assert!(!held.exists());
    drop(next);
    assert_eq!(names(folder.path()), others);
    for other in others.iter().filter(|other| !other.ends_with("0000")) {
        assert!(folder.path().join(other).join("precious").exists());
    }
}

#[test]
fn many_builds_in_one_folder_keep_theirs() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let scratch = Scratch::create(folder.path()).unwrap();
                    fs::write(scratch.path().join("mine"), "mine").unwrap();
                    std::thread::yield_now();
                    assert_eq!(fs::read_to_string(scratch.path().join("mine")).unwrap(), "mine");
                }
            });
        }
    });
    assert_eq!(names(folder.path()), [""; 0]);
}
