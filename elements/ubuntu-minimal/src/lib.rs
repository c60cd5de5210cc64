//! The smallest Ubuntu that boots and can be worked with: a tree made by apt out of the release and its
//! pockets, a hostname, a network that comes up by DHCP.

mod archive;
mod release;

use apt_base::{address, locale, machine};
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Bootstrap, BootstrapDistribution, Change, DebRepository, Description, Element, Error, Fact,
    Finding, Outcome, Parameters, Phase, Plan, Result, Run, Step, UnitState, description,
    export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::archive::Mirrors;

/// Which Ubuntu, when another element says so: `ubuntu` has parameters of its own for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "dibhost:ubuntu/choice@1", arity = "optional", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Choice {
    /// The release's name.
    pub release: Option<String>,
    /// The mirror it is fetched from.
    pub mirror: Option<String>,
}

/// The element.
#[derive(Parameters)]
pub struct UbuntuMinimal {
    /// The release's name: `jammy`, `noble`, `resolute`. None: what the element `ubuntu` says, or
    /// `noble`.
    #[parameter(alias = "DIB_RELEASE")]
    release: Option<String>,
    /// The mirror that packages are fetched from; none: what the element `ubuntu` says, which has to say
    /// one then. Of other architectures than `amd64` and `i386` most releases are on the ports' own.
    #[parameter(alias = "DIB_DISTRIBUTION_MIRROR")]
    mirror: Option<String>,
    /// The mirror that security updates are fetched from; none: `mirror`.
    security_mirror: Option<String>,
    /// The archive's components.
    #[parameter(default = ["main", "universe"], alias = "DIB_DEBIAN_COMPONENTS")]
    components: Vec<String>,
    /// What of the release is taken beside what it was when it came out: `updates`, `security`,
    /// `backports`, `proposed`.
    #[parameter(default = ["updates", "security"], alias = "DIB_UBUNTU_MIRROR_DISTS")]
    pockets: Vec<String>,
    /// The key that signs the archive, armoured; none: Ubuntu's own. Whatever mirror it is, Ubuntu's
    /// signatures are on it, unless somebody made an archive of their own.
    key: Option<String>,
    /// The mirror that the image itself is given for its package manager; none: the one that the
    /// builder fetches packages from.
    image_mirror: Option<String>,
    /// The mirror of security updates that the image is given; none: `image-mirror`, else the one that
    /// the builder fetches them from.
    image_security_mirror: Option<String>,
    /// The machine's name until something else sets it; none: the image's name.
    hostname: Option<String>,
    /// `LANG` of the whole system, such as `de_DE.UTF-8`. `C.UTF-8` is there without any package;
    /// others are made by the package `locales`.
    #[parameter(default = "C.UTF-8", alias = "DIB_DEBOOTSTRAP_DEFAULT_LOCALE")]
    locale: String,
}

const DEFAULT_RELEASE: &str = "noble";

const POCKETS: [&str; 4] = ["backports", "proposed", "security", "updates"];

/// Where a key of somebody's own is in the image.
const OWN_KEY: &str = "/etc/apt/keyrings/ubuntu-archive.asc";

/// Ubuntu's package of `sysctl` has interfaces take addresses of IPv6 that change all the time, which is
/// for people's desks: Ubuntu's own cloud images take that back.
const SYSCTL: &str = "/etc/sysctl.d/90-dibhost-ipv6.conf";
const IPV6: &str = "net.ipv6.conf.all.use_tempaddr = 0\nnet.ipv6.conf.default.use_tempaddr = 0\n";

/// Beyond what Ubuntu calls essential, and why.
const PACKAGES: &[(&str, &str)] = &[
    ("apt", "to install packages later"),
    ("ca-certificates", "to trust servers"),
    ("dbus", "systemd's tools speak over it"),
    ("iproute2", "to set up the network"),
    ("libpam-systemd", "sessions of people who log in"),
    ("netbase", "names of protocols and services"),
    ("procps", "to look at processes"),
    ("sudo", "to work as root without its password"),
    ("systemd-sysv", "the init system"),
    ("tzdata", "time zones"),
    ("ubuntu-keyring", "apt checks signatures with it"),
    ("udev", "devices"),
];

