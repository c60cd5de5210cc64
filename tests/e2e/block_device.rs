//! `dibhost block-device` from the command line.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use dibhost_tests::{Dibhost, dibhost, disk, repository, tool};

fn example(name: &str) -> String {
    let folder = repository().join("host/dib/tests/dib/cases");
    folder.join(name).display().to_string()
}

#[test]
fn dibs_graph_is_shown_in_its_call_order() -> Result<()> {
    let said = dibhost()?
        .run(&["block-device", "plan", "--graph", &example("deep_tree.yaml")])?
        .expect_code(0)?;
    let mut at = 0;
    for node in ["image0", "root", "mkfs_root", "mount_mkfs_root", "fstab_mount_mkfs_root"] {
        let found = said.stdout[at..].find(node);
        at += found.unwrap_or_else(|| panic!("{node} is not in its place: {}", said.stdout));
    }
    Ok(())
}

#[test]
fn partitions_are_where_dib_puts_them() -> Result<()> {
    let file = example("gpt_efi.yaml");
    let said =
        dibhost()?.run(&["block-device", "plan", "--size", "1GiB", &file])?.expect_code(0)?;
    for line in ["at 1 MiB, 8 MiB", "at 9 MiB, 8 MiB", "at 17 MiB, 1006 MiB"] {
        ensure!(said.stdout.contains(line), "{line} is not in {}", said.stdout);
    }
    Ok(())
}

#[test]
fn a_wrong_file_is_refused_with_its_place() -> Result<()> {
    let file = example("duplicate_name.yaml");
    let said = dibhost()?.run(&["block-device", "plan", &file])?.expect_code(2)?;
    ensure!(said.stderr.contains("duplicate_name.yaml:"), "{}", said.stderr);
    ensure!(said.stderr.contains("this_is_a_duplicate"), "{}", said.stderr);
    ensure!(said.stderr.contains("help: "), "{}", said.stderr);
    Ok(())
}

#[test]
fn toml_is_planned_and_refused_with_its_places() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("layout.toml");
    let text = r#"
[[block-device]]
name = "disk"
type = "disk"
size = "1 GiB"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "root"
type = "partition"
on = "table"
size = "rest"
partition-type = "root-x86-64"

[[block-device]]
name = "filesystem"
type = "filesystem"
on = "root"
format = "ext4"
mount = "/"
"#;
    std::fs::write(&file, text)?;
    let path = file.display().to_string();
    let said = dibhost()?.run(&["block-device", "plan", &path])?.expect_code(0)?;
    ensure!(said.stdout.contains("1 root: at 1 MiB, 1022 MiB"), "{}", said.stdout);
    let said = dibhost()?.run(&["block-device", "plan", "--graph", &path])?.expect_code(0)?;
    ensure!(said.stdout.contains("filesystem-mount: mount on filesystem"), "{}", said.stdout);
    std::fs::write(&file, text.replace("size =", "sise ="))?;
    let said = dibhost()?.run(&["block-device", "plan", &path])?.expect_code(2)?;
    for told in ["layout.toml:5:1: node `disk`: the key `sise`", "did you mean `size`?", ":16:1: "]
    {
        ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
    }
    Ok(())
}

