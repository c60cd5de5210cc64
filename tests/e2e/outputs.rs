//! Every format of an image file, read by the programs that people read it with.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, tool, work_folder};
use serde_json::Value;

use crate::rootless::User;

const ALL: [&str; 10] =
    ["raw", "vhd", "vhdx", "vmdk", "vdi", "tar", "tgz", "tar.zst", "squashfs", "oci"];

/// A file of another user, one that nobody may read, two names of one file, a program with a
/// capability.
const DEFINITION: &str = r#"
packages = ["iputils-ping", "libcap2-bin"]

[image]
name = "every"
elements = ["debian-minimal"]
formats = ["raw", "vhd", "vhdx", "vmdk", "vdi", "tar", "tgz", "tar.zst", "squashfs", "oci"]

[[files]]
path = "/srv/of-www-data"
content = "theirs\n"
owner = "www-data"
group = "www-data"

[[files]]
path = "/srv/closed"
content = "nobody's\n"
mode = "0000"

[[commands]]
phase = "finalise"
run = ["ln", "/srv/of-www-data", "/srv/twice"]
"#;

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[test]
fn every_format_holds_the_image_and_a_users_are_roots() -> Result<()> {
    let root = dibhost()?;
    let definition = root.write("every.toml", DEFINITION)?;
    let outcome = root.run(&["build", text(&definition), "-o", "every"])?.expect_code(0)?;
    let at = |format: &str| root.folder().join(format!("every.{format}"));
    for format in ALL {
        let line = format!("every.{format}  ");
        ensure!(outcome.stdout.contains(&line), "{format} is not told: {}", outcome.stdout);
    }

    // Disks.
    for (format, driver) in [("vhd", "vpc"), ("vhdx", "vhdx"), ("vmdk", "vmdk"), ("vdi", "vdi")] {
        let (file, raw) = (at(format), at("raw"));
        tool::run("qemu-img", &["compare", "-f", "raw", "-F", driver, text(&raw), text(&file)])
            .with_context(|| format!("comparing the {format}"))?;
    }

    // Archives.
    let tar = at("tar");
    let list = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-tvvf"];
    let list = |file: &Path| tool::run("tar", &[list.as_slice(), &[text(file)]].concat());
    let listed = list(&tar)?;
    is_listed(&listed)?;
    ensure!(list(&at("tgz"))? == listed, "the tgz is another one");
    ensure!(list(&at("tar.zst"))? == listed, "the tar.zst is another one");

    // What a squashfs holds.
    let folder = work_folder()?;
    let unpacked = folder.path().join("squashfs");
    tool::run("unsquashfs", &["-quiet", "-d", text(&unpacked), text(&at("squashfs"))])?;
    holds(&unpacked)?;

    // A container.
    let source = format!("oci-archive:{}", at("oci").display());
    let said: Value = serde_json::from_str(&tool::run("skopeo", &["inspect", &source])?)?;
    ensure!(said["Os"] == "linux" && said["Architecture"] == "amd64", "{said}");
    let copy = folder.path().join("copy");
    tool::run("skopeo", &["copy", "--quiet", &source, &format!("dir:{}", copy.display())])?;
    let manifest: Value = serde_json::from_slice(&fs::read(copy.join("manifest.json"))?)?;
    let layer = manifest["layers"][0]["digest"].as_str().context("a layer")?;
    let layer = copy.join(layer.trim_start_matches("sha256:"));
    let container = folder.path().join("container");
    fs::create_dir(&container)?;
    let unpack = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xzpf"];
    let to = [text(&layer), "-C", text(&container)];
    tool::run("tar", &[unpack.as_slice(), &to].concat())?;
    holds(&container)?;

    // By a user without any right.
    let user = User::new("formats", true)?;
    fs::write(user.at("same.toml"), DEFINITION)?;
    user.run(&["build", "same.toml", "-o", "every"])?.expect_code(0)?;
    for format in ALL {
        let sum = |file: &Path| fs::read_to_string(file.with_added_extension("sha256"));
        let (ours, theirs) = (sum(&at(format))?, sum(&user.at(&format!("every.{format}")))?);
        ensure!(ours == theirs, "the user's {format} is another: {ours} {theirs}");
    }
    Ok(())
}

/// What an archive's list says of each file.
fn is_listed(listed: &str) -> Result<()> {
    let line = |name: &str| {
        let mut lines = listed.lines();
        lines.find(|line| line.contains(name)).with_context(|| format!("no {name}"))
    };
    let theirs = line("./srv/of-www-data")?;
    ensure!(theirs.starts_with("-rw-r--r--") && theirs.contains(" 33/33 "), "{theirs}");
    let closed = line("./srv/closed")?;
    ensure!(closed.starts_with("----------") && closed.contains(" 0/0 "), "{closed}");
    let twice = line("./srv/twice")?;
    ensure!(twice.starts_with('h') && twice.ends_with("link to ./srv/of-www-data"), "{twice}");
    let su = line("./usr/bin/su")?;
    ensure!(su.starts_with("-rwsr-xr-x"), "{su}");
    let after_ping = listed.lines().skip_while(|line| !line.ends_with("./usr/bin/ping")).nth(1);
    ensure!(
        after_ping.is_some_and(|line| line.contains("security.capability")),
        "ping lost its capability: {after_ping:?}"
    );
    // A disk is made of it too.
    line("./etc/fstab").map(drop)
}

/// What is in the tree that was unpacked; it runs.
fn holds(tree: &Path) -> Result<()> {
    let stat = |path: &str| tool::run("stat", &["-c", "%u:%g %a %h", text(&tree.join(path))]);
    for (path, expected) in [
        ("srv/of-www-data", "33:33 644 2"),
        ("srv/closed", "0:0 0 1"),
        ("usr/bin/su", "0:0 4755 1"),
    ] {
        let found = stat(path)?;
        ensure!(found.trim() == expected, "{path} in {}: {found}", tree.display());
    }
    let run = ["sh", "-c", ". /etc/os-release; echo $ID; getcap /usr/bin/ping"];
    let said = tool::run("chroot", &[[text(tree)].as_slice(), &run].concat())?;
    ensure!(said.starts_with("debian\n"), "{said}");
    ensure!(said.contains("/usr/bin/ping cap_net_raw=ep"), "{said}");
    Ok(())
}

#[test]
fn where_only_the_tree_is_wanted_no_disk_is_made() -> Result<()> {
    let root = dibhost()?;
    let build = ["build", "debian-minimal", "-o", "tree.tar.zst"];
    let plan = root.run(&["plan", "debian-minimal", "-o", "tree.tar.zst"])?.expect_code(0)?.stdout;
    ensure!(plan.contains("none: what is made is the tree"), "{plan}");
    ensure!(!plan.contains("block device"), "{plan}");
    let said = root.run(&build)?.expect_code(0)?;
    ensure!(!said.stderr.contains("write the disk"), "{}", said.stderr);
    let made: Vec<_> = fs::read_dir(root.folder())?.collect::<Result<_, _>>()?;
    let images = made.iter().filter(|e| e.path().extension().is_some_and(|x| x == "zst"));
    ensure!(images.count() == 1, "{made:?}");
    let listed = tool::run("tar", &["-tf", text(&root.folder().join("tree.tar.zst"))])?;
    ensure!(listed.lines().any(|line| line == "./usr/bin/dpkg"), "{listed}");
    ensure!(!listed.lines().any(|line| line == "./etc/fstab"), "a tree has no disks to mount");
    Ok(())
}