impl Element for UbuntuMinimal {
    fn describe() -> Description {
        let mut description = description!()
            .stands_in_for("operating-system")
            // No image carries the identity of one machine, or what differs from build to build.
            .requires("sysprep")
            .step(Step::planning(Phase::Root).may_consume::<Choice>().provides::<Distribution>())
            .step(Step::new(Phase::Install).may_consume::<Choice>())
            .request("bootstrap", "", "to make the first tree")
            .request("repositories", "* key:*", "the release's pockets, on whatever mirror")
            .request("packages", "systemd-resolved", "names of hosts, where it is a package")
            .request("packages", "locales", "another locale than `C.UTF-8` is made of it")
            .request("services", "systemd-networkd.service", "the network comes up by DHCP")
            .request("services", "systemd-resolved.service", "names of hosts")
            .request("rootfs", "write /etc/apt/sources.list", "the image's package sources")
            .request("rootfs", "write /etc/apt/sources.list.d", "the image's package sources")
            .request("rootfs", "write /etc/apt/keyrings", "the key of an archive of your own")
            .request("rootfs", "write /etc/sysctl.d", "addresses of IPv6 that stay");
        for (path, reason) in machine::FILES {
            description = description.request("rootfs", format!("write {path}"), reason);
        }
        for (package, reason) in PACKAGES {
            description = description.request("packages", *package, *reason);
        }
        description
    }

    fn plan_root(&self, plan: &Plan<'_>) -> Result<()> {
        let chosen = match self.choose(plan.consume_optional()?) {
            Ok(chosen) => chosen,
            Err(problem) => {
                plan.find(problem);
                return Ok(());
            }
        };
        let release = &chosen.release;
        // In the first phase, so that a layout can depend on it.
        plan.provide(
            "",
            &Distribution {
                id: "ubuntu".to_owned(),
                version_id: release::version(release).to_owned(),
                codename: release.clone(),
                family: "debian".to_owned(),
                package_manager: "apt".to_owned(),
                init: "systemd".to_owned(),
                default_user: "ubuntu".to_owned(),
            },
        )?;
        let (archive, security) = archive::suites(release, &self.pockets);
        let places = [
            ("ubuntu-pockets", &chosen.mirrors.archive, archive.into_iter().skip(1).collect()),
            ("ubuntu-security", &chosen.mirrors.security, security),
        ];
        for (name, url, suites) in places {
            let suites: Vec<String> = suites;
            if suites.is_empty() {
                continue;
            }
            plan.deb_repository(DebRepository {
                name: name.to_owned(),
                url: url.clone(),
                suites,
                components: self.components.clone(),
                key: chosen.key.clone(),
                // What the image itself is given is one file, by Ubuntu's own name.
                build_only: true,
                ..DebRepository::default()
            })?;
        }
        plan.bootstrap(Bootstrap::Distribution(BootstrapDistribution {
            package_manager: "apt".to_owned(),
            release: chosen.release,
            mirror: Some(chosen.mirrors.archive),
            components: self.components.clone(),
            keys: vec![chosen.key],
            ..BootstrapDistribution::default()
        }))
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if !locale::plan(plan, &self.locale)? {
            return Ok(());
        }
        for (package, reason) in PACKAGES {
            plan.package(*package, *reason)?;
        }
        let other: Option<Choice> = plan.consume_optional()?;
        let release = self.release(other.as_ref());
        if machine::resolved_is_a_package(&release) {
            plan.package("systemd-resolved", "names of hosts")?;
        }
        for unit in ["systemd-networkd.service", "systemd-resolved.service"] {
            plan.service(unit, UnitState::Enabled)?;
        }
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let chosen = self.choose(run.consume_optional()?);
        let chosen = chosen.map_err(|problem| Error::new(problem.message))?;
        let image = run.machine().image_name;
        let hostname = self.hostname.clone();
        let hostname = hostname.unwrap_or_else(|| machine::hostname(&image, "ubuntu"));
        let mut changes = machine::files(&hostname, &self.locale);
        let keyring = match &self.key {
            None => archive::KEYRING,
            Some(key) => {
                changes.push(Change::directory("/etc/apt/keyrings"));
                changes.push(Change::write(OWN_KEY, format!("{}\n", key.trim())));
                OWN_KEY
            }
        };
        let (path, text) = archive::sources(
            &chosen.release,
            &self.pockets,
            &self.components,
            &chosen.image_mirrors,
            keyring,
        );
        changes.push(Change::directory("/etc/apt/sources.list.d"));
        changes.push(Change::write(path, text));
        changes.push(Change::directory("/etc/sysctl.d"));
        changes.push(Change::write(SYSCTL, IPV6));
        run.rootfs()?.apply(changes)?;
        Ok(Outcome::Done)
    }
}