/// GRUB's images are in no tree yet, and the definition's elements add nodes of their own.
#[test]
fn a_layout_with_grub_and_a_definition_are_planned_before_there_are_files() -> Result<()> {
    let dibhost = dibhost()?;
    let grub = r#"
block-device = [
  { name = "disk", type = "disk" },
  { name = "table", type = "gpt", on = "disk" },
  { name = "bios", type = "partition", on = "table", partition-type = "bios-boot", size = "content" },
  { name = "root", type = "partition", on = "table", size = "content" },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", mount = "/" },
"#;
    let text = format!(
        "{grub}  {{ name = \"grub\", type = \"grub-bios\", on = [\"disk\", \"bios\"] }},\n]\n"
    );
    let file = dibhost.write("grub.toml", &text)?.display().to_string();
    let said = dibhost.run(&["block-device", "plan", &file])?.expect_code(0)?;
    ensure!(said.stdout.contains("GRUB"), "{}", said.stdout);

    let text = format!(
        "{grub}]\n[image]\nname = \"own\"\nelements = [\"debian-minimal\", \"bootloader\"]\narch = \"amd64\"\n"
    );
    let file = dibhost.write("image.toml", &text)?.display().to_string();
    let said = dibhost.run(&["block-device", "plan", &file])?.expect_code(0)?;
    ensure!(said.stdout.contains("GRUB"), "{}", said.stdout);
    let said = dibhost.run(&["block-device", "plan", "--graph", &file])?.expect_code(0)?;
    ensure!(said.stdout.contains("grub: grub-bios on disk, bios"), "{}", said.stdout);
    let said = dibhost.run(&["block-device", "plan", "--size", "4GiB", &file])?.expect_code(2)?;
    ensure!(said.stderr.contains("`size` of the node that is the disk"), "{}", said.stderr);
    Ok(())
}

/// What does not fit is told at its node's place, and what is hardly meant is a warning there.
#[test]
fn what_is_wrong_with_a_layout_has_its_place() -> Result<()> {
    let dibhost = dibhost()?;
    let text = r#"
[[block-device]]
name = "disk"
type = "disk"
size = "64 MiB"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "boot"
type = "partition"
on = "table"
partition-type = "bios-boot"
size = "62 MiB"

[[block-device]]
name = "boot-fs"
type = "filesystem"
on = "boot"
format = "ext4"
mount = "/"
"#;
    let file = dibhost.write("layout.toml", text)?.display().to_string();
    let said = dibhost.run(&["block-device", "plan", &file])?.expect_code(0)?;
    let warned = "layout.toml:19:1: node `boot-fs`: `boot` is a BIOS boot partition";
    ensure!(said.stderr.contains(warned), "{}", said.stderr);
    let more = "[[block-device]]\nname = \"rest\"\ntype = \"partition\"\non = \"table\"\nsize = \"rest\"\n";
    let file = dibhost.write("layout.toml", &format!("{text}{more}"))?.display().to_string();
    let said = dibhost.run(&["block-device", "plan", &file])?.expect_code(2)?;
    let refused = "layout.toml:25:1: node `rest`: nothing of the disk is left for it";
    ensure!(said.stderr.contains(refused), "{}", said.stderr);
    Ok(())
}

/// A qcow2 is no empty raw disk.
#[test]
fn a_qcow2_is_inspected_as_the_disk_that_it_holds() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let file = dibhost.write("layout.toml", &layout("ext4"))?.display().to_string();
    let raw = path(&dibhost, "disk.raw");
    dibhost.run(&["block-device", "build", &file, "--tree", &tree, "-o", &raw])?.expect_code(0)?;
    let inspect = |disk: &str| -> Result<String> {
        Ok(dibhost.run(&["block-device", "inspect", disk])?.expect_code(0)?.stdout)
    };
    let wanted = inspect(&raw)?;
    ensure!(wanted.contains("ext4"), "{wanted}");
    for options in [&[][..], &["-c", "-o", "compression_type=zstd"], &["-c"]] {
        let folder = dibhost.folder().join("packed");
        fs::create_dir_all(&folder)?;
        let packed = folder.join("disk.qcow2").display().to_string();
        tool::run("qemu-img", &[&["convert", "-O", "qcow2"], options, &[&raw, &packed]].concat())?;
        ensure!(inspect(&packed)? == wanted, "{options:?}: {}", inspect(&packed)?);
        fs::remove_file(&packed)?;
    }
    Ok(())
}

