//! Elements that are small and many, in one image: each one's effect is looked at in the finished
//! image, and what happens at boot in a machine.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::mirror::Server;
use dibhost_tests::{Dibhost, dibhost, disk, machine, tool};

/// Root's password, as it is on the kernel's command line: `openssl passwd -6 -salt abcdefgh letmein`.
const HASH: &str = "$6$abcdefgh$rP8HGKCp.1XL6v4/dKJWt8.Mje.Xx588Q58o5Hfy3wyttFxf99.pN6DeqPRQPaOGw195uNwfom.plH0ubplAr0";

const PACKAGES: &str = "\
hello:
figlet_package:
  phase: pre-install.d
nano:
  uninstall: True
jq:
  build-only: True
  when: DIB_FEATURE = 1
tree:
  when: DIB_FEATURE != 1
";

const MAP: &str = r#"{ "family": { "debian": { "figlet_package": "figlet" } } }"#;

const SVC_MAP: &str = "\
resolver:
  debian: systemd-resolved
  default: named
packages-daily:
  default: [apt-daily.timer, apt-daily-upgrade.timer]
";

const SOURCES: &str = "\
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

/// A definition that has root let in by what `key` and `password` are in base64.
fn definition(server: &str, digest: &str, key: &str, password: &str) -> String {
    format!(
        r#"
[image]
name = "many"
arch = "amd64"
elements = [
    "debian-minimal", "vm", "serial-console", "openssh-server", "dynamic-login", "root-passwd",
    "journal-to-console", "stable-interface-names", "dhcp-all-interfaces", "modprobe",
    "disable-nouveau", "cpu-pinning", "ensure-venv", "install-static", "install-bin",
    "package-installs", "source-repositories", "svc-map", "sysctl", "apt-conf", "apt-sources",
    "simple-network", "mellanox", "ibft-interfaces", "baremetal", "apt-preferences", "autoupdates",
]

[kernel]
arguments = ["sshkey={key}", "rootpwd={password}"]

[secrets]
root-password = {{ file = "password" }}

[inputs]
site = {{ path = "static" }}
tools = {{ path = "bin" }}
dib = {{ path = "dib" }}
apt = {{ path = "company.sources" }}

[parameters.root-passwd]
password = "root-password"

[parameters.modprobe]
blacklist = ["pcspkr"]
disabled = ["cramfs"]
options = {{ nbd = "max_part=16" }}
load = ["br_netfilter"]

[parameters.cpu-pinning]
isolated = "1-N"
interrupts = "0"

[parameters.install-static]
sources = ["site"]

[parameters.install-bin]
sources = ["tools"]

[parameters.package-installs]
sources = ["dib"]
environment = {{ DIB_FEATURE = "1" }}

[parameters.svc-map]
sources = ["dib"]
enabled = ["resolver"]
masked = ["packages-daily"]

[parameters.sysctl]
values = {{ "vm.swappiness" = "7" }}

[parameters.apt-conf]
settings = {{ "Acquire::Languages" = ["none"], "APT::Install-Recommends" = "false" }}

[parameters.apt-sources]
source = "apt"

[parameters.apt-preferences]
pins = [{{ packages = ["hello"], pin = "release n=nowhere", priority = -1 }}]

[parameters.autoupdates]
restart-at = "02:30"

[parameters.simple-network]
interfaces = {{ dummy7 = {{ addresses = ["192.0.2.7/24"], gateways = ["192.0.2.1"] }} }}

[parameters.source-repositories]
sources = ["dib"]
environment = {{ SERVER = "{server}" }}
digests = {{ tool = "{digest}" }}
"#
    )
}

/// What is outside: a packed archive, a file, and a repository that is served as plain files.
fn world(folder: &Path) -> Result<String> {
    let script = "set -e
        mkdir -p tool-1/bin && echo tool > tool-1/bin/tool && tar czf tool.tar.gz tool-1
        echo notes > notes
        mkdir -p work && cd work && git init --quiet --initial-branch=main
        git config user.name A && git config user.email a@example.org
        echo first > file && git add file && git commit --quiet -m first
        git update-server-info && ln -s work/.git ../repository
        cd .. && sha256sum tool.tar.gz";
    let said = tool::run("sh", &["-c", &format!("cd '{}' && {script}", folder.display())])?;
    let digest = said.split_whitespace().next().context("sha256sum says a digest")?;
    Ok(format!("sha256:{digest}"))
}

fn base64(text: &str) -> Result<String> {
    let said = tool::run("sh", &["-c", "printf '%s' \"$1\" | base64 -w 0", "sh", text])?;
    Ok(said.trim().to_owned())
}

