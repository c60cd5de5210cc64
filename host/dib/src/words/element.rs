//! The elements of DIB 3.43, and what each is here.

use super::fate::Fate;

/// An element of DIB's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DibElement {
    /// Its name.
    pub name: &'static str,
    /// What it is here.
    pub here: Here,
}

/// What an element of DIB's is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// An element of the same name.
    Same,
    /// An element of another name.
    Is(&'static str),
    /// A user of the definition's, whom `DIB_DEV_USER_…` describe.
    User,
    /// No element.
    Fate(Fate),
}

impl Here {
    /// What it is here, as a part of a sentence.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Same => "the same".to_owned(),
            Self::Is(name) => format!("that is `{name}` here"),
            Self::User => "that is a user here: `[[users]]`, or `--user NAME:KEYFILE`".to_owned(),
            Self::Fate(answer) => answer.to_string(),
        }
    }
}

const RPM: Here = not_yet(
    "bases of RPM packages are `fedora`, `rocky`, `almalinux`, `centos-stream` and `opensuse`",
);
const OTHER: Here = not_yet("no such base is there; `debian` and `debian-minimal` are");
const RAMDISK: Here = not_yet("ramdisks are not made, images of disks are");
const VENDOR: Here =
    not_yet("name its packages (`packages = […]`) and its files (`[[files]]`) yourself");
const CONTAINER: Here = Here::Fate(Fate::Instead(
    "`container`, whose parameters name the image by its digest and say what system it is",
));
const SELINUX: Here = nothing("the bases that are there have no SELinux");
const HELPER: Here = nothing("it serves the scripts of other elements, of which there are none");
const DRACUT: Here =
    not_yet("the initramfs is made by `initramfs-tools`, with what `volumes` finds");
const PACKAGE_OF_ITS_OWN: &str = "`packages = […]` with the package of that name (`-p`)";

const fn not_yet(text: &'static str) -> Here {
    Here::Fate(Fate::NotYet(text))
}

const fn nothing(text: &'static str) -> Here {
    Here::Fate(Fate::Nothing(text))
}

const fn instead(text: &'static str) -> Here {
    Here::Fate(Fate::Instead(text))
}

const fn of(name: &'static str, here: Here) -> DibElement {
    DibElement { name, here }
}

