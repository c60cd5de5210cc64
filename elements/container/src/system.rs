//! Systems that are published as images of containers: what is the same of all their releases, and what
//! their images lack of a machine.

/// A system.
pub(crate) struct System {
    /// `ID` of os-release(5).
    pub(crate) id: &'static str,
    /// What it is a relative of.
    pub(crate) family: Family,
    /// `apt`, `dnf`, `zypper`.
    pub(crate) package_manager: &'static str,
    /// Whom cloud-init makes.
    pub(crate) default_user: &'static str,
}

/// Relatives, which have the same packages by the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Debian and Ubuntu.
    Debian,
    /// Fedora and what is made of it.
    Fedora,
    /// SUSE.
    Suse,
}

impl Family {
    /// As `dib:os/distribution@1` has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Fedora => "fedora",
            Self::Suse => "suse",
        }
    }

    /// What a machine needs and a container does not have, and why.
    pub(crate) const fn packages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Debian => &[
                ("ca-certificates", "to trust servers"),
                ("dbus", "systemd's tools speak over it"),
                ("iproute2", "to set up the network"),
                ("libpam-systemd", "sessions of people who log in"),
                ("netbase", "names of protocols and services"),
                ("procps", "to look at processes"),
                ("sudo", "to work as root without its password"),
                ("systemd-sysv", "the init system"),
                ("udev", "devices"),
            ],
            Self::Fedora => &[
                ("NetworkManager", "the network comes up by DHCP"),
                ("iproute", "to set up the network"),
                ("passwd", "to set passwords"),
                ("procps-ng", "to look at processes"),
                ("sudo", "to work as root without its password"),
                ("systemd", "the init system"),
                ("systemd-udev", "devices"),
            ],
            Self::Suse => &[
                ("NetworkManager", "the network comes up by DHCP"),
                ("iproute2", "to set up the network"),
                ("procps", "to look at processes"),
                ("sudo", "to work as root without its password"),
                ("systemd", "the init system"),
                ("udev", "devices"),
            ],
        }
    }

    /// Units that bring the network up.
    pub(crate) const fn units(self) -> &'static [&'static str] {
        match self {
            Self::Debian => &["systemd-networkd.service", "systemd-resolved.service"],
            Self::Fedora | Self::Suse => &["NetworkManager.service"],
        }
    }
}

/// All that are known.
pub(crate) const SYSTEMS: &[System] = &[
    of("debian", Family::Debian, "apt", "debian"),
    of("ubuntu", Family::Debian, "apt", "ubuntu"),
    of("fedora", Family::Fedora, "dnf", "fedora"),
    of("rhel", Family::Fedora, "dnf", "cloud-user"),
    of("rocky", Family::Fedora, "dnf", "rocky"),
    of("almalinux", Family::Fedora, "dnf", "almalinux"),
    of("centos", Family::Fedora, "dnf", "cloud-user"),
    of("opensuse-leap", Family::Suse, "zypper", "opensuse"),
    of("opensuse-tumbleweed", Family::Suse, "zypper", "opensuse"),
];

const fn of(
    id: &'static str,
    family: Family,
    package_manager: &'static str,
    default_user: &'static str,
) -> System {
    System { id, family, package_manager, default_user }
}
