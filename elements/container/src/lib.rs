//! A system of the image of a container: its layers, unpacked, and what a machine needs beside them.

mod system;

use apt_base::{address, locale, machine};
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Bootstrap, Change, Description, Element, Error, Finding, Outcome, Parameters, Phase, Plan,
    Result, Run, Step, UnitState, description, export_element,
};

use crate::system::{Family, SYSTEMS, System};

/// The element.
#[derive(Parameters)]
pub struct Container {
    /// `HOST/REPOSITORY@sha256:…`: of a manifest, or of an index that has one for the image's
    /// architecture. A tag before the `@` is for people.
    image: String,
    /// What it is, as `ID` of its os-release(5) has it: `debian`, `ubuntu`, `fedora`, `rhel`, `rocky`,
    /// `almalinux`, `centos`, `opensuse-leap`, `opensuse-tumbleweed`.
    system: String,
    /// Its release, as `VERSION_ID` has it: `12`, `24.04`, `9`; the image may have a newer one of that
    /// (`9.4`). None: it has none, as Debian's `sid`.
    version: Option<String>,
    /// The release's name, as `VERSION_CODENAME` has it: `bookworm`. Debian's packages come from there.
    codename: Option<String>,
    /// It becomes a machine: an init system, devices, a network that comes up by DHCP.
    #[parameter(default = true)]
    machine: bool,
    /// The machine's name until something else sets it; none: the image's name.
    hostname: Option<String>,
    /// `LANG` of the whole system.
    #[parameter(default = "C.UTF-8")]
    locale: String,
}

/// What images of containers have that is for containers alone.
const OF_CONTAINERS: [(&str, &str); 8] = [
    ("/.dockerenv", "it says that this is a container"),
    ("/usr/sbin/policy-rc.d", "it keeps services from starting"),
    ("/etc/dpkg/dpkg.cfg.d/docker-apt-speedup", "dpkg is to write what it installs"),
    ("/etc/dpkg/dpkg.cfg.d/excludes", "packages are to be whole"),
    ("/etc/apt/apt.conf.d/docker-autoremove-suggests", "apt's own way is wanted"),
    ("/etc/apt/apt.conf.d/docker-clean", "apt's own way is wanted"),
    ("/etc/apt/apt.conf.d/docker-gzip-indexes", "apt's own way is wanted"),
    ("/etc/apt/apt.conf.d/docker-no-languages", "apt's own way is wanted"),
];

const LOCALE_CONF: &str = "/etc/locale.conf";

impl Element for Container {
    fn describe() -> Description {
        let mut description = description!()
            .stands_in_for("operating-system")
            // No image carries the identity of one machine, or what differs from build to build.
            .requires("sysprep")
            .step(Step::planning(Phase::Root).provides::<Distribution>())
            .step(Step::new(Phase::Install))
            .request("bootstrap", "", "to make the first tree")
            .request("packages", "systemd-resolved", "names of hosts, where it is a package")
            .request("packages", "locales", "another locale than `C.UTF-8` is made of it")
            .request("rootfs", format!("write {LOCALE_CONF}"), "the system's language");
        for (path, reason) in machine::FILES.into_iter().chain(OF_CONTAINERS) {
            description = description.request("rootfs", format!("write {path}"), reason);
        }
        let mut asked: Vec<&str> = Vec::new();
        for family in [Family::Debian, Family::Fedora, Family::Suse] {
            for (package, reason) in family.packages() {
                if !asked.contains(package) {
                    asked.push(package);
                    description = description.request("packages", *package, *reason);
                }
            }
            for unit in family.units() {
                if !asked.contains(unit) {
                    asked.push(unit);
                    description = description.request("services", *unit, "the network comes up");
                }
            }
        }
        description
    }

