//! Outputs in a folder of somebody else, who moves things there while root makes an image: nothing is
//! read from, written to, or given away but what the build made itself.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dibhost_image::{
    Format, ImageError, Images, Manifest, Packing, Placed, Qcow2Compression, Scratch, TreeFiles,
    check_beside, check_output, publish, put_in_place,
};
use dibhost_sys::{Cancel, Program};

/// What the attacker is after.
const PRECIOUS: &[u8] = b"root:$y$precious:";

fn packing() -> Packing<'static> {
    Packing::by(Qcow2Compression::Zstd)
}

/// A folder of the attacker's, and a file of root's that is nobody else's to read or write.
struct Ground {
    folder: tempfile::TempDir,
    _roots: tempfile::TempDir,
    precious: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = tempfile::tempdir().unwrap();
        let precious = roots.path().join("shadow");
        fs::write(&precious, PRECIOUS).unwrap();
        fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
        Self { folder, _roots: roots, precious }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn assert_precious(&self) {
        assert_eq!(fs::read(&self.precious).unwrap(), PRECIOUS, "it was overwritten");
        let mode = fs::metadata(&self.precious).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "it was made readable");
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            // Folders come and go.
            let file = path.symlink_metadata().is_ok_and(|stat| stat.is_file());
            assert!(!file || fs::read(&path).unwrap() != PRECIOUS, "{} has it", path.display());
        }
    }
}

fn disk(scratch: &Scratch) -> PathBuf {
    try_disk(scratch).unwrap()
}

fn try_disk(scratch: &Scratch) -> std::io::Result<PathBuf> {
    let path = scratch.path().join("disk.raw");
    let file = File::create(&path)?;
    file.set_len(1 << 20)?;
    std::os::unix::fs::FileExt::write_all_at(&file, b"a disk", 4096)?;
    Ok(path)
}

/// Moves the scratch folder away and puts one in its place that is full of links.
fn swap(scratch: &Path, precious: &Path, names: &[&str]) -> std::io::Result<()> {
    let mut aside = scratch.as_os_str().to_owned();
    aside.push("-aside");
    fs::rename(scratch, aside)?;
    fs::create_dir(scratch)?;
    for name in names {
        symlink(precious, scratch.join(name))?;
    }
    Ok(())
}

const ALL: [&str; 9] = [
    "disk.raw",
    "disk.raw-0.qcow2",
    "disk.raw-1.qcow2",
    "sum-0",
    "sum-1",
    "sum-3",
    "beside-4",
    "before-0",
    "made.raw",
];

fn both(ground: &Ground) -> [(Format, PathBuf); 2] {
    [(Format::Raw, ground.at("x.raw")), (Format::Qcow2, ground.at("x.qcow2"))]
}

#[test]
fn a_scratch_folder_that_was_exchanged_before_the_image_is_made() {
    let ground = Ground::new();
    let scratch = Scratch::create(ground.folder.path()).unwrap();
    let raw = disk(&scratch);
    swap(scratch.place(), &ground.precious, &ALL).unwrap();
    publish(&raw, &both(&ground), packing(), &scratch, &Cancel::new()).unwrap();
    ground.assert_precious();
    assert_eq!(fs::metadata(ground.at("x.raw")).unwrap().len(), 1 << 20);
    let info = Program::new("qemu-img").args(["compare"]).arg(ground.at("x.raw"));
    info.arg(ground.at("x.qcow2")).run(&Cancel::new()).unwrap();
    // The links that were put there are nobody's to remove, and are not followed in doing so.
    let place = scratch.place().to_owned();
    drop(scratch);
    assert!(place.join("disk.raw").is_symlink());
    ground.assert_precious();
}

#[test]
fn a_scratch_folder_that_was_exchanged_before_its_files_are_put_in_place() {
    let ground = Ground::new();
    let scratch = Scratch::create(ground.folder.path()).unwrap();
    let raw = disk(&scratch);
    swap(scratch.place(), &ground.precious, &ALL).unwrap();
    fs::write(ground.at("x.raw"), "an old one").unwrap();
    let files = [Placed { from: raw, to: ground.at("x.raw") }];
    put_in_place(&files, &scratch, &Cancel::new()).unwrap();
    ground.assert_precious();
    assert_eq!(fs::metadata(ground.at("x.raw")).unwrap().len(), 1 << 20);
}

#[test]
fn a_program_is_given_a_path_that_nobody_can_exchange() {
    let ground = Ground::new();
    let scratch = Scratch::create(ground.folder.path()).unwrap();
    swap(scratch.place(), &ground.precious, &ALL).unwrap();
    let made = scratch.path().join("made.raw");
    let write = Program::new("dd").args(["if=/dev/zero", "count=1", "status=none"]);
    write.arg(format!("of={}", made.display())).run(&Cancel::new()).unwrap();
    ground.assert_precious();
    assert_eq!(fs::metadata(&made).unwrap().len(), 512);
}