/// A disk with a small `/boot` and the rest for `/`.
const TWO: &str = r#"
[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "boot"
type = "partition"
on = "table"
size = "32 MiB"

[[block-device]]
name = "root"
type = "partition"
on = "table"
size = "content"

[[block-device]]
name = "boot-filesystem"
type = "filesystem"
on = "boot"
format = "ext2"
label = "boot"
mount = "/boot"

[[block-device]]
name = "root-filesystem"
type = "filesystem"
on = "root"
format = "FORMAT"
label = "root"
mount = "/"
"#;

pub(crate) fn layout(format: &str) -> String {
    TWO.replace("FORMAT", format)
}

/// A tree with a file of two names, which `mkfs.xfs` by itself cannot keep.
fn tree(dibhost: &Dibhost) -> Result<String> {
    let root = dibhost.folder().join("root");
    fs::create_dir_all(root.join("boot"))?;
    fs::write(root.join("hello"), "world\n")?;
    fs::hard_link(root.join("hello"), root.join("again"))?;
    fs::write(root.join("boot/vmlinuz"), "kernel\n")?;
    Ok(root.display().to_string())
}

fn path(dibhost: &Dibhost, name: &str) -> String {
    dibhost.folder().join(name).display().to_string()
}

pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn a_tree_becomes_a_disk_twice_the_same() -> Result<()> {
    let dibhost = dibhost()?.env("SOURCE_DATE_EPOCH", "1700000000");
    let tree = tree(&dibhost)?;
    let file = dibhost.write("layout.toml", &layout("ext4"))?.display().to_string();
    let out = dibhost.folder().join("out");
    fs::create_dir(&out)?;
    for name in ["one.raw", "two.raw"] {
        let output = out.join(name).display().to_string();
        let args = ["block-device", "build", &file, "--tree", &tree, "-o", &output];
        dibhost.run(&args)?.expect_code(0)?;
    }
    ensure!(names(&out)? == ["one.raw", "two.raw"], "{:?}", names(&out)?);
    let raw = out.join("one.raw");
    ensure!(fs::read(&raw)? == fs::read(out.join("two.raw"))?, "they differ");
    disk::verify_gpt(&raw)?;
    let partitions = disk::partitions(&raw)?;
    for (partition, file, content) in
        [(&partitions[0], "/vmlinuz", "kernel\n"), (&partitions[1], "/again", "world\n")]
    {
        let filesystem = disk::extract(&raw, partition, &out)?;
        disk::check_ext4(&filesystem)?;
        ensure!(disk::read_file(&filesystem, file)?.as_deref() == Some(content.as_bytes()));
    }
    Ok(())
}

#[test]
fn what_file_cannot_make_is_refused_and_loop_makes_it() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let file = dibhost.write("layout.toml", &layout("xfs"))?.display().to_string();
    let output = path(&dibhost, "disk.raw");
    // Its home and folder for temporary files are there.
    dibhost.command::<&str>(&[])?;
    let before = names(dibhost.folder())?;
    let args = ["block-device", "build", &file, "--tree", &tree, "-o", &output];
    let said = dibhost.run(&args)?.expect_code(2)?;
    for told in ["layout.toml", "`root-filesystem`", "has more than one name", "back-end `loop`"] {
        ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
    }
    ensure!(names(dibhost.folder())? == before, "{:?}", names(dibhost.folder())?);
    dibhost.run(&[&args[..], &["--backend", "loop"]].concat())?.expect_code(0)?;
    let raw = Path::new(&output);
    disk::verify_gpt(raw)?;
    let root = disk::extract(raw, &disk::partitions(raw)?[1], dibhost.folder())?;
    tool::run("xfs_repair", &["-n", "-f", &root.display().to_string()])?;
    Ok(())
}