#[test]
fn each_element_does_what_it_says_in_the_image_and_in_the_machine() -> Result<()> {
    let dibhost = dibhost()?;
    let outside = dibhost.folder().join("outside");
    std::fs::create_dir_all(&outside)?;
    let digest = world(&outside)?;
    let server = Server::start(&outside)?;
    let key = Key::generate(dibhost.folder())?;
    let text = definition(&server.url(), &digest, &base64(&key.public)?, &base64(HASH)?);
    dibhost.write("many.toml", &text)?;
    dibhost.write("password", "correct horse")?;
    dibhost.write("static/etc/motd", "From a folder.\n")?;
    dibhost.write("bin/hello-tool", "#!/bin/sh\necho hello\n")?;
    dibhost.write("dib/agent/package-installs.yaml", PACKAGES)?;
    dibhost.write("dib/agent/pkg-map", MAP)?;
    dibhost.write("dib/agent/svc-map", SVC_MAP)?;
    dibhost.write("company.sources", SOURCES)?;
    let line = "agent git /opt/agent ${SERVER}/repository main\n";
    dibhost.write("dib/agent/source-repository-agent", line)?;
    let lines = "tool tar /opt/tool $SERVER/tool.tar.gz *\nnotes file /opt/notes ${SERVER}/notes\n";
    dibhost.write("dib/tool/source-repository-tool", lines)?;

    dibhost.run(&["build", "many.toml", "-o", "many", "-t", "qcow2,raw"])?.expect_code(0)?;
    let raw = dibhost.folder().join("many.raw");
    let partitions = disk::partitions(&raw)?;
    let root = partitions.last().context("a disk has a partition")?;
    let root = disk::extract(&raw, root, dibhost.folder())?;
    check_tree(&root)?;
    check_beside(&root, dibhost.folder())?;
    runs(&dibhost, &key)
}

fn check_tree(root: &Path) -> Result<()> {
    let read = |path: &str| -> Result<String> {
        let bytes = disk::read_file(root, path)?.with_context(|| format!("no {path}"))?;
        Ok(String::from_utf8(bytes)?)
    };
    for (path, says) in [
        ("/etc/systemd/journald.conf.d/60-dibhost-console.conf", "ForwardToConsole=yes\n"),
        ("/etc/systemd/network/80-dibhost-dhcp.network", "Type=ether infiniband\n"),
        ("/etc/modprobe.d/60-dibhost-modprobe.conf", "install cramfs /bin/false\n"),
        ("/etc/modprobe.d/60-dibhost-modprobe.conf", "options nbd max_part=16\n"),
        ("/etc/modprobe.d/60-dibhost-disable-nouveau.conf", "blacklist nouveau\n"),
        ("/etc/modules-load.d/60-dibhost-modprobe.conf", "br_netfilter\n"),
        ("/etc/motd", "From a folder.\n"),
        ("/usr/local/bin/hello-tool", "echo hello\n"),
        ("/opt/agent/file", "first\n"),
        ("/opt/tool/bin/tool", "tool\n"),
        ("/opt/notes", "notes\n"),
        ("/etc/dib-source-repositories", "agent git /opt/agent http"),
        ("/boot/grub/grub.cfg", "isolcpus=managed_irq,domain,1-N nohz_full=1-N rcu_nocbs=1-N"),
        ("/boot/grub/grub.cfg", "modprobe.blacklist=nouveau nouveau.modeset=0"),
        ("/boot/grub/grub.cfg", "net.naming-scheme=v252"),
        ("/etc/shadow", "root:$y$"),
        ("/etc/sysctl.d/80-dibhost-sysctl.conf", "\nvm.swappiness = 7\n"),
        ("/etc/apt/apt.conf.d/90-dibhost-apt-conf", "APT::Install-Recommends \"false\";\n"),
        ("/etc/apt/sources.list.d/dibhost-apt-sources.sources", "http://mirror.example/debian\n"),
        ("/etc/apt/preferences.d/60-dibhost-apt-preferences.pref", "Pin: release n=nowhere\n"),
        ("/etc/systemd/network/70-dibhost-dummy7.network", "\nAddress=192.0.2.7/24\n"),
        ("/etc/udev/rules.d/60-dibhost-mellanox.rules", "ATTR{vendor}==\"0x15b3\""),
        ("/etc/modules-load.d/60-dibhost-ibft.conf", "iscsi_ibft\n"),
    ] {
        let text = read(path)?;
        ensure!(text.contains(says), "{path} does not say {says:?}:\n{text}");
    }
    ensure!(disk::stat(root, "/usr/local/bin/hello-tool")?.contains("Mode:  0755"));
    for (path, there) in [
        ("/usr/bin/hello", true),
        ("/usr/bin/figlet-figlet", true),
        ("/usr/bin/nano", false),
        // For the build alone.
        ("/usr/bin/jq", false),
        // A condition that does not hold.
        ("/usr/bin/tree", false),
        ("/usr/bin/mstflint", true),
        // What the base gives an image, and `apt-sources` takes.
        ("/etc/apt/sources.list.d/debian.sources", false),
    ] {
        ensure!(disk::read_file(root, path)?.is_some() == there, "{path}: not {there}");
    }
    let ssh = disk::list(root, "/etc/ssh")?;
    ensure!(!ssh.iter().any(|name| name.starts_with("ssh_host_")), "host keys: {ssh:?}");
    Ok(())
}

