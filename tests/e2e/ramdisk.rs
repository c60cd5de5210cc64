//! A whole system as an initramfs: started with its kernel, on a machine whose disk has nothing on it.

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::{dibhost, machine, tool};

fn definition(key: &Key) -> String {
    format!(
        r#"
[image]
name = "deploy"
arch = "amd64"
formats = ["raw"]
elements = [
    "debian-minimal", "kernel", "serial-console", "openssh-server", "mellanox", "ramdisk",
]

[parameters.ramdisk]
without = ["/usr/share/doc", "/usr/share/locale", "/usr/share/man", "/usr/share/info"]
compression-level = 1

[[users]]
name = "ada"
sudo = "nopasswd"
authorized-keys = ["{}"]

[[units]]
name = "deploy.service"
state = "enabled"
content = """
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo DEPLOYING FROM MEMORY >/dev/console'
[Install]
WantedBy=multi-user.target
"""
"#,
        key.public.trim()
    )
}

#[test]
#[ignore = "long: under `make test-all`"]
fn it_starts_without_a_disk_and_runs_its_units() -> Result<()> {
    let dibhost = dibhost()?;
    let key = Key::generate(dibhost.folder())?;
    dibhost.write("deploy.toml", &definition(&key))?;
    dibhost.run(&["build", "deploy.toml", "-o", "deploy"])?.expect_code(0)?;
    let beside = |suffix: &str| dibhost.folder().join(format!("deploy.{suffix}"));
    let text = std::fs::read_to_string(beside("manifest.json")).context("reading the manifest")?;
    for name in ["deploy.kernel", "deploy.initramfs"] {
        ensure!(text.contains(name), "{text}");
    }
    let blank = dibhost.folder().join("blank.img");
    tool::run("truncate", &["-s", "1M", &blank.to_string_lossy()])?;
    let machine = machine(&blank)
        .firmware(Firmware::SeaBios)
        .memory_mib(3072)
        .kernel(beside("kernel"), beside("initramfs"), "console=ttyS0 no_timer_check")
        .login("ada", &key);
    machine.see(|machine| {
        machine.wait_for("DEPLOYING FROM MEMORY", BOOT)?;
        machine.wait_for("deploy login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        for (command, says) in [
            ("findmnt -no FSTYPE /", "rootfs"),
            ("systemctl is-active deploy.service", "active"),
            ("systemctl --failed --no-legend --plain | cat", ""),
            // The driver and its rule are in it as in any image.
            ("sudo modprobe mlx5_core && grep -c ^mlx5_core /proc/modules", "1"),
            (
                "ls /etc/udev/rules.d/60-dibhost-mellanox.rules",
                "/etc/udev/rules.d/60-dibhost-mellanox.rules",
            ),
            ("cat /etc/fstab 2>/dev/null | wc -l", "0"),
            ("test -e /usr/sbin/policy-rc.d || echo gone", "gone"),
        ] {
            let said = machine.ssh_text(command)?;
            ensure!(said.trim() == says, "`{command}` says {said:?} and not {says:?}");
        }
        Ok(machine.power_off()?)
    })
}