#[test]
fn what_disks_are_laid_out_for_is_in_the_file_and_what_is_typed_wins() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let usual = dibhost.write("usual.toml", &layout("ext4"))?.display().to_string();
    let small = format!("[disks]\noptimise = \"size\"\n{}", layout("ext4"));
    let small = dibhost.write("small.toml", &small)?.display().to_string();
    // Of a GPT, 17 KiB are its own.
    for (file, flags, start) in [
        (&usual, &[][..], 1 << 20),
        (&small, &[][..], 20 << 10),
        (&small, &["--optimise", "speed"][..], 4 << 20),
        (&usual, &["--optimise", "size"][..], 20 << 10),
    ] {
        let output = path(&dibhost, "disk.raw");
        let args = ["block-device", "build", file, "--tree", &tree, "-o", &output];
        dibhost.run(&[&args[..], flags].concat())?.expect_code(0)?;
        let raw = Path::new(&output);
        disk::verify_gpt(raw)?;
        let first = disk::partitions(raw)?[0].start;
        ensure!(first == start, "{file} {flags:?}: {first} and not {start}");
        let args = [&["block-device", "plan", "--format", "json", file][..], flags].concat();
        let said = dibhost.run(&args)?.expect_code(0)?;
        let plan: serde_json::Value = serde_json::from_str(&said.stdout)?;
        let planned = &plan["partitions"][0]["extent"]["offset"];
        ensure!(*planned == start, "{file} {flags:?}: {planned} and not {start}");
        let image = dibhost.folder().join("device");
        fs::File::create(&image)?.set_len(128 << 20)?;
        let device = LoopDisk::of(&image)?;
        let args = ["block-device", "install", file, "--tree", &tree, "--device", &device.0];
        dibhost.run(&[&args[..], flags].concat())?.expect_code(0)?;
        tool::run("blockdev", &["--flushbufs", &device.0])?;
        let installed = disk::partitions(&image)?[0].start;
        ensure!(installed == start, "{file} {flags:?}: {installed} and not {start}");
        fs::remove_file(&image)?;
    }
    Ok(())
}

#[test]
fn the_back_end_is_in_the_file_and_what_is_typed_wins() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let text = format!("[disks]\nbackend = \"loop\"\n{}", layout("xfs"));
    let file = dibhost.write("layout.toml", &text)?.display().to_string();
    let output = path(&dibhost, "disk.raw");
    let args = ["block-device", "build", &file, "--tree", &tree, "-o", &output];
    dibhost.run(&args)?.expect_code(0)?;
    let said = dibhost.run(&[&args[..], &["--backend", "file"]].concat())?.expect_code(2)?;
    ensure!(said.stderr.contains("has more than one name"), "{}", said.stderr);

    let subvolume = layout("btrfs").replace("mount = \"/\"", "")
        + "[[block-device]]\nname = \"system\"\ntype = \"subvolume\"\non = \"root-filesystem\"\n\
           path = \"@\"\nmount = \"/\"\n";
    let file = dibhost.write("subvolume.toml", &subvolume)?.display().to_string();
    // Before the tree is looked at, which is not there.
    let args = ["block-device", "build", &file, "--tree", "/nonexistent", "-o", &output];
    let said = dibhost.run(&args)?.expect_code(2)?;
    for told in
        ["node `system`: the back-end `file` makes no btrfs subvolumes", "subvolume.toml:38:1"]
    {
        ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
    }
    Ok(())
}

#[test]
fn several_disks_are_several_files() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let text = layout("ext4").replace(
        "name = \"table\"",
        "name = \"data\"\ntype = \"disk\"\nsize = \"16 MiB\"\n\n[[block-device]]\nname = \"table\"",
    );
    let file = dibhost.write("layout.toml", &text)?.display().to_string();
    let out = dibhost.folder().join("out");
    fs::create_dir(&out)?;
    let output = out.join("image.raw").display().to_string();
    let args = ["block-device", "build", &file, "--tree", &tree, "-o", &output];
    dibhost.run(&args)?.expect_code(0)?;
    ensure!(names(&out)? == ["image.data.raw", "image.raw"], "{:?}", names(&out)?);

    // All of them or none: one cannot be replaced, so the other stays what it was.
    let (first, last) = (out.join("image.data.raw"), out.join("image.raw"));
    fs::write(&first, "an old one")?;
    let held = Immutable::new(&last)?;
    let refused = dibhost.run(&args)?.expect_code(1)?;
    drop(held);
    ensure!(refused.stderr.contains("image.raw"), "{}", refused.stderr);
    ensure!(fs::read(&first)? == b"an old one", "one disk of two was replaced");
    ensure!(names(&out)? == ["image.data.raw", "image.raw"], "{:?}", names(&out)?);
    Ok(())
}

/// A file that not even root replaces, until it is dropped.
struct Immutable<'a>(&'a Path);

