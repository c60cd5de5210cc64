//! The smallest Debian that boots and can be worked with: a tree made by apt, a hostname, a
//! network that comes up by DHCP.

mod release;

use apt_base::{address, locale, machine};
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Bootstrap, BootstrapDistribution, Change, Description, Element, Error, Fact, Finding, Outcome,
    Parameters, Phase, Plan, Result, Run, Step, UnitState, description, export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which Debian, when another element says so: `debian` has parameters of its own for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "dibhost:debian/choice@1", arity = "optional", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Choice {
    /// The release's name.
    pub release: Option<String>,
    /// The mirror it is fetched from.
    pub mirror: Option<String>,
}

/// The element.
#[derive(Parameters)]
pub struct DebianMinimal {
    /// The release's name: `bookworm`, `trixie`, `sid`. None: what the element `debian` says, or
    /// `bookworm`.
    #[parameter(alias = "DIB_RELEASE")]
    release: Option<String>,
    /// The mirror that the builder fetches packages from; none: the one that the builder's own
    /// apt configuration names.
    #[parameter(alias = "DIB_DISTRIBUTION_MIRROR")]
    mirror: Option<String>,
    /// The archive's components.
    #[parameter(default = ["main"], alias = "DIB_DEBIAN_COMPONENTS")]
    components: Vec<String>,
    /// The mirror that the image itself is given for its package manager; none: the one that the
    /// builder fetches packages from.
    image_mirror: Option<String>,
    /// The mirror of security updates that the image is given; none: the builder's own, unless
    /// another mirror is named.
    image_security_mirror: Option<String>,
    /// The machine's name until something else sets it; none: the image's name.
    hostname: Option<String>,
    /// `LANG` of the whole system, such as `de_DE.UTF-8`. `C.UTF-8` is there without any package;
    /// others are made by the package `locales`.
    #[parameter(default = "C.UTF-8", alias = "DIB_DEBOOTSTRAP_DEFAULT_LOCALE")]
    locale: String,
}

const DEFAULT_RELEASE: &str = "bookworm";

/// Beyond what Debian calls essential, and why.
const PACKAGES: &[(&str, &str)] = &[
    ("apt", "to install packages later"),
    ("ca-certificates", "to trust servers"),
    ("dbus", "systemd's tools speak over it"),
    ("debian-archive-keyring", "apt checks signatures with it"),
    ("iproute2", "to set up the network"),
    ("libpam-systemd", "sessions of people who log in"),
    ("netbase", "names of protocols and services"),
    ("procps", "to look at processes"),
    ("sudo", "to work as root without its password"),
    ("systemd-sysv", "the init system"),
    ("tzdata", "time zones"),
    ("udev", "devices"),
];

impl Element for DebianMinimal {
    fn describe() -> Description {
        let mut description = description!()
            .stands_in_for("operating-system")
            // No image carries the identity of one machine, or what differs from build to build.
            .requires("sysprep")
            .step(Step::planning(Phase::Root).may_consume::<Choice>().provides::<Distribution>())
            .step(Step::new(Phase::Install).may_consume::<Choice>())
            .request("bootstrap", "", "to make the first tree")
            .request("packages", "systemd-resolved", "names of hosts, where it is a package")
            .request("packages", "locales", "another locale than `C.UTF-8` is made of it")
            .request("services", "systemd-networkd.service", "the network comes up by DHCP")
            .request("services", "systemd-resolved.service", "names of hosts")
            .request("rootfs", "write /etc/apt/sources.list.d", "the image's package source");
        for (path, reason) in machine::FILES {
            description = description.request("rootfs", format!("write {path}"), reason);
        }
        for (package, reason) in PACKAGES {
            description = description.request("packages", *package, *reason);
        }
        description
    }

