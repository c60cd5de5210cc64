//! Trees, and the kernel's view of filesystems made of them. Needs root, loop devices and mounting.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_filesystems::Listing;
use tempfile::TempDir;

pub(crate) const EPOCH: i64 = 1_700_000_000;

pub(crate) fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}:\n{said}");
    said
}

pub(crate) fn run(program: &str, args: &[&str]) {
    output(program, args);
}

/// A mounted image file, unmounted and detached when it goes.
#[allow(dead_code, reason = "not every test has images")]
pub(crate) struct Mounted {
    folder: TempDir,
}

#[allow(dead_code, reason = "not every test has images")]
impl Mounted {
    pub(crate) fn new(image: &Path, kind: &str, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("loop,{options}");
        let (image, at) = (image.to_str().unwrap(), folder.path().to_str().unwrap());
        run("mount", &["-t", kind, "-o", &options, image, at]);
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[self.folder.path().to_str().unwrap()]);
    }
}

pub(crate) fn listing(folder: &Path) -> Listing {
    Listing::of(File::open(folder).unwrap().as_fd()).unwrap()
}

/// Bytes that no tool can leave away as zeros or compress, equal every time.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8 | 1
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

/// Files, folders and links that every kind of filesystem holds without the kernel's help.
pub(crate) fn plain_tree(root: &Path) {
    for folder in ["etc/empty", "usr/bin", "usr/share/many", "home/user"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("etc/hostname"), "image\n").unwrap();
    fs::write(root.join("etc/nothing"), "").unwrap();
    fs::write(root.join("usr/bin/tool"), noise(3_000_001, 4)).unwrap();
    fs::write(root.join("etc.d"), "sorted between a folder and what is in it").unwrap();
    for i in 0..700 {
        let name = format!("usr/share/many/file-with-a-long-name-{i:04}");
        fs::write(root.join(name), noise(i * 11, 5)).unwrap();
    }
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("x".repeat(300), root.join("etc/long")).unwrap();
    symlink("/etc/passwd", root.join("etc/absolute")).unwrap();
    run("chmod", &["4755", &text(root.join("usr/bin/tool"))]);
    run("chmod", &["2750", &text(root.join("home/user"))]);
    run("chmod", &["0751", &text(root.to_owned())]);
    run("chown", &["-h", "1000:70000", &text(root.join("home/user"))]);
    run("chown", &["-h", "12:34", &text(root.join("etc/long"))]);
}

/// One of everything.
pub(crate) fn full_tree(root: &Path) {
    use std::os::unix::ffi::OsStrExt as _;
    plain_tree(root);
    let sparse = File::create(root.join("usr/sparse")).unwrap();
    sparse.set_len(60 << 20).unwrap();
    sparse.write_all_at(&noise(10_000, 9), 30 << 20).unwrap();
    fs::hard_link(root.join("usr/bin/tool"), root.join("usr/bin/other")).unwrap();
    fs::hard_link(root.join("usr/bin/tool"), root.join("another")).unwrap();
    let hostile = std::ffi::OsStr::from_bytes(b" -rf \n\"\\\xff\xfe$`:");
    fs::write(root.join(hostile), "a name").unwrap();
    symlink("../../../a b\nc", root.join("home/blank")).unwrap();
    fs::create_dir(root.join("tmp")).unwrap();
    fs::create_dir(root.join("dev")).unwrap();
    run("chmod", &["1777", &text(root.join("tmp"))]);
    run("mknod", &["-m", "666", &text(root.join("dev/null")), "c", "1", "3"]);
    run("mknod", &["-m", "660", &text(root.join("dev/sdz300")), "b", "259", "300"]);
    run("mkfifo", &["-m", "600", &text(root.join("dev/pipe"))]);
    let tool = text(root.join("usr/bin/tool"));
    run("setfattr", &["-n", "user.origin", "-v", "somewhere", &tool]);
    let capability = "0x0100000200200000000000000000000000000000";
    run("setfattr", &["-n", "security.capability", "-v", capability, &tool]);
    // `u::rwx,u:1000:r-x,g::r-x,m::r-x,o::---`
    let acl = "0x0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000000ffffffff";
    let folder = text(root.join("etc/empty"));
    run("setfattr", &["-n", "system.posix_acl_access", "-v", acl, &folder]);
    run("setfattr", &["-n", "trusted.note", "-v", "n", &folder]);
    run("touch", &["-h", "-d", "@1500000000.123456789", &tool, &text(root.join("bin"))]);
}
