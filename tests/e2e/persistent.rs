//! What a machine keeps through redeploys: two images, the second written over the first one's disk.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, Machine, SSH};
use dibhost_tests::{Dibhost, dibhost, machine, tool};

/// Larger than the images by more than what is kept.
const GIB: u32 = 4;
const MIB: u64 = 128;

fn definition(key: &Key, greeting: &str) -> String {
    format!(
        r#"
[image]
name = "keeper"
arch = "amd64"
formats = ["raw"]
elements = ["debian-minimal", "vm", "serial-console", "openssh-server", "growroot", "persistent-state"]

[parameters.persistent-state]
size = {MIB}
folders = ["/srv/database", "/var/lib/cache"]

[[users]]
name = "ada"
sudo = "nopasswd"
authorized-keys = ["{}"]

[[files]]
path = "/srv/database/first"
content = "{greeting}"
mode = "0640"
owner = "ada"

[[files]]
path = "/etc/greeting"
content = "{greeting}"
"#,
        key.public.trim()
    )
}

fn built(dibhost: &Dibhost, key: &Key, greeting: &str) -> Result<String> {
    dibhost.write("keeper.toml", &definition(key, greeting))?;
    dibhost.run(&["build", "keeper.toml", "-o", greeting])?.expect_code(0)?;
    let image = dibhost.folder().join(format!("{greeting}.raw"));
    Ok(image.to_str().context("a path in UTF-8")?.to_owned())
}

/// Looks at a machine on this disk, and writes the disk as it is afterwards.
fn boots(
    disk: &Path,
    key: &Key,
    look: impl Fn(&Machine) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let machine = machine(disk).firmware(Firmware::SeaBios).disk_gib(GIB).login("ada", key);
    machine.see(|machine| {
        machine.wait_for("keeper login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        let said = look(machine)?;
        let failed = machine.ssh_text("systemctl --failed --no-legend --plain | cat")?;
        let log = machine.ssh_text("sudo journalctl -b -u 'dibhost-*' | cat")?;
        ensure!(failed.trim().is_empty(), "units that failed:\n{failed}{log}");
        machine.power_off()?;
        let after = disk.with_extension("after");
        let words = ["convert", "-O", "raw"].map(str::to_owned);
        let paths = [machine.overlay(), after.clone()].map(|p| p.to_string_lossy().into_owned());
        tool::run("qemu-img", &[&words[..], &paths].concat())?;
        std::fs::rename(&after, disk).context("placing the disk")?;
        Ok(said)
    })
}

const IDENTITY: [&str; 2] =
    ["cat /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2", "cat /etc/machine-id"];

#[test]
#[ignore = "long: under `make test-all`"]
fn a_redeploy_keeps_what_is_to_be_kept_and_nothing_else() -> Result<()> {
    let dibhost = dibhost()?;
    let key = Key::generate(dibhost.folder())?;
    let first = built(&dibhost, &key, "one")?;
    let disk = dibhost.folder().join("disk.img");
    std::fs::copy(&first, &disk).context("writing the first image")?;

    let look = |greeting: &'static str, asked: &'static [(&'static str, &'static str)]| {
        move |machine: &Machine| -> Result<Vec<String>> {
            for (command, says) in asked {
                let said = machine.ssh_text(command)?;
                let log = machine.ssh_text("sudo journalctl -b -u 'dibhost-*' | cat; lsblk")?;
                ensure!(said.trim() == *says, "{greeting}: `{command}` says {said:?}:\n{log}");
            }
            // It is the last thing on the disk, the root has grown up to it, and not over it.
            let parts = machine.ssh_text("lsblk -bnro NAME,SIZE,LABEL | grep -c dibhost-state")?;
            ensure!(parts.trim() == "1", "{parts}");
            let root: u64 =
                machine.ssh_text("df --output=size -B1 / | tail -n 1")?.trim().parse()?;
            ensure!(root > (u64::from(GIB) << 30) / 10 * 7, "the root has {root} bytes");
            IDENTITY
                .iter()
                .map(|command| Ok(machine.ssh_text(command)?.trim().to_owned()))
                .collect()
        }
    };
    let before = boots(
        &disk,
        &key,
        look(
            "the first",
            &[
                ("cat /etc/greeting", "one"),
                (
                    "findmnt -no FSTYPE,OPTIONS /var/lib/persistent-state | grep -c 'ext4.*nosuid'",
                    "1",
                ),
                // What the image had, with its owner and mode.
                ("sudo stat -c '%U %a' /srv/database/first", "ada 640"),
                ("echo kept | sudo tee /srv/database/second /var/lib/cache/a /etc/lost", "kept"),
            ],
        ),
    )?;

    // As `dd` and Ironic do: over the front of the disk, with its table.
    let second = built(&dibhost, &key, "two")?;
    let (from, to) = (format!("if={second}"), format!("of={}", disk.display()));
    tool::run("dd", &[&*from, &to, "bs=1M", "conv=notrunc", "status=none"])?;
    let after = boots(
        &disk,
        &key,
        look(
            "the second",
            &[
                ("cat /etc/greeting", "two"),
                ("cat /srv/database/second", "kept"),
                ("cat /var/lib/cache/a", "kept"),
                // That of the first time.
                ("sudo cat /srv/database/first", "one"),
                ("test -e /etc/lost || echo new", "new"),
            ],
        ),
    )?;
    ensure!(before[0] == after[0], "other host keys: {before:?} {after:?}");
    ensure!(before[1] != after[1], "the same machine-id: {before:?}");

    // The same system once more: nothing is made anew.
    let again = boots(&disk, &key, look("again", &[("cat /var/lib/cache/a", "kept")]))?;
    ensure!(again == after, "{again:?} {after:?}");
    Ok(())
}

#[test]
#[ignore = "long: under `make test-all`"]
fn a_disk_of_its_own_is_formatted_once_and_never_what_is_there() -> Result<()> {
    let dibhost = dibhost()?;
    let key = Key::generate(dibhost.folder())?;
    let text = definition(&key, "one").replace(&format!("size = {MIB}"), "device = \"/dev/vdb\"");
    dibhost.write("keeper.toml", &text)?;
    dibhost.run(&["build", "keeper.toml", "-o", "keeper"])?.expect_code(0)?;
    let image = dibhost.folder().join("keeper.raw");
    let state = dibhost.folder().join("state.img");
    let path = state.to_string_lossy().into_owned();
    let boots = |says: &[(&str, &str)]| {
        let machine = machine(&image).firmware(Firmware::SeaBios).disk(&state).login("ada", &key);
        machine.see(|machine| {
            machine.wait_for("keeper login:", BOOT)?;
            machine.wait_for_ssh(SSH)?;
            for (command, says) in says {
                let said = machine.ssh_text(command)?;
                ensure!(said.trim() == *says, "`{command}` says {said:?}");
            }
            Ok(machine.power_off()?)
        })
    };
    tool::run("truncate", &["-s", "64M", &path])?;
    boots(&[
        ("findmnt -no SOURCE /var/lib/persistent-state", "/dev/vdb"),
        ("findmnt -no FSROOT /srv/database", "/folders/srv/database"),
    ])?;
    // Somebody else's.
    tool::run("mkfs.ext4", &["-q", "-F", "-L", "theirs", &path])?;
    boots(&[
        ("systemctl is-failed dibhost-persistent-state", "failed"),
        ("sudo journalctl -b -u dibhost-persistent-state | grep -c 'an ext4 called .theirs.'", "1"),
        ("sudo blkid -o value -s LABEL /dev/vdb", "theirs"),
    ])
}