    fn plan_root(&self, plan: &Plan<'_>) -> Result<()> {
        let choice = self.choose(plan.consume_optional()?);
        if let Err(message) = release::check(&choice.release) {
            plan.find(
                Finding::refusal(message)
                    .about("release")
                    .help("Name the release by its codename, such as `bookworm`."),
            );
            return Ok(());
        }
        if let Some(problem) = self.problem(&choice) {
            plan.find(problem);
            return Ok(());
        }
        let release = &choice.release;
        let distribution = Distribution {
            id: "debian".to_owned(),
            version_id: release::version(release).to_owned(),
            codename: release::codename(release).to_owned(),
            family: "debian".to_owned(),
            package_manager: "apt".to_owned(),
            init: "systemd".to_owned(),
            default_user: "debian".to_owned(),
        };
        // In the first phase, so that a layout can depend on it.
        plan.provide("", &distribution)?;
        plan.bootstrap(Bootstrap::Distribution(BootstrapDistribution {
            package_manager: "apt".to_owned(),
            release: choice.release,
            mirror: choice.mirror,
            components: self.components.clone(),
            ..BootstrapDistribution::default()
        }))
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let release = self.choose(plan.consume_optional()?).release;
        if !locale::plan(plan, &self.locale)? {
            return Ok(());
        }
        for (package, reason) in PACKAGES {
            plan.package(*package, *reason)?;
        }
        if machine::resolved_is_a_package(&release) {
            plan.package("systemd-resolved", "names of hosts")?;
        }
        for unit in ["systemd-networkd.service", "systemd-resolved.service"] {
            plan.service(unit, UnitState::Enabled)?;
        }
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let choice = self.choose(run.consume_optional()?);
        if let Some(problem) = self.problem(&choice) {
            return Err(Error::new(problem.message));
        }
        let image = run.machine().image_name;
        let hostname = self.hostname.clone();
        let hostname = hostname.unwrap_or_else(|| machine::hostname(&image, "debian"));
        let mut changes = machine::files(&hostname, &self.locale);
        if let Some(sources) = self.sources(&choice) {
            changes.push(Change::directory("/etc/apt/sources.list.d"));
            changes.push(Change::write("/etc/apt/sources.list.d/debian.sources", sources));
        }
        run.rootfs()?.apply(changes)?;
        Ok(Outcome::Done)
    }
}

/// What was chosen, from this element's parameters and the other's.
struct Chosen {
    release: String,
    mirror: Option<String>,
    image_mirror: Option<String>,
}

impl DebianMinimal {
    fn choose(&self, other: Option<Choice>) -> Chosen {
        let other = other.unwrap_or(Choice { release: None, mirror: None });
        let mirror = self.mirror.clone().or(other.mirror);
        Chosen {
            release: self
                .release
                .clone()
                .or(other.release)
                .unwrap_or_else(|| DEFAULT_RELEASE.to_owned()),
            image_mirror: self.image_mirror.clone().or_else(|| mirror.clone()),
            mirror,
        }
    }

    /// What would say more in a file of the image than it is to say, whoever it comes from.
    fn problem(&self, choice: &Chosen) -> Option<Finding> {
        let refusal = |what: &str, text: &str, parameter: &str| {
            let message = format!("`{}` is no {what}.", text.escape_debug());
            Some(Finding::refusal(message).about(parameter))
        };
        if release::check(&choice.release).is_err() {
            return refusal("name of a release", &choice.release, "release");
        }
        let mirrors = [
            (&choice.mirror, "mirror"),
            (&choice.image_mirror, "image-mirror"),
            (&self.image_security_mirror, "image-security-mirror"),
        ];
        for (mirror, parameter) in mirrors {
            if let Some(mirror) = mirror.as_ref().filter(|mirror| !address::is_mirror(mirror)) {
                return refusal("address of a mirror", mirror, parameter);
            }
        }
        if let Some(odd) = self.components.iter().find(|c| !address::is_component(c)) {
            return refusal("component of an archive", odd, "components");
        }
        let odd = self.hostname.as_ref().filter(|name| !address::is_hostname(name));
        odd.and_then(|name| refusal("name of a machine", name, "hostname"))
    }

    /// The text of a deb822 source file; none when no mirror is named: the host then leaves the
    /// builder's own in the tree.
    fn sources(&self, choice: &Chosen) -> Option<String> {
        let components = self.components.join(" ");
        let stanza = |mirror: &str, suites: &str| {
            format!(
                "Types: deb\nURIs: {mirror}\nSuites: {suites}\nComponents: {components}\n\
                 Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
            )
        };
        let mirror = choice.image_mirror.as_deref()?;
        let release = &choice.release;
        let rolling = release::is_rolling(release);
        let suites = if rolling { release.clone() } else { format!("{release} {release}-updates") };
        let mut text = stanza(mirror, &suites);
        if let Some(security) = self.image_security_mirror.as_deref().filter(|_| !rolling) {
            text.push('\n');
            text.push_str(&stanza(security, &format!("{release}-security")));
        }
        Some(text)
    }
}

export_element!(DebianMinimal);
