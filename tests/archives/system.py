"""A whole system in the shape of Fedora, filled with Debian's programs: it has an init system, accounts, a
kernel, GRUB, an SSH server, under the names that Fedora gives them. It is larger than `fedora`, which tests of
the package manager use.
"""

import debian
import fedora
from rpms import Package

COMPS, MODULES = fedora.COMPS, fedora.MODULES

# Programs, and what of a package is none that a machine needs.
PROGRAMS = ["/usr/bin/*", "/usr/sbin/*"]
UNITS = ["/usr/lib/systemd/system/*", "/usr/lib/sysusers.d/*", "/usr/lib/tmpfiles.d/*"]
ENTRIES = ["systemd", "udev", "dbus", "util-linux", "mount", "passwd", "login", "sudo",
           "openssh-server", "openssh-client", "kmod", "dracut-core", "cpio", "procps", "iproute2",
           "network-manager", "grub-common", "gawk"]
# Libraries that only programs need which are left out.
NOT_NEEDED = ("libperl", "libdebian-installer", "libelogind", "libpam-elogind", "libpam-systemd",
              "libfile-find", "libnumber-", "libtext-glob", "libtextwrap", "libpam-runtime",
              "libcap2-bin", "libpam-modules-bin", "libc6", "libgcc-s1", "libaudit-common",
              "libsemanage-common", "libtirpc-common")


def libraries():
    """Debian's packages of all libraries that these programs need and the smallest system lacks."""
    there = {deb for _, debs, _, _ in fedora.FILLED for deb in debs}
    every = debian.needed_by(ENTRIES)
    return [deb for deb in every
            if deb.startswith("lib") and deb not in there and not deb.startswith(NOT_NEEDED)]


PAM = "auth required pam_unix.so nullok\naccount required pam_unix.so\npassword required pam_unix.so sha512\nsession required pam_unix.so\n"

