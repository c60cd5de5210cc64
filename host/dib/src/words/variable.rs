//! The variables that `disk-image-create` 3.43 and its elements read from the environment, and
//! what becomes of each here.

use super::fate::Fate;

/// A variable of DIB's, or all whose names begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DibVariable {
    /// Its name; with `…` at its end: all that begin so.
    pub name: &'static str,
    /// What becomes of it.
    pub means: DibMeaning,
}

/// What becomes of a variable, where elements are typed. A definition obeys none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DibMeaning {
    /// What this option of `disk-image-create` says, by its id; a flag unless it is `0` or empty.
    Option(&'static str),
    /// A parameter, `ELEMENT.PARAMETER`: the element's description has the variable as an alias.
    /// Several elements may; this one is named to people.
    Parameter(&'static str),
    /// A key of a definition.
    Key(DibKey),
    /// It is the builder's, for all programs; nothing is said of it.
    Builder(&'static str),
    /// Obeyed by nothing.
    Fate(Fate),
}

/// Keys of a definition that variables set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DibKey {
    /// The block device, as DIB's YAML or `file://…`.
    BlockDevice,
    /// The bytes of a sector of DIB's disks.
    SectorSize,
    /// A part of the user whom the element `devuser` makes.
    User(UserPart),
    /// The kernel's arguments `console=`.
    Consoles,
    /// Modules that the kernel does not load.
    ModprobeBlacklist,
}

/// What `DIB_DEV_USER_…` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserPart {
    /// Its name.
    Name,
    /// Its groups, separated by commas.
    Groups,
    /// Its shell.
    Shell,
    /// Whether it is root without a password.
    Sudo,
    /// A file of public keys.
    Keys,
    /// Its password.
    Password,
}

impl DibVariable {
    /// Whether this is it.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('…') {
            Some(begun) => name.len() > begun.len() && name.starts_with(begun),
            None => name == self.name,
        }
    }
}

const RPM: DibMeaning = not_yet("no element of RPM packages reads it");
const GENTOO: DibMeaning = not_yet("Gentoo is not there");
const CONTAINER: DibMeaning = not_yet("the element `container` takes an image as it is");
const CLOUD_IMAGE: DibMeaning = not_yet("no base is taken from an image");
const RAMDISK: DibMeaning = not_yet("ramdisks are not made");
const SOURCES: DibMeaning =
    instead("that name in the parameter `environment` of `source-repositories`");
const PYTHON: DibMeaning = not_yet(
    "`packages = [\"python3-pip\", \"python3-venv\"]`; pip is yours to set up by `[[files]]`",
);
const VENDOR: DibMeaning = not_yet("that element is not there");
const INTERNAL: DibMeaning = nothing("DIB sets it for its own scripts");
const MESSAGES: DibMeaning =
    nothing("`--log-format`, `--verbose` and `--quiet` say how a build tells");

const fn not_yet(text: &'static str) -> DibMeaning {
    DibMeaning::Fate(Fate::NotYet(text))
}

const fn nothing(text: &'static str) -> DibMeaning {
    DibMeaning::Fate(Fate::Nothing(text))
}

const fn instead(text: &'static str) -> DibMeaning {
    DibMeaning::Fate(Fate::Instead(text))
}

const fn of(name: &'static str, means: DibMeaning) -> DibVariable {
    DibVariable { name, means }
}