/// Kernel and initramfs are beside the image as they are in it, and the initramfs has what the elements
/// said.
fn check_beside(root: &Path, folder: &Path) -> Result<()> {
    let boot = disk::list(root, "/boot")?;
    for (begun, suffix) in [("vmlinuz-", "vmlinuz"), ("initrd.img-", "initrd")] {
        let name = boot.iter().find(|name| name.starts_with(begun)).context("no kernel")?;
        let inside = disk::read_file(root, &format!("/boot/{name}"))?.context("no kernel")?;
        let beside = std::fs::read(folder.join(format!("many.{suffix}")))?;
        ensure!(inside == beside, "many.{suffix} is not `/boot/{name}`");
    }
    let initramfs = folder.join("many.initrd");
    let list = "zstd -dcq \"$1\" | cpio --list --quiet";
    let listed = tool::run("sh", &["-c", list, "sh", &initramfs.to_string_lossy()])?;
    for part in [
        "/mlx4_en.ko",
        "/mlx5_core.ko",
        "/iscsi_ibft.ko",
        "lib/udev/rules.d/60-dibhost-mellanox.rules",
    ] {
        ensure!(listed.contains(part), "no {part} in the initramfs:\n{listed}");
    }
    Ok(())
}

fn runs(dibhost: &Dibhost, key: &Key) -> Result<()> {
    let machine = machine(dibhost.folder().join("many.qcow2")).firmware(Firmware::SeaBios);
    machine.login("root", key).see(|machine| {
        machine.wait_for("many login:", BOOT)?;
        // `journal-to-console`: systemd's own lines with the kernel's stamp are the journal's.
        machine.wait_for(r"systemd[1]: Finished dibhost-dynamic-login.service", SSH)?;
        machine.wait_for_ssh(SSH)?;
        for (command, says) in [
            ("id -un", "root"),
            // The command line comes before the secret that is in the image.
            ("grep ^root: /etc/shadow | cut -d: -f2", HASH),
            ("cat /root/.ssh/authorized_keys | cut -d' ' -f3", "dynamic-login"),
            ("ls /etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key"),
            ("grep -c ^br_netfilter /proc/modules", "1"),
            ("modprobe cramfs 2>/dev/null || echo refused", "refused"),
            ("systemctl start systemd-networkd-wait-online.service && echo online", "online"),
            ("hello-tool", "hello"),
            ("sysctl -n vm.swappiness", "7"),
            ("systemctl is-enabled apt-daily.timer systemd-resolved | cat", "masked\nenabled"),
            ("apt-config dump Unattended-Upgrade::Automatic-Reboot-Time | cut -d'\"' -f2", "02:30"),
            ("apt-config dump | grep -c Origins-Pattern::", "1"),
            ("apt-config dump | grep -c '^Acquire::Languages::'", "1"),
            ("ip link add dummy7 type dummy && networkctl reconfigure dummy7; for i in $(seq 50); do \
              ip -4 -o address show dummy7 | grep -q 192.0.2.7/24 && break; sleep 0.2; done; \
              ip -4 -o address show dummy7 | grep -c 192.0.2.7/24", "1"),
            // No firmware booted from a disk behind it.
            ("systemctl show -p ConditionResult --value dibhost-ibft-interfaces", "no"),
            ("grep -cE '^(mlx5_core|ib_ipoib|iscsi_ibft) ' /proc/modules", "3"),
            ("python3 -m venv /opt/v && /opt/v/bin/python -c 'print(1)'", "1"),
            ("systemctl is-active dibhost-dynamic-login dibhost-ssh-host-keys", "active\nactive"),
            ("journalctl -b | grep -ci 'ordering cycle' || true", "0"),
            ("systemctl --failed --no-legend --plain | cat", ""),
        ] {
            let said = machine.ssh_text(command)?;
            ensure!(said.trim() == says, "`{command}` says {said:?} and not {says:?}");
        }
        Ok(machine.power_off()?)
    })
}