    fn plan_root(&self, plan: &Plan<'_>) -> Result<()> {
        let system = match self.system() {
            Ok(system) => system,
            Err(finding) => {
                plan.find(finding);
                return Ok(());
            }
        };
        plan.provide(
            "",
            &Distribution {
                id: system.id.to_owned(),
                version_id: self.version.clone().unwrap_or_default(),
                codename: self.codename.clone().unwrap_or_default(),
                family: system.family.name().to_owned(),
                package_manager: system.package_manager.to_owned(),
                init: "systemd".to_owned(),
                default_user: system.default_user.to_owned(),
            },
        )?;
        plan.bootstrap(Bootstrap::Container(self.image.clone()))
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        // What is wrong was told in `root`.
        let Ok(system) = self.system() else { return Ok(()) };
        let family = system.family;
        if !self.machine || (family == Family::Debian && !locale::plan(plan, &self.locale)?) {
            return Ok(());
        }
        for (package, reason) in family.packages() {
            plan.package(*package, *reason)?;
        }
        let resolved = machine::resolved_is_a_package(self.codename.as_deref().unwrap_or_default());
        if family == Family::Debian && resolved {
            plan.package("systemd-resolved", "names of hosts")?;
        }
        for unit in family.units() {
            plan.service(unit, UnitState::Enabled)?;
        }
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let system = self.system().map_err(|finding| Error::new(finding.message))?;
        let mut changes: Vec<Change> =
            OF_CONTAINERS.iter().map(|(path, _)| Change::remove(*path)).collect();
        if self.machine {
            let image = run.machine().image_name;
            let hostname = self.hostname.clone();
            let hostname = hostname.unwrap_or_else(|| machine::hostname(&image, system.id));
            match system.family {
                Family::Debian => changes.extend(machine::files(&hostname, &self.locale)),
                Family::Fedora | Family::Suse => {
                    changes.push(Change::write("/etc/hostname", format!("{hostname}\n")));
                    let locale = format!("LANG={}\n", self.locale);
                    changes.push(Change::write(LOCALE_CONF, locale));
                }
            }
        }
        run.rootfs()?.apply(changes)?;
        Ok(Outcome::Done)
    }
}

impl Container {
    /// What it is; or what is wrong with what is said of it.
    fn system(&self) -> std::result::Result<&'static System, Finding> {
        let refusal = |what: &str, text: &str, parameter: &str| {
            let message = format!("`{}` is no {what}.", text.escape_debug());
            Finding::refusal(message).about(parameter)
        };
        let known = SYSTEMS.iter().find(|system| system.id == self.system);
        let Some(system) = known else {
            let names: Vec<&str> = SYSTEMS.iter().map(|system| system.id).collect();
            let help = format!("There are: {}.", names.join(", "));
            return Err(refusal("system that is known here", &self.system, "system").help(help));
        };
        let digest = self.image.rsplit_once("@sha256:").map(|(_, digest)| digest);
        if !digest.is_some_and(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit())) {
            let help = "A tag may be another image tomorrow: write `HOST/REPOSITORY@sha256:…`. \
                        `skopeo inspect docker://HOST/REPOSITORY:TAG` says which it is today.";
            return Err(refusal("image by its digest", &self.image, "image").help(help));
        }
        let word = |text: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.len() <= 30
                && text.chars().all(plain)
        };
        if let Some(odd) = self.version.as_ref().filter(|version| !word(version)) {
            return Err(refusal("release", odd, "version"));
        }
        match &self.codename {
            Some(odd) if !word(odd) => return Err(refusal("name of a release", odd, "codename")),
            None if system.family == Family::Debian => {
                let said = format!("`{}` has releases with names, and none is said.", system.id);
                let help = "Say it as `VERSION_CODENAME` of the image's /etc/os-release has it.";
                return Err(Finding::refusal(said).about("codename").help(help));
            }
            _ => {}
        }
        let odd = self.hostname.as_ref().filter(|name| !address::is_hostname(name));
        match odd {
            Some(odd) => Err(refusal("name of a machine", odd, "hostname")),
            None => Ok(system),
        }
    }
}

export_element!(Container);