/// All of them, by name.
pub const ELEMENTS: [DibElement; 128] = [
    of("almalinux-container", CONTAINER),
    of("apt-conf", Here::Same),
    of("apt-preferences", Here::Same),
    of("apt-sources", Here::Same),
    of("autoupdates", Here::Same),
    of("baremetal", Here::Same),
    of("base", nothing("nothing is added to the elements that are named")),
    of("block-device-efi", Here::Same),
    of("block-device-efi-4k", Here::Same),
    of("block-device-efi-lvm", Here::Same),
    of("block-device-gpt", Here::Same),
    of("block-device-mbr", Here::Same),
    of("bootloader", Here::Same),
    of("cache-url", HELPER),
    of("centos", RPM),
    of("centos-minimal", RPM),
    of("cleanup-kernel-initrd", not_yet("what is in `/boot` stays there")),
    of("cloud-init", Here::Same),
    of("cloud-init-datasources", Here::Same),
    of(
        "cloud-init-disable-resizefs",
        instead("`[[files]]` below `/etc/cloud/cloud.cfg.d` that says `resize_rootfs: false`"),
    ),
    of("cloud-init-growpart", Here::Is("cloud-init")),
    of("cloud-init-nocloud", Here::Same),
    of("containerfile", CONTAINER),
    of("debian", Here::Same),
    of("debian-minimal", Here::Same),
    of("debian-systemd", Here::Is("debian-minimal")),
    of("debian-upstart", not_yet("Debian starts with systemd; `debian-minimal` is nearest")),
    of("debootstrap", nothing("`debian-minimal` makes the first tree by apt")),
    of("deploy-baremetal", RAMDISK),
    of("deploy-kexec", RAMDISK),
    of("deploy-targetcli", RAMDISK),
    of("deploy-tgtadm", RAMDISK),
    of("devuser", Here::User),
    of("dhcp-all-interfaces", Here::Same),
    of("dib-init-system", HELPER),
    of("dib-python", HELPER),
    of("dib-run-parts", HELPER),
    of("disable-nouveau", Here::Same),
    of("disable-selinux", SELINUX),
    of("dkms", instead(PACKAGE_OF_ITS_OWN)),
    of("docker", CONTAINER),
    of("dpkg", HELPER),
    of("dracut-network", DRACUT),
    of("dracut-ramdisk", RAMDISK),
    of("dracut-regenerate", DRACUT),
    of("dynamic-login", Here::Same),
    of("element-manifest", nothing("the manifest beside the image lists its elements")),
    of("elrepo", RPM),
    of("enable-serial-console", Here::Is("serial-console")),
    of("ensure-venv", Here::Same),
    of("epel", RPM),
    of("fail2ban", instead(PACKAGE_OF_ITS_OWN)),
    of("fedora", Here::Same),
    of("fedora-container", CONTAINER),
    of("fedora-minimal", Here::Is("fedora")),
    of("fips", Here::Same),
    of("gentoo", OTHER),
    of("growroot", Here::Same),
    of("growvols", Here::Same),
    of("grub2", Here::Is("bootloader")),
    of("hpdsa", VENDOR),
    of("hwburnin", RAMDISK),
    of("hwdiscovery", RAMDISK),
    of("ibft-interfaces", Here::Same),
    of("ilo", RAMDISK),
    of("install-bin", Here::Same),
    of("install-static", Here::Same),
    of("install-types", nothing("everything is installed from packages")),
    of("iscsi-boot", not_yet("roots by iSCSI are not there")),
    of("iso", not_yet("take `raw`, which firmware starts from a USB stick")),
    of("journal-to-console", Here::Same),
    of("keylime-agent", VENDOR),
    of("local-config", Here::Same),
    of("lvm", Here::Is("volumes")),
    of("manifests", nothing("a manifest is beside every image")),
    of("mellanox", Here::Same),
    of("modprobe", Here::Same),
    of("modprobe-blacklist", Here::Is("modprobe")),
    of("nm-dhcp-ib-interfaces", not_yet("networks of InfiniBand are yours to set up")),
    of("no-final-image", not_yet("every build makes a disk")),
    of("oat-client", VENDOR),
    of("openeuler-minimal", RPM),
    of("openssh-server", Here::Same),
    of(
        "openstack-ci-mirrors",
        instead("the parameters `mirror` and `image-mirror` of `debian-minimal`"),
    ),
    of("opensuse", Here::Same),
    of("opensuse-minimal", Here::Is("opensuse")),
    of("package-installs", Here::Same),
    of("pip-and-virtualenv", Here::Same),
    of("pip-cache", HELPER),
    of("pkg-map", Here::Is("package-installs")),
    of("posix", instead("`packages = […]` with those that are missing")),
    of("proliant-tools", VENDOR),
    of("pypi", not_yet("pip is configured by `[[files]]` with `path = \"/etc/pip.conf\"`")),
    of("python-brickclient", VENDOR),
    of("python-stow-versions", VENDOR),
    of("ramdisk", Here::Same),
    of("ramdisk-base", RAMDISK),
    of("rax-nova-agent", not_yet("`cloud-init` sets up machines of that cloud too")),
    of(
        "redhat-common",
        nothing("its settings are those of `fedora`, `rocky`, `almalinux` and `centos-stream`"),
    ),
    of("replace-partition", not_yet("an image that is there is not laid out anew")),
    of("replace-partition-redhat", not_yet("an image that is there is not laid out anew")),
    of("rhel", RPM),
    of("rhel-common", RPM),
    of("rocky-container", CONTAINER),
    of("rpm-distro", nothing("the host installs by dnf and zypper")),
    of("runtime-ssh-host-keys", Here::Same),
    of("select-boot-kernel-initrd", HELPER),
    of("selinux-fixfiles-restore", SELINUX),
    of("selinux-permissive", Here::Same),
    of("simple-init", Here::Is("cloud-init")),
    of("source-repositories", Here::Same),
    of("stable-interface-names", Here::Same),
    of("svc-map", Here::Same),
    of("sysctl", Here::Same),
    of("sysprep", Here::Same),
    of("tpm-emulator", VENDOR),
    of("uboot", not_yet("`bootloader` is GRUB")),
    of("ubuntu", Here::Same),
    of("ubuntu-common", Here::Is("ubuntu-minimal")),
    of("ubuntu-minimal", Here::Same),
    of(
        "ubuntu-signed",
        not_yet("`packages = [\"shim-signed\"]`; `bootloader` starts GRUB unsigned"),
    ),
    of("ubuntu-systemd-container", CONTAINER),
    of("vm", Here::Same),
    of("yum", nothing("the host installs by dnf")),
    of(
        "yum-minimal",
        nothing("`fedora`, `rocky`, `almalinux` and `centos-stream` make the first tree by dnf"),
    ),
    of("zipl", not_yet("`bootloader` is GRUB")),
    of("zypper", nothing("the host installs by zypper")),
    of("zypper-minimal", nothing("`opensuse` makes the first tree by zypper")),
];

/// DIB's element of that name.
#[must_use]
pub fn element(name: &str) -> Option<&'static DibElement> {
    ELEMENTS.iter().find(|element| element.name == name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn they_are_in_order_and_none_is_there_twice() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn an_element_that_is_one_here_is_there() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../elements");
        for element in ELEMENTS {
            let there = |name: &str| folder.join(name).join("src/lib.rs").is_file();
            match element.here {
                Here::Same => assert!(there(element.name), "{}", element.name),
                Here::Is(name) => {
                    assert!(there(name), "{} is `{name}`", element.name);
                    assert!(!there(element.name), "{} is there too", element.name);
                }
                // Named in a file it is an element, and typed a user of the definition's.
                Here::User => assert!(there(element.name), "{}", element.name),
                Here::Fate(_) => assert!(!there(element.name), "{}", element.name),
            }
        }
    }
}