# Name, Debian's packages, files of them, and what is said beside. `A=B` is the file A under the name B.
FILLED = [
    ("systemd", ["systemd", "systemd-sysv"],
     [*PROGRAMS, *UNITS, "/usr/lib/systemd/*", "/usr/lib/x86_64-linux-gnu/systemd/*",
      "/usr/lib/environment.d/*", "/usr/lib/sysctl.d/*", "/usr/lib/modprobe.d/*", "/etc/systemd/*",
      "/etc/pam.d/*", "/usr/share/dbus-1/*", "/usr/lib/udev/*"],
     {"requires": ["libraries", "dbus", "util-linux", "pam", "/bin/sh", "systemd-udev"],
      "sections": {"%post": "systemd-sysusers >/dev/null 2>&1\n:"}}),
    ("systemd-udev", ["udev"],
     [*PROGRAMS, *UNITS, "/usr/lib/udev/*", "/etc/udev/*", "/usr/lib/systemd/*", "/usr/lib/modprobe.d/*"],
     {"requires": ["libraries", "kmod"],
      # Debian's script makes them; `systemd`, which comes after it, here.
      "files": {"/usr/lib/sysusers.d/udev.conf":
                "".join(f"g {group} -\n" for group in ("input", "kvm", "render", "sgx"))}}),
    ("dbus", ["dbus", "dbus-daemon", "dbus-bin", "dbus-system-bus-common"],
     [*PROGRAMS, *UNITS, "/usr/lib/dbus-1.0/*", "/usr/share/dbus-1/*", "/etc/dbus-1/*"],
     {"requires": ["libraries"],
      # Debian's script makes it.
      "files": {"/usr/lib/sysusers.d/dbus.conf": "u messagebus - \"D-Bus\" /nonexistent\n"}}),
    ("util-linux", ["util-linux", "util-linux-extra", "mount", "login", "bsdutils"],
     [*PROGRAMS, "/etc/pam.d/*", "/etc/login.defs", "/etc/securetty"],
     {"requires": ["libraries", "pam"]}),
    ("shadow-utils", ["passwd"],
     ["/usr/bin/*", "/usr/sbin/*", "/etc/pam.d/*", "/etc/default/*"], {"requires": ["libraries", "pam", "util-linux"]}),
    ("sudo", ["sudo"],
     [*PROGRAMS, "/usr/libexec/*", "/usr/lib/sudo/*", "/etc/sudo*", "/etc/sudoers.d/*", "/etc/pam.d/*",
      "/usr/lib/tmpfiles.d/*"],
     {"requires": ["libraries", "pam"],
      "sections": {"%post": "echo '%wheel ALL=(ALL:ALL) ALL' >/etc/sudoers.d/00-wheel\nchmod 0440 /etc/sudoers.d/00-wheel"}}),
    ("procps-ng", ["procps"], [*PROGRAMS, "/etc/sysctl.d/*"], {"requires": ["libraries"]}),
    ("kmod", ["kmod"], [*PROGRAMS, "/usr/lib/modprobe.d/*"], {"requires": ["libraries"]}),
    ("iproute", ["iproute2"], ["/usr/bin/ip", "/usr/sbin/ip", "/usr/bin/ss", "/etc/iproute2/*"],
     {"requires": ["libraries"]}),
    ("glibc-common", ["libc-bin"], ["/usr/bin/*"], {"requires": ["bash"]}),
    ("grep", ["grep"], ["/usr/bin/*"], {"requires": ["pcre2"]}),
    ("sed", ["sed"], ["/usr/bin/*"], {"requires": ["libselinux"]}),
    ("findutils", ["findutils"], ["/usr/bin/*"], {}),
    ("gawk", ["gawk"], ["/usr/bin/gawk", "/usr/bin/gawk=/usr/bin/awk"], {"requires": ["libraries"]}),
    ("gzip", ["gzip"], ["/usr/bin/*"], {}),
    ("zstd", ["zstd"], ["/usr/bin/zstd"], {"requires": ["libraries"]}),
    ("cpio", ["cpio"], ["/usr/bin/cpio"], {}),
    ("tar", ["tar"], ["/usr/bin/tar"], {}),
    ("openssh-server", ["openssh-server", "openssh-sftp-server", "openssh-client"],
     ["/usr/sbin/*", "/usr/bin/ssh-keygen", "/usr/lib/openssh/*", "/etc/ssh/*", "/etc/pam.d/*",
      "/usr/share/openssh/sshd_config=/etc/ssh/sshd_config",
      "/usr/lib/systemd/system/ssh.service=/usr/lib/systemd/system/sshd.service"],
     {"requires": ["libraries", "pam", "systemd"],
      "files": {"/usr/lib/sysusers.d/sshd.conf": "u sshd - \"SSH\" /run/sshd\n",
                "/etc/default/ssh": "SSHD_OPTS=\n"},
      # It was Debian's other name for it.
      "sections": {"%install": "sed -i /^Alias=/d %{buildroot}/usr/lib/systemd/system/sshd.service",
                   "%post": "systemd-sysusers >/dev/null 2>&1\n:"}}),
    ("NetworkManager", ["network-manager"],
     [*PROGRAMS, *UNITS, "/usr/lib/NetworkManager/*", "/usr/lib/x86_64-linux-gnu/NetworkManager/*",
      "/usr/lib/udev/*", "/etc/NetworkManager/*", "/usr/share/dbus-1/*"],
     {"requires": ["libraries", "dbus"]}),
    ("dracut", ["dracut-core"],
     [*PROGRAMS, "/usr/lib/dracut/*", "/usr/lib/x86_64-linux-gnu/dracut/*", "/etc/dracut*", "/usr/lib/kernel/*"],
     {"requires": ["libraries", "systemd", "cpio", "findutils", "sed", "grep", "gawk", "gzip", "zstd", "kmod", "glibc-common"]}),
    ("kernel-core", ["linux-image-{kernel}"], ["/usr/lib/modules/*", "/boot/*"],
     {"provides": ["installonlypkg(kernel)"], "requires": ["/bin/sh", "dracut"],
      "sections": {"%posttrans": "depmod {kernel}\ndracut --force --kver {kernel}"}}),
    ("grub2-tools", ["grub-common"],
     ["/usr/bin/grub-mkimage=/usr/bin/grub2-mkimage", "/usr/bin/grub-mkrelpath=/usr/bin/grub2-mkrelpath"],
     {"requires": ["libraries"]}),
    ("grub2-pc-modules", ["grub-pc-bin"], ["/usr/lib/grub/i386-pc/*"], {}),
    ("grub2-efi-x64-modules", ["grub-efi-amd64-bin"], ["/usr/lib/grub/x86_64-efi/*"], {}),
    ("ca-certificates", ["ca-certificates"], ["/usr/share/ca-certificates/*"], {}),
    ("tzdata", ["tzdata"], ["/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Etc/*", "/usr/share/zoneinfo/Europe/*"], {}),
]

