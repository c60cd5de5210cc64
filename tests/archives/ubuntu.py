"""A distribution in the shape of Ubuntu: Debian's packages in the suites, pockets and components that
Ubuntu has, with what makes it Ubuntu to who looks (os-release, the keyring, the kernel's package), and
packages that a test wants.
"""

import debs

RELEASE, VERSION = "noble", "24.04"

# What `ubuntu` and its elements ask for, by Debian's names.
BASE = [
    "apt", "ca-certificates", "dbus", "iproute2", "libpam-systemd", "netbase", "procps", "sudo",
    "systemd-sysv", "systemd-resolved", "tzdata", "udev",
]
WHOLE = [
    "cloud-guest-utils", "cloud-init", "curl", "e2fsprogs", "fdisk", "grub-common", "grub-efi-amd64-bin",
    "grub-pc-bin", "grub2-common", "initramfs-tools", "less", "linux-image-amd64", "openssh-server",
    "rsync", "zstd",
]
UNIVERSE = ["figlet"]
# From nowhere but the backports.
BACKPORTS = ["tree"]
# One in several pockets, each with a version of its own.
EVERYWHERE = "hello"

OS_RELEASE = f"""PRETTY_NAME="Ubuntu {VERSION} (of a test)"
NAME="Ubuntu"
VERSION_ID="{VERSION}"
VERSION_CODENAME={RELEASE}
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME={RELEASE}
"""


def branded(root):
    """Makes Debian's `base-files` Ubuntu's."""
    (root / "usr/lib/os-release").write_text(OS_RELEASE)
    for issue in ("issue", "issue.net"):
        (root / "etc" / issue).write_text(f"Ubuntu {VERSION}\n")


def make(top, cache, home, keyring):
    """Makes the archive and its mirror of security updates, of packages that are kept in `cache`."""
    files = debs.closure([*BASE, *WHOLE, *UNIVERSE, *BACKPORTS, EVERYWHERE])
    kept = debs.fetched(files, cache)
    own = top / "own"
    own.mkdir()

    base_files = own / kept["base-files"].name
    debs.changed(kept.pop("base-files"), base_files, branded)
    meta = own / "linux-image-generic_1_all.deb"
    debs.made(meta, {"Package": "linux-image-generic", "Version": "1", "Depends": "linux-image-amd64"})
    keys = own / "ubuntu-keyring_1_all.deb"
    debs.made(keys, {"Package": "ubuntu-keyring", "Version": "1"},
              {"/usr/share/keyrings/ubuntu-archive-keyring.gpg": keyring})

    hello = kept.pop(EVERYWHERE)

    def of_pocket(version):
        to = own / f"{EVERYWHERE}_{version}_amd64.deb"
        debs.changed(hello, to, lambda root: debs.version(root, version))
        return to

    universe = [kept.pop(name) for name in UNIVERSE]
    backports = [kept.pop(name) for name in BACKPORTS]
    archive, security = top / "ubuntu", top / "security"

    def suite(at, pocket, components, **more):
        name = f"{RELEASE}-{pocket}" if pocket else RELEASE
        fields = {"Origin": "Ubuntu", "Label": "Ubuntu", "Version": VERSION, "Codename": RELEASE, **more}
        debs.suite(at, home, name, components, fields)

    suite(archive, "", {"main": [*kept.values(), base_files, meta, keys, of_pocket("2.10-3")],
                        "universe": universe})
    suite(archive, "updates", {"main": [of_pocket("2.10-3ubuntu0.1")], "universe": []})
    suite(archive, "backports", {"main": [of_pocket("2.12-1~bpo24.04.1")], "universe": backports},
          NotAutomatic="yes", ButAutomaticUpgrades="yes")
    suite(security, "security", {"main": [of_pocket("2.10-3ubuntu0.2")], "universe": []})
