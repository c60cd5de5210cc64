//! The tree copier into filesystems that the kernel has mounted, and what it refuses.

#[path = "mounted/mod.rs"]
mod mounted;

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use dibhost_filesystems::{Copied, CopyError, Holds, copy};
use dibhost_sys::Cancel;
use mounted::{EPOCH, Mounted, full_tree, listing, run};

fn copied(from: &Path, to: &Path, holds: Holds, cancel: &Cancel) -> Result<Copied, CopyError> {
    let (from, to) = (File::open(from).unwrap(), File::open(to).unwrap());
    copy(from.as_fd(), to.as_fd(), holds, EPOCH, cancel)
}

#[test]
fn ext4_xfs_and_btrfs_hold_the_tree_to_the_nanosecond() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    full_tree(&root);
    let mut want = listing(&root);
    want.clamp(EPOCH, false);
    for (kind, options) in [("ext4", "acl"), ("xfs", "rw"), ("btrfs", "rw")] {
        let image = folder.path().join(kind);
        File::create(&image).unwrap().set_len(400 << 20).unwrap();
        run(&format!("mkfs.{kind}"), &["-q", image.to_str().unwrap()]);
        let mounted = Mounted::new(&image, kind, options);
        if kind == "btrfs" {
            // A subvolume is a folder that is there already.
            run("btrfs", &["subvolume", "create", mounted.path().join("home").to_str().unwrap()]);
        }
        let done = copied(&root, mounted.path(), Holds::Everything, &Cancel::new()).unwrap();
        assert_eq!(done.names as usize, want.entries.len() - 1);
        let mut have = listing(mounted.path());
        have.entries.remove(&b"lost+found"[..]);
        let differences = want.differences(&have);
        assert!(differences.is_empty(), "{kind}:\n{}", differences.join("\n"));
        let sparse = mounted.path().join("usr/sparse").metadata().unwrap();
        assert!(sparse.blocks() * 512 < 1 << 20, "{kind}: {} blocks", sparse.blocks());
    }
}

#[test]
fn no_link_leads_out_on_either_side() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (from, to, outside) = (make("from"), make("to"), make("outside"));
    fs::create_dir(from.join("etc")).unwrap();
    fs::write(from.join("etc/passwd"), "evil").unwrap();
    symlink(&outside, to.join("etc")).unwrap();
    let error = copied(&from, &to, Holds::Everything, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("`/etc`"), "{error}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);

    // A file that is there is not written over, nor what a link there points to.
    let (from, to) = (make("from-2"), make("to-2"));
    fs::write(from.join("file"), "evil").unwrap();
    fs::write(outside.join("file"), "good").unwrap();
    symlink(outside.join("file"), to.join("file")).unwrap();
    copied(&from, &to, Holds::Everything, &Cancel::new()).unwrap_err();
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "good");

    // A link of the tree is copied, not what it points to.
    let (from, to) = (make("from-3"), make("to-3"));
    symlink(&outside, from.join("link")).unwrap();
    copied(&from, &to, Holds::Everything, &Cancel::new()).unwrap();
    assert_eq!(fs::read_link(to.join("link")).unwrap(), outside);
}

#[test]
fn fat_holds_names_and_content_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("EFI")).unwrap();
    fs::create_dir(&to).unwrap();
    fs::write(from.join("EFI/BOOTX64.EFI"), "boot").unwrap();
    run("chmod", &["0600", from.join("EFI/BOOTX64.EFI").to_str().unwrap()]);
    copied(&from, &to, Holds::NamesAndContent, &Cancel::new()).unwrap();
    assert_eq!(fs::read_to_string(to.join("EFI/BOOTX64.EFI")).unwrap(), "boot");
    symlink("EFI", from.join("link")).unwrap();
    let again = folder.path().join("again");
    fs::create_dir(&again).unwrap();
    let error = copied(&from, &again, Holds::NamesAndContent, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("`/link`"), "{error}");
}

#[test]
fn cancelling_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("a")).unwrap();
    fs::create_dir(&to).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let error = copied(&from, &to, Holds::Everything, &cancel).unwrap_err();
    assert!(matches!(error, CopyError::Cancelled(_)));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
}

#[test]
fn a_listing_shows_every_difference_on_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for root in [&one, &two] {
        fs::create_dir(root).unwrap();
        for name in ["same", "content", "mode", "xattr", "linked"] {
            fs::write(root.join(name), name).unwrap();
        }
    }
    fs::write(two.join("content"), "CONTENT").unwrap();
    run("chmod", &["0600", two.join("mode").to_str().unwrap()]);
    run("setfattr", &["-n", "user.a,b", "-v", "c", two.join("xattr").to_str().unwrap()]);
    fs::hard_link(one.join("linked"), one.join("second")).unwrap();
    fs::write(two.join("second"), "linked").unwrap();
    let lists = [&one, &two].map(|root| {
        let mut listing = listing(root);
        listing.clamp(0, true);
        listing
    });
    let differences = lists[0].differences(&lists[1]);
    let paths: Vec<_> = differences.iter().map(|l| l.rsplit(' ').next().unwrap()).collect();
    let want = ["/content", "/linked", "/mode", "/second", "/xattr"];
    assert_eq!(paths, want.iter().flat_map(|p| [*p, *p]).collect::<Vec<_>>());
    let text = lists[1].to_string();
    assert!(text.contains(r"user.a\x2cb=63 /xattr"), "{text}");
    assert_eq!(text.lines().count(), 7);
}
