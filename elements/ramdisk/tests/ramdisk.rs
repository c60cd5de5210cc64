//! The element on a host in memory, and its script on a folder.

use std::path::Path;
use std::process::Command;

use dibhost_element_sdk::slots::Kernel;
use dibhost_element_sdk::{Output, Phase, TestHost, Want};
use ramdisk::Ramdisk;

const MADE: &str = "/var/tmp/dibhost-ramdisk";

fn kernel(version: &str) -> Kernel {
    let image = format!("/boot/vmlinuz-{version}");
    Kernel { version: version.to_owned(), image, initramfs: None }
}

fn host() -> TestHost {
    TestHost::new()
        .fact("kernel", "6.1", &kernel("6.1"))
        .fact("kernel", "6.12", &kernel("6.12"))
        .file("/boot/vmlinuz-6.1", "old")
        .file("/boot/vmlinuz-6.12", "new")
}

#[test]
fn the_tree_and_the_newest_kernel_are_beside_the_image() {
    let mut host =
        host().parameter("without", vec!["/usr/share/doc"]).answer("sh", |command, tree| {
            let words: Vec<&str> = command.args.iter().skip(2).map(String::as_str).collect();
            assert_eq!(words[..3], ["sh", MADE, "6"]);
            assert_eq!(words.last(), Some(&"/usr/share/doc"));
            tree.put_file(MADE, "packed");
            Output::default()
        });
    let ran = host.run::<Ramdisk>(Phase::Cleanup).unwrap();
    let outputs: Vec<(&str, &[u8])> = ran.outputs.iter().map(|(s, c)| (&**s, &**c)).collect();
    assert_eq!(outputs, [(".kernel", &b"new"[..]), (".initramfs", b"packed")]);
    // What was made is no part of the image.
    assert!(!host.exists(MADE));
}

#[test]
fn nothing_is_left_where_it_fails() {
    let mut host = host().answer("sh", |_, tree| {
        tree.put_file(MADE, "half");
        Output { status: 1, ..Output::default() }
    });
    assert!(host.run::<Ramdisk>(Phase::Cleanup).is_err());
    assert!(!host.exists(MADE));
    assert!(
        TestHost::new().run::<Ramdisk>(Phase::Cleanup).unwrap_err().message.contains("no kernel")
    );
}

#[test]
fn the_packages_are_the_builds_alone_and_odd_words_are_refused() {
    let planned = TestHost::new().plan::<Ramdisk>(Phase::Install).unwrap();
    assert!(planned.packages.iter().all(|package| package.want == Want::BuildOnly));
    let refused = |host: TestHost, parameter: &str| {
        let mut host = host;
        let planned = host.plan::<Ramdisk>(Phase::Install).unwrap();
        assert_eq!(planned.findings[0].parameter.as_deref(), Some(parameter));
        assert!(planned.findings[0].fatal);
    };
    refused(TestHost::new().parameter("compression-level", 22), "compression-level");
    refused(TestHost::new().parameter("without", vec!["/x -delete"]), "without");
}

/// The script itself, on a folder in the place of the tree: what is in the archive, and what is left.
#[test]
fn the_script_packs_all_but_what_is_left_out() {
    let folder = std::env::temp_dir().join(format!("dibhost-ramdisk-{}", std::process::id()));
    let put = |path: &str| {
        let at = folder.join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, path).unwrap();
    };
    for path in
        ["etc/fstab", "etc/hostname", "usr/share/doc/a/b", "usr/sbin/policy-rc.d", "usr/bin/x"]
    {
        put(path);
    }
    std::fs::create_dir_all(folder.join("var/tmp")).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pack.sh");
    let mut sh = Command::new("sh");
    let sh = sh.args([script, MADE, "1", "/boot/*", "/usr/share/doc"]).env("DIBHOST_TREE", &folder);
    let output = sh.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = folder.join(&MADE[1..]);
    let list = format!("zstd -dcq '{}' | cpio -t --quiet", made.display());
    let listed = Command::new("sh").args(["-c", &list]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<&str> = listed.lines().collect();
    assert_eq!(
        names,
        [
            ".",
            "etc",
            "etc/hostname",
            "init",
            "usr",
            "usr/bin",
            "usr/bin/x",
            "usr/sbin",
            "usr/share",
            "var",
            "var/tmp"
        ]
    );
    let left: Vec<_> = std::fs::read_dir(folder.join("var/tmp")).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert!(!Path::new(&folder).join("init").exists());
    std::fs::remove_dir_all(&folder).unwrap();
}
