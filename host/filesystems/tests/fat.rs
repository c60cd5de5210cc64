//! FAT of trees that are large in one way, read back by mtools and `fsck.fat`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_filesystems::{
    Counted, FatSerial, FilesystemIdentity, FilesystemKind, FilesystemUuid, FolderTree, Site, Tree,
    TreeEntry, parse_tuning,
};
use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

fn output(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).env("MTOOLS_SKIP_CHECK", "1").args(args).output().unwrap();
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        panic!("{program} {args:?}: {}", String::from_utf8_lossy(&said));
    }
    output.stdout
}

fn fitted(tree: &mut dyn Tree) -> Result<(Counted, u64), (String, String)> {
    let tuning = parse_tuning(FilesystemKind::Vfat, &[]).unwrap();
    let counted = Counted::of(FilesystemKind::Vfat, tuning, &["/"], tree).unwrap()?;
    let size = counted.bytes_for(0, 512, true);
    Ok((counted, size))
}

/// Makes it in an image that holds `before` everywhere.
fn make(tree: &mut dyn Tree, image: &Path, before: u8) -> Result<(), String> {
    let (counted, size) = fitted(tree).map_err(|(problem, _)| problem)?;
    let identity = FilesystemIdentity {
        uuid: FilesystemUuid::Serial(FatSerial(7)),
        hash_seed: uuid::Uuid::from_u128(7),
    };
    let layout = counted.fit(size, 512, &identity).map_err(|(problem, _)| problem)?;
    let file = File::options().create(true).truncate(true).read(true).write(true).open(image);
    let file = file.unwrap();
    file.set_len(size).unwrap();
    if before != 0 {
        file.write_all_at(&vec![before; usize::try_from(size).unwrap()], 0).unwrap();
    }
    let site = Site {
        file: &file,
        path: image,
        offset: 0,
        zeroed: before == 0,
        scratch: image.parent().unwrap(),
        label: None,
        mount: Some("/"),
        time: 1_700_000_000,
    };
    layout.make(&site, tree).map_err(|e| e.to_string())?;
    output("fsck.fat", &["-n", image.to_str().unwrap()]);
    Ok(())
}

fn root(fill: impl FnOnce(&Path)) -> (TempDir, FolderTree, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fill(&root);
    let tree = FolderTree::of_parts([("/", root.as_path())], Cancel::new()).unwrap();
    let image = folder.path().join("image");
    (folder, tree, image)
}

fn content(image: &Path, name: &str) -> Vec<u8> {
    output("mtype", &["-i", image.to_str().unwrap(), &format!("::{name}")])
}

#[test]
fn holes_stay_holes_and_zeros_are_written_where_something_else_was() {
    let (_folder, mut tree, image) = root(|root| {
        let file = File::create(root.join("sparse")).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        file.write_all_at(b"middle", 20_000_001).unwrap();
        file.set_len(60 * MIB).unwrap();
    });
    let mut want = vec![0; 60 << 20];
    want[..5].copy_from_slice(b"begin");
    want[20_000_001..20_000_007].copy_from_slice(b"middle");
    for before in [0, 0xff] {
        make(&mut tree, &image, before).unwrap();
        assert!(content(&image, "sparse") == want, "{before}");
        let allocated = fs::metadata(&image).unwrap().blocks() * 512;
        assert_eq!(allocated < 2 * MIB, before == 0, "{allocated}");
    }
}

/// Of a file as large as FAT takes the last bytes are written.
#[test]
fn the_largest_file_is_written_in_pieces() {
    const SIZE: u64 = (4 << 30) - (32 << 10);
    let (folder, mut tree, image) = root(|root| {
        let file = File::create(root.join("large")).unwrap();
        file.write_all_at(b"end", SIZE - 3).unwrap();
    });
    make(&mut tree, &image, 0).unwrap();
    let end = tail(&image, 3);
    assert_eq!(end, b"end");
    assert!(fs::metadata(&image).unwrap().blocks() * 512 < 64 * MIB);
    // It is never all in memory: this process has what it had.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 200 << 10, "{peak} KiB");
    let large = folder.path().join("root/large");
    File::options().write(true).open(large).unwrap().set_len(SIZE + 1).unwrap();
    let problem = make(&mut tree, &image, 0).unwrap_err();
    assert!(problem.contains(&format!("`large` has {} bytes", SIZE + 1)), "{problem}");
}

/// The last bytes of the only file of an image.
fn tail(image: &Path, length: usize) -> Vec<u8> {
    let mut child = Command::new("mtype")
        .env("MTOOLS_SKIP_CHECK", "1")
        .args(["-i", image.to_str().unwrap(), "::large"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut kept, mut piece) = (Vec::new(), vec![0; 1 << 20]);
    let mut said = child.stdout.take().unwrap();
    loop {
        let read = io::Read::read(&mut said, &mut piece).unwrap();
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&piece[..read]);
        let extra = kept.len().saturating_sub(length);
        kept.drain(..extra);
    }
    assert!(child.wait().unwrap().success());
    kept
}

#[test]
fn eight_thousand_long_names_in_a_folder_are_told_apart() {
    let (_folder, mut tree, image) = root(|root| {
        fs::create_dir(root.join("entries")).unwrap();
        for name in 0..8000 {
            File::create(root.join(format!("entries/a-loader-entry-{name}.conf"))).unwrap();
        }
    });
    make(&mut tree, &image, 0).unwrap();
    let listed = output("mdir", &["-b", "-i", image.to_str().unwrap(), "::entries"]);
    assert_eq!(String::from_utf8(listed).unwrap().lines().count(), 8000);
}

#[test]
fn a_folder_with_more_names_than_fat_takes_is_refused() {
    let (_folder, mut tree, image) = root(|root| {
        for name in 0..22_000 {
            File::create(root.join(format!("a-loader-entry-{name:012}"))).unwrap();
        }
    });
    let problem = make(&mut tree, &image, 0).unwrap_err();
    let said = "`/` has 22000 names, which take 88001 entries, and a folder of FAT takes 65536";
    assert_eq!(problem, said);
}

/// A tree whose file is longer or shorter than it was when it was counted.
struct Changed(FolderTree, &'static [u8]);

impl Tree for Changed {
    fn part(&self, mount: &str) -> &Path {
        self.0.part(mount)
    }

    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> io::Result<()> {
        self.0.entries(mount, each)
    }

    fn read_pieces(
        &mut self,
        _: &str,
        _: &str,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        each(self.1)
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.0.program(program)
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_told() {
    for (now, said) in [
        (&b"four"[..], "`file` had 3 bytes and now has more"),
        (b"2s", "`file` had 3 bytes and now has 2"),
    ] {
        let (_folder, tree, image) = root(|root| fs::write(root.join("file"), "abc").unwrap());
        let problem = make(&mut Changed(tree, now), &image, 0).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    }
}
