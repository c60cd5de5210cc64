//! Images with more in them than is usual: files, names in one folder, bytes in one file of the ESP.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, disk, tool};

const DEFINITION: &str = r#"
[image]
name = "crowded"
elements = ["debian-minimal"]
formats = ["raw"]

[[commands]]
run = ["sh", "-ec", """
mkdir -p /srv/many /srv/names /boot/efi
cd /srv/many
for folder in $(seq 1000); do mkdir $folder; done
seq 300000 | awk '{ print ($1 % 1000 + 1) "/" $1 }' | xargs touch
echo 300000 > 1/last
cd /srv/names
seq -f 'a-name-of-some-length-%.0f' 50000 | xargs touch
echo 50000 > a-name-of-some-length-50000
head -c 200M /dev/urandom > /boot/efi/large
sha256sum /boot/efi/large > /srv/sum
"""]

[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "esp"
type = "partition"
on = "table"
partition-type = "esp"
size = "content"
label = "esp"

[[block-device]]
name = "root"
type = "partition"
on = "table"
partition-type = "root-x86-64"
size = "content"
label = "root"

[[block-device]]
name = "esp-fs"
type = "filesystem"
on = "esp"
format = "vfat"
label = "ESP-FS"
mount = "/boot/efi"

[[block-device]]
name = "root-fs"
type = "filesystem"
on = "root"
format = "ext4"
label = "root-fs"
mount = "/"
"#;

/// Files in the folders of a folder, and what one of them says.
fn counted(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for inner in fs::read_dir(folder)? {
        count += fs::read_dir(inner?.path())?.count();
    }
    Ok(count)
}

#[test]
#[ignore = "long: under `make test-all`"]
fn three_hundred_thousand_files_and_a_large_one_on_the_esp_are_read_back() -> Result<()> {
    let dibhost = dibhost()?;
    dibhost.write("crowded.toml", DEFINITION)?;
    dibhost.run(&["build", "crowded.toml", "-o", "crowded"])?.expect_code(0)?;
    let raw = dibhost.folder().join("crowded.raw");
    disk::verify_gpt(&raw)?;
    let partitions = disk::partitions(&raw)?;
    let [esp, root] = partitions.as_slice() else { anyhow::bail!("{partitions:?}") };
    let esp = disk::extract(&raw, esp, dibhost.folder())?;
    let root = disk::extract(&raw, root, dibhost.folder())?;
    disk::check_ext4(&root)?;

    let at = tempfile::tempdir()?;
    let place = at.path().display().to_string();
    tool::run("mount", &["-o", "ro,loop,noload", &root.display().to_string(), &place])?;
    let seen = (|| {
        let (many, names) = (at.path().join("srv/many"), at.path().join("srv/names"));
        // One of the thousand has `last` too.
        let last = fs::read_to_string(many.join("1/last"))?;
        let name = fs::read_to_string(names.join("a-name-of-some-length-50000"))?;
        let each = fs::metadata(names.join("a-name-of-some-length-25000"))?.is_file();
        let sum = fs::read_to_string(at.path().join("srv/sum"))?;
        anyhow::Ok((counted(&many)?, last, fs::read_dir(names)?.count(), name, each, sum))
    })();
    tool::run("umount", &[&place])?;
    let (many, last, names, name, each, sum) = seen?;
    ensure!((many, last.trim()) == (300_001, "300000"), "{many} files, and {last}");
    ensure!((names, name.trim(), each) == (50_000, "50000", true), "{names} names, and {name}");

    let large = dibhost.folder().join("large");
    let (esp, to) = (esp.display().to_string(), large.display().to_string());
    tool::run("mcopy", &["-n", "-i", &esp, "::large", &to])?;
    ensure!(fs::metadata(&large)?.len() == 200 << 20);
    let is = tool::run("sha256sum", &[&to])?;
    let of = |text: &str| text.split(' ').next().map(str::to_owned);
    ensure!(of(&is).context("a sum")? == of(&sum).context("a sum")?, "{is} and not {sum}");
    Ok(())
}