impl<'a> Immutable<'a> {
    fn new(file: &'a Path) -> Result<Self> {
        tool::run("chattr", &["+i".as_ref(), file.as_os_str()])?;
        Ok(Self(file))
    }
}

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        // What else fails shows that it did not.
        let _ = tool::run("chattr", &["-i".as_ref(), self.0.as_os_str()]);
    }
}

#[test]
fn a_wrong_build_is_refused_and_leaves_nothing() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let wrong = layout("ext4").replace("on = \"disk\"", "on = \"disc\"");
    let wrong = dibhost.write("wrong.toml", &wrong)?.display().to_string();
    let small = layout("ext4").replace("type = \"disk\"", "type = \"disk\"\nsize = \"35 MiB\"");
    let small = dibhost.write("small.toml", &small)?.display().to_string();
    let right = dibhost.write("layout.toml", &layout("ext4"))?.display().to_string();
    let output = path(&dibhost, "disk.raw");
    // Its home and folder for temporary files are there.
    dibhost.command::<&str>(&[])?;
    let before = names(dibhost.folder())?;
    let missing = path(&dibhost, "there-is-none");
    for (file, tree, output, code, told) in [
        (&wrong, &tree, &output, 2, "`disc`"),
        (&small, &tree, &output, 2, "node `root`"),
        (&right, &missing, &output, 1, "there-is-none"),
        (&right, &tree, &"/dev/null".to_owned(), 2, "block-device install"),
    ] {
        let args = ["block-device", "build", file, "--tree", tree, "-o", output];
        let said = dibhost.run(&args)?.expect_code(code)?;
        ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
    }
    ensure!(names(dibhost.folder())? == before, "{:?}", names(dibhost.folder())?);
    Ok(())
}

/// A file as a disk, detached when it goes.
pub(crate) struct LoopDisk(pub(crate) String);

impl LoopDisk {
    pub(crate) fn of(file: &Path) -> Result<Self> {
        let file = file.display().to_string();
        let said = tool::run("losetup", &["--find", "--show", &file])?;
        Ok(Self(said.trim().to_owned()))
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = tool::run("partx", &["-d", &self.0]);
        let _ = tool::run("losetup", &["-d", &self.0]);
    }
}

#[test]
fn a_tree_is_installed_on_a_device_that_is_named_to_be_overwritten() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let text = layout("ext4").replace("size = \"content\"", "size = \"rest\"");
    let file = dibhost.write("layout.toml", &text)?.display().to_string();
    let image = dibhost.folder().join("device");
    fs::File::create(&image)?.set_len(128 << 20)?;
    tool::run("mke2fs", &["-q", "-F", "-L", "precious", &image.display().to_string()])?;
    let before = fs::read(&image)?;
    let disk = LoopDisk::of(&image)?;
    let args = ["block-device", "install", &file, "--tree", &tree, "--device", &disk.0];
    let unchanged = || -> Result<()> {
        tool::run("blockdev", &["--flushbufs", &disk.0])?;
        ensure!(fs::read(&image)? == before, "it was written to");
        Ok(())
    };

    let said = dibhost.run(&args)?.expect_code(1)?;
    for told in ["precious", &format!("--overwrite {}", disk.0)] {
        ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
    }
    let said = dibhost.run(&[&args[..], &["--overwrite", "/dev/sdx"]].concat())?.expect_code(1)?;
    ensure!(said.stderr.contains("`--overwrite` names `/dev/sdx`"), "{}", said.stderr);
    let named = [&args[..], &["--overwrite", &disk.0]].concat();
    let said = dibhost.run(&[&named[..], &["--dry-run"]].concat())?.expect_code(0)?;
    for told in ["lost: the whole device", "precious", "root-filesystem"] {
        ensure!(said.stdout.contains(told), "{told} is not in {}", said.stdout);
    }
    unchanged()?;

    dibhost.run(&named)?.expect_code(0)?;
    tool::run("blockdev", &["--flushbufs", &disk.0])?;
    disk::verify_gpt(&image)?;
    let root = disk::extract(&image, &disk::partitions(&image)?[1], dibhost.folder())?;
    disk::check_ext4(&root)?;
    ensure!(disk::read_file(&root, "/again")?.as_deref() == Some(&b"world\n"[..]));
    ensure!(fs::metadata(&root)?.len() > 90 << 20, "the disk has the device's size");
    Ok(())
}