# Where each distribution has its repositories below its mirror: the first is this one, the others are empty.
PLACES = {
    "fedora": ["releases/1/Everything/x86_64/os", "updates/1/Everything/x86_64"],
    "rocky": ["1/BaseOS/x86_64/os", "1/AppStream/x86_64/os"],
    "centos-stream": ["1-stream/BaseOS/x86_64/os", "1-stream/AppStream/x86_64/os"],
    "opensuse": ["distribution/leap/1/repo/oss", *(f"update/leap/1/{p}" for p in ("oss", "sle", "backports"))],
}

# What each distribution calls what is here under Fedora's name, or has no need of.
NAMES = {
    "fedora-release": "shaped-release", "rocky-release": "shaped-release",
    "almalinux-release": "shaped-release", "centos-stream-release": "shaped-release",
    "openSUSE-release": "shaped-release", "aaa_base": "filesystem", "shadow": "shadow-utils",
    "timezone": "tzdata", "iproute2": "iproute", "procps": "procps-ng", "udev": "systemd-udev",
    "ca-certificates-mozilla": "ca-certificates", "glibc-locale-base": "glibc",
    "glibc-minimal-langpack": "glibc", "dnf": "rpm", "dnf5": "rpm", "zypper": "rpm",
}

# What Debian has in other packages or has no need of. `systemd-resolved` is there by name alone.
PLAIN = {
    "systemd-resolved": {"files": {"/usr/lib/systemd/system/systemd-resolved.service":
                                   "[Service]\nType=oneshot\nExecStart=/bin/true\n"
                                   "[Install]\nWantedBy=multi-user.target\n"}},
    "pam": {"requires": ["libraries"],
            "files": {f"/etc/pam.d/common-{kind}": PAM for kind in
                      ("auth", "account", "password", "session", "session-noninteractive")}
            | {"/etc/pam.d/other": PAM}},
}


def kernel():
    """The version of the kernel that Debian has for clouds."""
    return debian.newest_kernel("linux-image-cloud-amd64")


def filled():
    """The packages that are filled with Debian's, each with what."""
    yield from fedora.filled()
    release = kernel()
    debs_of = lambda debs: [deb.replace("{kernel}", release) for deb in debs]
    library = libraries()
    named = [(name, debs_of(debs), wanted, more) for name, debs, wanted, more in FILLED]
    folders = ["/usr/lib/x86_64-linux-gnu/*", "/usr/lib/security/*", "/etc/pam.d/*", "/etc/security/*",
               "/usr/lib/*.so.*"]
    named.append(("libraries", library, folders, {}))
    versions = debian.versions([deb for _, debs, _, _ in named for deb in debs])
    for name, debs, wanted, more in named:
        key = " ".join(f"{deb}={versions[deb]}" for deb in debs)
        sections = {at: text.replace("{kernel}", release)
                    for at, text in more.get("sections", {}).items()}
        more = more | {"sections": sections}
        version = release.replace("-", "_") if name == "kernel-core" else "1"
        package = Package(name, version, arch="x86_64", payload_key=f"{key} {wanted}", **more)
        yield package, (debs, wanted)


def plain():
    """The packages that have no programs of Debian's."""
    yield from fedora.plain()
    for name, more in PLAIN.items():
        yield fedora.one(name, **more)
    for name, of in NAMES.items():
        yield fedora.one(name, requires=[of])


def wanted_by_tests():
    """Packages of which each is for one thing that a package can do, or do wrong."""
    named = {"capable", "failing-post", "needs-absent", "triggering", "unsigned", "otherwise-signed",
             "altered", "grouped-mandatory", "grouped-default", "grouped-optional", "streamed",
             "patterns-tools"}
    yield from (package for package in fedora.wanted_by_tests() if package.name in named)