/// What was chosen, from this element's parameters and the other's.
struct Chosen {
    release: String,
    mirrors: Mirrors,
    image_mirrors: Mirrors,
    key: String,
}

impl UbuntuMinimal {
    fn release(&self, other: Option<&Choice>) -> String {
        let other = other.and_then(|other| other.release.clone());
        self.release.clone().or(other).unwrap_or_else(|| DEFAULT_RELEASE.to_owned())
    }

    /// Refused is what would say more in a file of the image than it is to say, whoever it comes from.
    fn choose(&self, other: Option<Choice>) -> std::result::Result<Chosen, Finding> {
        let release = self.release(other.as_ref());
        release::check(&release).map_err(|message| {
            let help = "Name the release by its codename, such as `noble`.";
            Finding::refusal(message).about("release").help(help)
        })?;
        let mirror = self.mirror.clone().or_else(|| other.and_then(|other| other.mirror));
        self.check(mirror.as_ref())?;
        let Some(archive) = mirror else {
            let help =
                "Name it: `[parameters.ubuntu-minimal]` with `mirror = \"http://…/ubuntu\"`.";
            let message =
                "No mirror of Ubuntu is named, and the builder knows those of its own system.";
            return Err(Finding::refusal(message).about("mirror").help(help));
        };
        let security = self.security_mirror.clone().unwrap_or_else(|| archive.clone());
        let mirrors = Mirrors { archive, security };
        let image_security = self.image_security_mirror.as_ref().or(self.image_mirror.as_ref());
        let image_security = image_security.unwrap_or(&mirrors.security).clone();
        let image_archive = self.image_mirror.clone().unwrap_or_else(|| mirrors.archive.clone());
        let image_mirrors = Mirrors { archive: image_archive, security: image_security };
        let key = self.key.clone().unwrap_or_else(|| archive::KEY.to_owned());
        Ok(Chosen { release, mirrors, image_mirrors, key })
    }

    fn check(&self, mirror: Option<&String>) -> std::result::Result<(), Finding> {
        let refusal = |what: &str, text: &str, parameter: &str| {
            let message = format!("`{}` is no {what}.", text.escape_debug());
            Err(Finding::refusal(message).about(parameter))
        };
        for (mirror, parameter) in [
            (mirror, "mirror"),
            (self.security_mirror.as_ref(), "security-mirror"),
            (self.image_mirror.as_ref(), "image-mirror"),
            (self.image_security_mirror.as_ref(), "image-security-mirror"),
        ] {
            if let Some(mirror) = mirror.filter(|mirror| !address::is_mirror(mirror)) {
                return refusal("address of a mirror", mirror, parameter);
            }
        }
        if let Some(odd) = self.components.iter().find(|c| !address::is_component(c)) {
            return refusal("component of an archive", odd, "components");
        }
        if let Some(odd) = self.pockets.iter().find(|p| !POCKETS.contains(&p.as_str())) {
            return refusal("pocket of a release", odd, "pockets")
                .map_err(|refusal| refusal.help(format!("There are {}.", POCKETS.join(", "))));
        }
        if let Some(odd) = self.hostname.as_ref().filter(|name| !address::is_hostname(name)) {
            return refusal("name of a machine", odd, "hostname");
        }
        Ok(())
    }
}

export_element!(UbuntuMinimal);