/// All of them, by name. Of two that fit a name the one that is written out counts.
pub const VARIABLES: &[DibVariable] = &[
    of("ACI_MANIFEST", not_yet("rkt, which read it, has ended")),
    of("ARCH", DibMeaning::Option("a")),
    of("BASE_IMAGE_FILE", CLOUD_IMAGE),
    of("BUSYBOX", RAMDISK),
    of("DIB_ADD_APT_KEYS", instead("`[[repositories]]` with its `key`")),
    of("DIB_APT_CONF", instead("an input, and the parameter `source` of `apt-conf`")),
    of(
        "DIB_APT_KEYRING",
        not_yet("the keys of the builder's package `debian-archive-keyring` are taken"),
    ),
    of("DIB_APT_LOCAL_CACHE", nothing("what was downloaded is kept in the cache, by its digest")),
    of(
        "DIB_APT_MINIMAL_CREATE_INTERFACES",
        nothing("the network comes up by DHCP, by systemd-networkd"),
    ),
    of("DIB_APT_SOURCES", instead("an input, and the parameter `source` of `apt-sources`")),
    of("DIB_APT_SOURCES_CONF", instead("`[[repositories]]`")),
    of("DIB_ARGS", INTERNAL),
    of(
        "DIB_ARM_KERNEL",
        nothing("DIB reads it nowhere; the parameter `package` of `kernel` names one"),
    ),
    of(
        "DIB_AVOID_PACKAGES_UPDATE",
        nothing("packages are the newest of the mirror from the beginning"),
    ),
    of("DIB_BAREMETAL_INITRD_PATTERN", nothing("`baremetal` takes those of the newest kernel")),
    of("DIB_BAREMETAL_KERNEL_PATTERN", nothing("`baremetal` takes the newest kernel")),
    of("DIB_BLOCK_DEVICE", instead("the layout is chosen by an element `block-device-…`")),
    of("DIB_BLOCK_DEVICE_CONFIG", DibMeaning::Key(DibKey::BlockDevice)),
    of("DIB_BLOCK_DEVICE_PARAMS_YAML", INTERNAL),
    of("DIB_BLOCK_SIZE", DibMeaning::Key(DibKey::SectorSize)),
    of("DIB_BOOTLOADER_DEFAULT_CMDLINE", DibMeaning::Parameter("kernel.arguments")),
    of("DIB_BOOTLOADER_SERIAL_CONSOLE", DibMeaning::Key(DibKey::Consoles)),
    of("DIB_BOOTLOADER_USE_SERIAL_CONSOLE", instead("the element `serial-console`, or none")),
    of("DIB_BOOTLOADER_VIRTUAL_TERMINAL", instead("the parameter `screen` of `serial-console`")),
    of("DIB_BOOT_ISO_KERNEL_CMDLINE_ARGS", not_yet("no ISO is made")),
    of("DIB_BOOT_LABEL", INTERNAL),
    of("DIB_CHECKSUM", DibMeaning::Option("checksum")),
    of("DIB_CLOUD_IMAGES", CLOUD_IMAGE),
    of(
        "DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH",
        instead("the parameter `password-authentication` of `openssh-server`"),
    ),
    of("DIB_CLOUD_INIT_DATASOURCES", DibMeaning::Parameter("cloud-init.datasources")),
    of(
        "DIB_CLOUD_INIT_ETC_HOSTS",
        instead("`[[files]]` below `/etc/cloud/cloud.cfg.d` that says `manage_etc_hosts:`"),
    ),
    of(
        "DIB_CLOUD_INIT_GROWPART_DEVICES",
        nothing("cloud-init grows the root, whatever it is on; `growroot` does without cloud-init"),
    ),
    of("DIB_CLOUD_SOURCE", GENTOO),
    of("DIB_CONTAINERFILE_…", CONTAINER),
    of("DIB_CONTAINER_CONTEXT", CONTAINER),
    of("DIB_DEBIAN_ALT_INIT_PACKAGE", nothing("DIB reads it nowhere; Debian starts with systemd")),
    of("DIB_DEBIAN_CLOUD_INIT_HELPER", nothing("DIB reads it nowhere")),
    of("DIB_DEBIAN_COMPONENTS", DibMeaning::Parameter("debian-minimal.components")),
    of(
        "DIB_DEBIAN_DEBOOTSTRAP_SCRIPT",
        nothing("the first tree is made by apt, without debootstrap"),
    ),
    of(
        "DIB_DEBIAN_DISTRIBUTION_MIRROR",
        instead("the parameters `mirror` and `image-mirror` of `debian-minimal`"),
    ),
    of(
        "DIB_DEBIAN_KEYRING",
        not_yet("the keys of the builder's package `debian-archive-keyring` are taken"),
    ),
    of(
        "DIB_DEBIAN_SECURITY_MIRROR",
        instead("the parameter `image-security-mirror` of `debian-minimal`"),
    ),
    of("DIB_DEBIAN_SECURITY_PATH", INTERNAL),
    of(
        "DIB_DEBIAN_SECURITY_SUBPATH",
        instead("the parameter `image-security-mirror` of `debian-minimal`"),
    ),
    of(
        "DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE",
        nothing("the first tree is made by apt, without debootstrap"),
    ),
    of("DIB_DEBOOTSTRAP_CACHE", nothing("the first tree is made by apt, without debootstrap")),
    of("DIB_DEBOOTSTRAP_DEFAULT_LOCALE", DibMeaning::Parameter("debian-minimal.locale")),
    of("DIB_DEBOOTSTRAP_EXTRA_ARGS", nothing("the first tree is made by apt, without debootstrap")),
    of("DIB_DEBUG_TRACE", DibMeaning::Option("x")),
    of("DIB_DEB_UPDATES_CONF", instead("`[[files]]` below `/etc/apt/apt.conf.d`")),
    of("DIB_DEFAULT_INSTALLTYPE", DibMeaning::Option("install-type")),
    of("DIB_DEPLOY_ISO_KERNEL_CMDLINE_ARGS", not_yet("no ISO is made")),
    of("DIB_DEV_USER_AUTHORIZED_KEYS", DibMeaning::Key(DibKey::User(UserPart::Keys))),
    of("DIB_DEV_USER_GROUPS", DibMeaning::Key(DibKey::User(UserPart::Groups))),
    of("DIB_DEV_USER_PASSWORD", DibMeaning::Key(DibKey::User(UserPart::Password))),
    of("DIB_DEV_USER_PWDLESS_SUDO", DibMeaning::Key(DibKey::User(UserPart::Sudo))),
    of("DIB_DEV_USER_SHELL", DibMeaning::Key(DibKey::User(UserPart::Shell))),
    of("DIB_DEV_USER_USERNAME", DibMeaning::Key(DibKey::User(UserPart::Name))),
    of("DIB_DHCP_CLIENT", nothing("systemd-networkd is the client")),
    of("DIB_DHCP_NETWORK_MANAGER_AUTO", nothing("systemd-networkd is the client")),
    of("DIB_DHCP_TIMEOUT", DibMeaning::Parameter("dhcp-all-interfaces.timeout")),
    of(
        "DIB_DISABLE_APT_CLEANUP",
        not_yet("`sysprep` always takes package lists and downloads out"),
    ),
    of("DIB_DISABLE_KERNEL_CLEANUP", RPM),
    of("DIB_DISABLE_PIP_CLEANUP", PYTHON),
    of("DIB_DISTRIBUTION_MIRROR", DibMeaning::Parameter("debian-minimal.mirror")),
    of(
        "DIB_DISTRIBUTION_MIRROR_UBUNTU_IGNORE",
        instead("the parameter `pockets` of `ubuntu-minimal`"),
    ),
    of(
        "DIB_DISTRIBUTION_MIRROR_UBUNTU_INSECURE",
        not_yet("every archive has to be signed; `key` of `ubuntu-minimal` takes another key"),
    ),
    of("DIB_DISTRIBUTION_MIRROR_VERIFY_HTTPS", not_yet("certificates are always checked")),
    of("DIB_DNF_MODULE_STREAMS", RPM),
    of("DIB_DOCKER_IMAGE", CONTAINER),
    of("DIB_DPKG_MANIFEST", instead("an input, and the parameter `manifest` of `apt-preferences`")),
    of("DIB_DRACUT_ENABLED_MODULES", not_yet("the initramfs is made by `initramfs-tools`")),
    of("DIB_ELEMENT_MANIFEST_PATH", nothing("the manifest is beside the image")),
    of("DIB_ELREPO_KERNEL", RPM),
    of("DIB_ENV", INTERNAL),
    of("DIB_EPEL_DISABLED", RPM),
    of("DIB_EPEL_MIRROR", RPM),
    of("DIB_EXTLINUX", not_yet("`bootloader` is GRUB")),
    of("DIB_FAIL2BAN_CONF", instead("`[[files]]` with `path = \"/etc/fail2ban/jail.local\"`")),
    of("DIB_FLAVOR", RPM),
    of(
        "DIB_GITREPOBASE",
        not_yet("`DIB_REPOLOCATION_…` in the parameter `environment` of `source-repositories`"),
    ),
    of("DIB_GROWVOLS_…", instead("the parameter `volumes` of `growvols`")),
    of("DIB_GRUB_TIMEOUT", DibMeaning::Parameter("bootloader.timeout")),
    of(
        "DIB_GRUB_TIMEOUT_STYLE",
        not_yet("the menu is shown as long as the parameter `timeout` says"),
    ),
    of("DIB_GZIP_BIN", not_yet("no archive is made")),
    of("DIB_HPSSACLI_URL", VENDOR),
    of("DIB_ILO_FIRMWARE_PATH", RAMDISK),
    of("DIB_IMAGE_CACHE", DibMeaning::Option("image-cache")),
    of("DIB_IMAGE_EXTRACT_GUESTFISH", CLOUD_IMAGE),
    of("DIB_IMAGE_EXTRA_SIZE", DibMeaning::Option("image-extra-size")),
    of("DIB_IMAGE_SIZE", DibMeaning::Option("image-size")),
    of("DIB_INIT_SYSTEM", nothing("the bases that are there start with systemd")),
    of("DIB_INSTALLTYPE_…", nothing("everything is installed from packages")),
    of("DIB_JOURNAL_SIZE", DibMeaning::Option("mkfs-journal-size")),
    of("DIB_KERNEL_VERSION", RAMDISK),
    of("DIB_KEYLIME_AGENT_…", VENDOR),
    of("DIB_LIB_UDEV_ROOT", RAMDISK),
    of("DIB_LOCAL_CONFIG_USERNAME", DibMeaning::Parameter("local-config.username")),
    of("DIB_LOCAL_IMAGE", CLOUD_IMAGE),
    of("DIB_LOCKFILES", nothing("builds do not wait for one another")),
    of("DIB_MANIFEST_IMAGE_DIR", nothing("the manifest is beside the image")),
    of("DIB_MANIFEST_SAVE_DIR", nothing("the manifest is beside the image")),
    of("DIB_MIN_TMPFS", DibMeaning::Option("min-tmpfs")),
    of("DIB_MMDEBSTRAP_EXTRA_ARGS", nothing("the first tree is made by apt, without mmdebstrap")),
    of("DIB_MODPROBE_BLACKLIST", DibMeaning::Key(DibKey::ModprobeBlacklist)),
    of("DIB_MODULE_ROOT", RAMDISK),
    of("DIB_MOUNTPOINTS", INTERNAL),
    of("DIB_NETWORK_INTERFACE_NAMES", nothing("every wired interface comes up by DHCP")),
    of("DIB_NO_PYPI_PIP", PYTHON),
    of("DIB_NO_TIMER_CHECK", instead("`kernel.arguments = [\"no_timer_check\"]`")),
    of("DIB_NO_TIMESTAMP", MESSAGES),
    of("DIB_NO_TMPFS", DibMeaning::Option("no-tmpfs")),
    of("DIB_OFFLINE", DibMeaning::Option("offline")),
    of(
        "DIB_OPENSSH_SERVER_HARDENING",
        not_yet(
            "the server has OpenSSH's own ciphers; `[[files]]` below `/etc/ssh/sshd_config.d` changes them",
        ),
    ),
    of("DIB_OPENSUSE_PATTERNS", RPM),
    of("DIB_OS_CI_YUM_REPOS", RPM),
    of("DIB_PIP_RETRIES", PYTHON),
    of("DIB_PYENV_VERSIONS", PYTHON),
    of("DIB_PYPI_MIRROR_URL…", PYTHON),
    of("DIB_PYPI_MIRROR_URL", PYTHON),
    of("DIB_PYTHON", nothing("no script of an element runs in the image")),
    of("DIB_PYTHON_EXEC", INTERNAL),
    of("DIB_PYTHON_LOGGING_CONFIG_FILE", MESSAGES),
    of("DIB_PYTHON_PIP", PYTHON),
    of("DIB_PYTHON_VERSION", nothing("no script of an element runs in the image")),
    of("DIB_PYTHON_VERSIONS", PYTHON),
    of("DIB_PYTHON_VIRTUALENV", PYTHON),
    of("DIB_QUIET", instead("`--quiet`")),
    of("DIB_REG_TYPE", RPM),
    of("DIB_RELEASE", DibMeaning::Parameter("debian-minimal.release")),
    of("DIB_REPOLOCATION_…", SOURCES),
    of("DIB_REPOREF_…", SOURCES),
    of("DIB_REPOTYPE_…", SOURCES),
    of("DIB_RHN_CHANNELS", RPM),
    of("DIB_RHSM_…", RPM),
    of("DIB_ROOT_FSTYPE", INTERNAL),
    of("DIB_ROOT_LABEL", DibMeaning::Parameter("vm.root-label")),
    of("DIB_RUN_PARTS", INTERNAL),
    of("DIB_SAT_…", RPM),
    of("DIB_SHOW_IMAGE_USAGE", not_yet("the sizes of files are told at the end of a build")),
    of("DIB_SHOW_IMAGE_USAGE_FULL", not_yet("the sizes of files are told at the end of a build")),
    of("DIB_SIGNED_KERNEL_VERSION", INTERNAL),
    of("DIB_SIMPLE_INIT_…", nothing("`simple-init` is `cloud-init` here, with systemd-networkd")),
    of("DIB_SKIP_BASE_PACKAGE_INSTALL", nothing("there is no `base`")),
    of("DIB_SKIP_GRUB_PACKAGE_INSTALL", not_yet("`bootloader` brings GRUB's packages")),
    of("DIB_SOURCE_BLOCK_SIZE", nothing("DIB overwrites it")),
    of("DIB_SSACLI_URL", VENDOR),
    of("DIB_STOW_PATH", VENDOR),
    of("DIB_UBUNTU_KERNEL", DibMeaning::Parameter("kernel.package")),
    of("DIB_UBUNTU_MIRROR_DISTS", DibMeaning::Parameter("ubuntu-minimal.pockets")),
    of("DIB_YUM_…", RPM),
    of("DIB_ZIPL_DEFAULT_CMDLINE", not_yet("`bootloader` is GRUB")),
    of("DIB_ZYPPER_REPOS", RPM),
    of("DISTRO_NAME", instead("the base is chosen by an element, as `debian`")),
    of("DOCKER_TARGET", DibMeaning::Option("docker-target")),
    of("DUMP_CONFIG_GRAPH", instead("`dibhost block-device plan --graph`")),
    of("EFI_BOOT_DIR", nothing("UEFI starts the image from its removable path")),
    of(
        "ELEMENTS_PATH",
        not_yet(
            "elements of scripts do not run here; `--elements DIR` and `DIBHOST_ELEMENTS` say where components are",
        ),
    ),
    of("FS_TYPE", DibMeaning::Parameter("vm.root-filesystem")),
    of("GENTOO_…", GENTOO),
    of("IMAGE_NAME", DibMeaning::Option("o")),
    of("LOGFILE", DibMeaning::Option("logfile")),
    of("MAX_ONLINE_RESIZE", DibMeaning::Option("max-online-resize")),
    of("MKFS_OPTS", instead("`--mkfs-options`: DIB too overwrites the variable")),
    of("NO_SOURCE_REPOSITORIES", instead("the elements without `source-repositories`")),
    of(
        "OVERWRITE_OLD_IMAGE",
        nothing("an image of the same name is replaced when the new one is whole"),
    ),
    of("PIP_DOWNLOAD_CACHE", PYTHON),
    of("PYPI_MIRROR_URL…", PYTHON),
    of("PYPI_MIRROR_URL", PYTHON),
    of("QEMU_IMG_OPTIONS", DibMeaning::Option("qemu-img-options")),
    of("RAMDISK_ELEMENT", DibMeaning::Option("ramdisk-element")),
    of("REG_…", RPM),
    of("ROOT_LABEL", DibMeaning::Option("root-label")),
    of("RUN_PARTS_REGEX", INTERNAL),
    of("SHA256SUMS", CLOUD_IMAGE),
    of("SHA256SUMS_FILE", CLOUD_IMAGE),
    of("SIGNED_BY", instead("the parameter `key` of `ubuntu-minimal`")),
    of("SUBRELEASE_REGEXP", RPM),
    of(
        "TMPDIR",
        DibMeaning::Builder(
            "for small files; the tree is in memory, or in the cache's folder with `--no-tmpfs`",
        ),
    ),
    of(
        "TMP_DIR",
        nothing(
            "`TMPDIR` says where small files are; the tree is in memory or in the cache's folder",
        ),
    ),
    of("UBOOT_KERNEL_ADDR", not_yet("`bootloader` is GRUB")),
    of("UBOOT_KERNEL_EP", not_yet("`bootloader` is GRUB")),
    of("YUM", RPM),
    of("YUM_FLAGS", RPM),
    of(
        "break",
        instead(
            "`dibhost shell image.toml --at STEP`; for `after-error`, `build --on-failure shell`",
        ),
    ),
    of("break_cmd", instead("`dibhost shell image.toml --at STEP --command CMD`")),
    of(
        "break_outside_target",
        instead("`dibhost element run`, which runs one step of one element"),
    ),
    of(
        "http_proxy",
        DibMeaning::Builder(
            "what is fetched goes through it; the parameter `proxy` of `local-config` puts it into the image",
        ),
    ),
    of("https_proxy", DibMeaning::Builder("as `http_proxy`")),
    of("no_proxy", DibMeaning::Builder("as `http_proxy`")),
];