/// Ends the attack, also when an assertion unwinds: a scope waits for its threads.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The attack as it was made: as often as it takes, at any moment.
#[test]
fn a_scratch_folder_that_is_exchanged_at_any_moment_many_times() {
    let ground = Ground::new();
    let done = AtomicBool::new(false);
    let (tries, swaps) = std::thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            let mut swaps = 0;
            while !done.load(Ordering::Relaxed) {
                for entry in fs::read_dir(ground.folder.path()).unwrap().flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if name.starts_with(".dibhost-scratch-") && !name.ends_with("-aside") {
                        // As little or as much into it as chance will have it.
                        std::thread::sleep(std::time::Duration::from_micros(swaps * 37 % 2000));
                        let swapped = swap(&entry.path(), &ground.precious, &ALL);
                        swaps += u64::from(swapped.is_ok());
                    }
                }
            }
            swaps
        });
        let ends = Ends(&done);
        let mut tries = 0;
        for _ in 0..60 {
            // Exchanged before it was opened, another name is tried. A second exchange of one that
            // is still empty replaces it: `rename` removes an empty folder.
            let Ok(scratch) = Scratch::create(ground.folder.path()) else { continue };
            let Ok(raw) = try_disk(&scratch) else { continue };
            let packing = Packing::by(Qcow2Compression::None);
            let made = publish(&raw, &both(&ground), packing, &scratch, &Cancel::new());
            tries += u64::from(made.is_ok());
            ground.assert_precious();
        }
        drop(ends);
        (tries, attacker.join().unwrap())
    });
    assert!(tries > 30 && swaps > 10, "{tries} images, {swaps} exchanges");
    ground.assert_precious();
}

#[test]
fn an_output_that_is_a_link_is_refused_and_what_it_leads_to_stays() {
    let ground = Ground::new();
    symlink(&ground.precious, ground.at("x.qcow2")).unwrap();
    let refused = check_output(&ground.at("x.qcow2")).unwrap_err().to_string();
    assert!(refused.contains("is a symbolic link"), "{refused}");
    let scratch = Scratch::create(ground.folder.path()).unwrap();
    let raw = disk(&scratch);
    let outputs = [(Format::Qcow2, ground.at("x.qcow2"))];
    let error = publish(&raw, &outputs, packing(), &scratch, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("is a symbolic link"), "{error}");
    // One that comes later is replaced, or refused; never followed.
    let files = [Placed { from: raw, to: ground.at("x.qcow2") }];
    assert!(put_in_place(&files, &scratch, &Cancel::new()).is_err());
    ground.assert_precious();
}

#[test]
fn links_in_the_folder_of_the_outputs_are_not_followed() {
    let ground = Ground::new();
    // A checksum, a manifest and a file of an element, each a link to root's file.
    for name in ["x.raw.sha256", "x.manifest.json", "x.notes"] {
        symlink(&ground.precious, ground.at(name)).unwrap();
        let scratch = Scratch::create(ground.folder.path()).unwrap();
        let disks = [("disk0".to_owned(), disk(&scratch))];
        let error = published(&disks, &ground.at("x"), b"notes", &scratch, &Cancel::new());
        let error = error.unwrap_err();
        assert!(matches!(error, ImageError::Output { .. }), "{name}: {error}");
        ground.assert_precious();
        fs::remove_file(ground.at(name)).unwrap();
    }
}

#[test]
fn a_folder_of_outputs_that_was_exchanged_is_told() {
    let ground = Ground::new();
    let (out, other) = (ground.at("out"), ground.at("other"));
    fs::create_dir(&out).unwrap();
    fs::create_dir(&other).unwrap();
    let scratch = Scratch::create(&out).unwrap();
    let raw = disk(&scratch);
    let files = [Placed { from: raw, to: other.join("x.raw") }];
    let error = put_in_place(&files, &scratch, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("is not in the folder"), "{error}");
    // By the path that was asked for, all goes to the folder that was there.
    let raw = scratch.path().join("disk.raw");
    fs::rename(&out, ground.at("moved")).unwrap();
    symlink(ground.precious.parent().unwrap(), &out).unwrap();
    let files = [Placed { from: raw, to: out.join("x.raw") }];
    put_in_place(&files, &scratch, &Cancel::new()).unwrap();
    assert!(ground.at("moved/x.raw").exists());
    assert!(!ground.precious.with_file_name("x.raw").exists());
}

fn published(
    disks: &[(String, PathBuf)],
    stem: &Path,
    notes: &[u8],
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<(), ImageError> {
    let packing = Packing::by(Qcow2Compression::None);
    let made = Images { disks, tree: TreeFiles::default(), stem, formats: vec![Format::Raw] }
        .make(packing, scratch, cancel)?;
    let beside = [(".notes".into(), Arc::from(notes))];
    made.publish(Manifest::default(), &beside, scratch, cancel).map(drop)
}

#[test]
fn a_file_beside_the_image_replaces_only_what_was_written_before() {
    let ground = Ground::new();
    let stem = ground.at("x");
    let build = |notes: &[u8]| {
        let scratch = Scratch::create(ground.folder.path()).unwrap();
        let disks = [("disk0".to_owned(), disk(&scratch))];
        published(&disks, &stem, notes, &scratch, &Cancel::new())
    };
    let planned = || check_beside(&stem, &[".notes"], &Cancel::new());
    fs::write(ground.at("x.notes"), "of a person").unwrap();
    for error in [planned().unwrap_err(), build(b"one").unwrap_err()] {
        assert!(error.to_string().contains("is not what dibhost wrote"), "{error}");
    }
    assert_eq!(fs::read(ground.at("x.notes")).unwrap(), b"of a person");
    assert!(!ground.at("x.raw").exists());
    fs::remove_file(ground.at("x.notes")).unwrap();

    // What it wrote itself, it writes anew.
    for notes in [b"one", b"two"] {
        planned().unwrap();
        build(notes).unwrap();
        assert_eq!(fs::read(ground.at("x.notes")).unwrap(), notes);
    }
    fs::write(ground.at("x.notes"), "changed").unwrap();
    assert!(planned().is_err() && build(b"three").is_err());
    assert_eq!(fs::read(ground.at("x.notes")).unwrap(), b"changed");
}