#[test]
fn the_disk_of_the_running_system_is_never_written() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let file = dibhost.write("layout.toml", &layout("ext4"))?.display().to_string();
    let root = tool::run("findmnt", &["-n", "-o", "SOURCE", "/"])?;
    let root = root.trim();
    let args = ["block-device", "install", &file, "--tree", &tree, "--device", root];
    let named = [&args[..], &["--overwrite", root, "--dry-run"]].concat();
    let said = dibhost.run(&named)?.expect_code(1)?;
    ensure!(said.stderr.contains("the running system is on it"), "{}", said.stderr);
    Ok(())
}

/// A disk that other tools made, read as text and as JSON; opened with a secret; damaged.
#[test]
fn a_disk_is_read_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (disk, key) = (path("disk.raw"), path("key"));
    fs::write(&key, "correct horse")?;
    fs::File::create(&disk)?.set_len(64 << 20)?;
    tool::run(
        "sgdisk",
        &["-n", "1:2048:+8M", "-n", "2:18432:0", "-c", "1:boot", "-c", "2:crypt", &disk],
    )?;
    tool::run(
        "mke2fs",
        &["-q", "-F", "-t", "ext2", "-L", "boot", "-E", "offset=1048576", &disk, "8M"],
    )?;
    let crypt = path("crypt");
    fs::File::create(&crypt)?.set_len(20 << 20)?;
    let cost = ["--pbkdf-force-iterations", "4", "--pbkdf-memory", "32", "--pbkdf-parallel", "1"];
    let format = ["luksFormat", "-q", "--key-file", &key, "--cipher", "aes-xts-plain64"];
    let format =
        [&format[..], &["--key-size", "512", "--pbkdf", "argon2id"], &cost, &[crypt.as_str()]];
    tool::run("cryptsetup", &format.concat())?;
    let into = format!("of={disk}");
    tool::run("dd", &[&format!("if={crypt}"), &into, "bs=1M", "seek=9", "conv=notrunc,sparse"])?;

    let said = dibhost()?.run(&["block-device", "inspect", &disk])?.expect_code(0)?;
    for line in [
        "disk: disk, sectors of 512 bytes, 64 MiB\n",
        "\n    boot: partition 1, type linux-generic, at 1 MiB, 8 MiB, label `boot`, PARTUUID ",
        "\n      ext2-boot: ext2, at 1 MiB, 8 MiB, label `boot`, UUID ",
        "note: what is in it is not known: no secret was given",
        "  where it is mounted: ext2-boot\n",
    ] {
        ensure!(said.stdout.contains(line), "{line} is not in {}", said.stdout);
    }
    let secret = format!("disk-key={key}");
    let args = ["block-device", "inspect", &disk, "--secret", &secret, "--format", "json"];
    let said = dibhost()?.run(&args)?.expect_code(0)?;
    let found: serde_json::Value = serde_json::from_str(&said.stdout)?;
    let nodes = found["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let crypt = nodes.iter().find(|node| node["name"] == "luks-crypt");
    ensure!(crypt.is_some_and(|node| node["kind"]["encryption"]["secrets"][0] == "disk-key"));
    ensure!(!said.stdout.contains("correct horse"));

    // The first copy of the table is damaged.
    let file = fs::File::options().write(true).open(&disk)?;
    std::os::unix::fs::FileExt::write_all_at(&file, &[1], 512 + 60)?;
    let said = dibhost()?.run(&["block-device", "inspect", &disk])?.expect_code(1)?;
    ensure!(said.stdout.contains("problem: the first copy: "), "{}", said.stdout);
    ensure!(said.stdout.contains("ext2-boot"), "{}", said.stdout);
    ensure!(said.stderr.contains("there are problems with `gpt-disk`"), "{}", said.stderr);
    dibhost()?.run(&["block-device", "inspect", &disk, "--secret", "hunter2"])?.expect_code(2)?;
    Ok(())
}