/// The variable of DIB's of that name.
#[must_use]
pub fn variable(name: &str) -> Option<&'static DibVariable> {
    let fits = || VARIABLES.iter().filter(|variable| variable.is(name));
    fits().find(|variable| variable.name == name).or_else(|| fits().next())
}

/// Whether nobody but DIB calls a variable so.
#[must_use]
pub fn is_dibs(name: &str) -> bool {
    name.starts_with("DIB_")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::words::option::option;

    #[test]
    fn they_are_in_order_and_name_options_that_are_there() {
        let plain = |name: &'static str| name.trim_end_matches('…');
        assert!(VARIABLES.is_sorted_by(|a, b| plain(a.name) <= plain(b.name)));
        for variable in VARIABLES {
            if let DibMeaning::Option(id) = variable.means {
                assert!(option(id).is_some(), "{}", variable.name);
            }
        }
    }

    #[test]
    fn a_name_that_is_written_out_comes_before_a_beginning() {
        assert_eq!(variable("DIB_PYPI_MIRROR_URL_2").unwrap().name, "DIB_PYPI_MIRROR_URL…");
        assert_eq!(variable("DIB_PYPI_MIRROR_URL").unwrap().name, "DIB_PYPI_MIRROR_URL");
        assert_eq!(variable("DIB_REPOREF_nova").unwrap().name, "DIB_REPOREF_…");
        assert!(variable("DIB_REPOREF_").is_none());
        assert!(variable("DIB_RELEASES").is_none());
    }

    #[test]
    fn parameters_have_their_variables_as_aliases_and_no_others() {
        let elements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../elements");
        let mut aliases = BTreeSet::new();
        for entry in std::fs::read_dir(&elements).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let source = elements.join(&name).join("src/lib.rs");
            let text = std::fs::read_to_string(source).unwrap_or_default();
            for alias in text.split("alias = \"").skip(1) {
                let alias = alias.split('"').next().unwrap();
                aliases.insert((name.clone(), alias.to_owned()));
            }
        }
        for variable in VARIABLES {
            let DibMeaning::Parameter(parameter) = variable.means else { continue };
            let element = parameter.split('.').next().unwrap().to_owned();
            assert!(aliases.contains(&(element, variable.name.to_owned())), "{parameter}");
        }
        for (element, alias) in aliases {
            let known = VARIABLES.iter().find(|variable| variable.name == alias);
            let is = known.is_some_and(|known| matches!(known.means, DibMeaning::Parameter(_)));
            assert!(is, "{element}: {alias}");
        }
    }

    /// Names that DIB 3.43 has in its scripts and that nobody sets: local ones, and ones of its
    /// tests and documentation.
    const NOT_READ: &str = "DIB_A_FEATURE DIB_B_FEATURE DIB_C_FEATURE DIB_FEATURE DIB_FEATURE_FLAG \
        DIB_USE_PACKAGE_A DIB_SCHEMA DIB_LAST_VERSION DIB_PY_BUILD_COUNTER DIB_VERSIONS_ARRAY \
        DIB_VERSIONS_TO_INSTALL DIB_PYTHON_FILES DIB_PYTHON_SUPPORTED_VERSIONS \
        DIB_PYTHON_VERSIONS_ARRAY DIB_APT_SOURCES_CONF_DEFAULT DIB_DEBIAN_COMPONENTS_WS \
        DIB_DRACUT_ENABLED_MODULES_DEFAULT_CONFIG DIB_FAIL2BAN DIB_RHSM";

    /// What `grep -rhoE '\b(DIB|REG|GENTOO|PYPI)_[A-Z0-9_]+'` finds in DIB 3.43.
    const FOUND: &str = include_str!("../../tests/dib/variables.txt");

    #[test]
    fn no_variable_of_dib_is_missing() {
        let unknown: Vec<&str> = FOUND
            .split_whitespace()
            .filter(|name| !NOT_READ.split_whitespace().any(|local| local == *name))
            .filter(|name| {
                variable(name.trim_end_matches('_')).is_none()
                    && variable(&format!("{name}x")).is_none()
            })
            .collect();
        assert_eq!(unknown, <[&str; 0]>::default());
    }
}
