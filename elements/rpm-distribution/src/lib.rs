//! What the elements of distributions of RPM packages share. Each of them is its data: what the
//! distribution is ([`System`]), and a file for each of its releases ([`Release`]).

mod address;
mod release;

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Bootstrap, BootstrapDistribution, Change, Description, Error, Finding, Outcome, Phase, Plan,
    Result, RpmDistribution, RpmOrigin, Run, Step, UnitState,
};

pub use release::{Origin, Release, ReleaseFile};

/// A distribution: what is the same of all its releases.
#[derive(Debug, Clone, Copy)]
pub struct System {
    /// `ID` of os-release.
    pub id: &'static str,
    /// `fedora`, `suse`.
    pub family: &'static str,
    /// `dnf`, `zypper`.
    pub package_manager: &'static str,
    /// Whom cloud-init makes.
    pub default_user: &'static str,
    /// The newest first.
    pub releases: &'static [ReleaseFile],
}

/// Values of the parameters that all of these elements have.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// Which release.
    pub release: &'a str,
    /// Where packages are fetched from.
    pub mirror: &'a str,
    /// Armoured keys; none: those of the release.
    pub keys: &'a [String],
    /// Whether indexes are unsigned; none: as the release has it.
    pub unsigned_indexes: Option<bool>,
    /// What packages recommend comes too.
    pub weak_dependencies: bool,
    /// Documentation is installed.
    pub documentation: bool,
    /// Of what belongs to a language, that of these alone; none: all.
    pub languages: &'a [String],
    /// None: the image's name.
    pub hostname: Option<&'a str>,
    /// `LANG`.
    pub locale: &'a str,
}

/// All that such an element asks for.
pub fn describe(description: Description, system: &System) -> Description {
    let mut description = description
        .stands_in_for("operating-system")
        // No image carries the identity of one machine, or what differs from build to build.
        .requires("sysprep")
        .step(Step::planning(Phase::Root).provides::<Distribution>())
        .step(Step::new(Phase::Install))
        .request("bootstrap", "", "to make the first tree")
        .request("rootfs", "write /etc/hostname", "the machine's name")
        .request("rootfs", "write /etc/hosts", "the machine finds itself by its name")
        .request("rootfs", "write /etc/locale.conf", "the system's language");
    let releases: Vec<Release> = system.releases.iter().map(ReleaseFile::read).collect();
    let mut asked: Vec<(&str, &str)> = Vec::new();
    for release in &releases {
        for (capability, wanted) in [("packages", &release.packages), ("services", &release.units)]
        {
            for (name, reason) in wanted {
                if !asked.contains(&(capability, name)) {
                    asked.push((capability, name));
                    description = description.request(capability, name, reason);
                }
            }
        }
    }
    description
}

/// The first tree, and what others are told of it.
///
/// # Errors
/// The host refuses.
pub fn plan_root(system: &System, settings: &Settings<'_>, plan: &Plan<'_>) -> Result<()> {
    let found = match find(system, settings) {
        Ok(found) => found,
        Err(finding) => {
            plan.find(finding);
            return Ok(());
        }
    };
    let Found { release, keys } = found;
    plan.provide(
        "",
        &Distribution {
            id: system.id.to_owned(),
            version_id: release.version_id.clone(),
            codename: String::new(),
            family: system.family.to_owned(),
            package_manager: system.package_manager.to_owned(),
            init: "systemd".to_owned(),
            default_user: system.default_user.to_owned(),
        },
    )?;
    let machine = plan.machine();
    let arch = release::arch(&machine.arch);
    let mirror = settings.mirror.trim_end_matches('/');
    let origin = |origin: &Origin| {
        let path = origin.path.replace("{release}", settings.release).replace("{arch}", arch);
        RpmOrigin {
            name: origin.name.clone(),
            url: format!("{mirror}/{path}"),
            keys: keys.clone(),
            index_unsigned: settings.unsigned_indexes.unwrap_or(origin.index_unsigned),
            ..RpmOrigin::default()
        }
    };
    plan.bootstrap(Bootstrap::Distribution(BootstrapDistribution {
        package_manager: system.package_manager.to_owned(),
        release: settings.release.to_owned(),
        rpm: Some(RpmDistribution {
            origins: release.origins.iter().map(origin).collect(),
            base: release.base.clone(),
            module_platform: release.module_platform.clone(),
            weak_dependencies: settings.weak_dependencies,
            documentation: settings.documentation,
            languages: (!settings.languages.is_empty()).then(|| settings.languages.to_vec()),
            ..RpmDistribution::default()
        }),
        ..BootstrapDistribution::default()
    }))
}

/// Its packages and units.
///
/// # Errors
/// The host refuses.
pub fn plan_install(system: &System, settings: &Settings<'_>, plan: &Plan<'_>) -> Result<()> {
    // What is wrong was told in `root`.
    let Ok(Found { release, .. }) = find(system, settings) else { return Ok(()) };
    for (package, reason) in &release.packages {
        plan.package(package, reason)?;
    }
    for (unit, _) in &release.units {
        plan.service(unit, UnitState::Enabled)?;
    }
    Ok(())
}

/// The machine's name and language.
///
/// # Errors
/// The host refuses.
pub fn run_install(system: &System, settings: &Settings<'_>, run: &Run<'_>) -> Result<Outcome> {
    find(system, settings).map_err(|finding| Error::new(finding.message))?;
    let hostname = settings
        .hostname
        .map_or_else(|| address::hostname(&run.machine().image_name), str::to_owned);
    run.rootfs()?.apply(vec![
        Change::write("/etc/hostname", format!("{hostname}\n")),
        Change::write("/etc/hosts", hosts(&hostname)),
        Change::write("/etc/locale.conf", format!("LANG={}\n", settings.locale)),
    ])?;
    Ok(Outcome::Done)
}

fn hosts(hostname: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost localhost.localdomain\n127.0.1.1\t{hostname}\n\n\
         ::1\tlocalhost localhost.localdomain ip6-localhost ip6-loopback\n"
    )
}

/// A release that packages can be had of.
struct Found {
    release: Release,
    keys: Vec<String>,
}

/// The release that is asked for. One that no file is of is as the newest, and nobody knows its keys.
fn find(system: &System, settings: &Settings<'_>) -> std::result::Result<Found, Finding> {
    let refusal = |what: &str, text: &str, parameter: &str| {
        let message = format!("`{}` is no {what}.", text.escape_debug());
        Err(Finding::refusal(message).about(parameter))
    };
    if !address::is_release(settings.release) {
        return refusal("name of a release", settings.release, "release");
    }
    if !address::is_mirror(settings.mirror) {
        return refusal("address of a mirror", settings.mirror, "mirror");
    }
    if let Some(odd) = settings.hostname.filter(|name| !address::is_hostname(name)) {
        return refusal("name of a machine", odd, "hostname");
    }
    if !address::is_locale(settings.locale) {
        return refusal("locale of UTF-8", settings.locale, "locale");
    }
    let own: Vec<String> = settings.keys.iter().map(|key| key.trim().to_owned()).collect();
    let known = system.releases.iter().find(|file| file.read().release == settings.release);
    match (known, system.releases.first()) {
        (Some(file), _) => {
            let shipped = || file.keys.iter().map(|key| (*key).to_owned()).collect();
            let keys = if own.is_empty() { shipped() } else { own };
            Ok(Found { release: file.read(), keys })
        }
        (None, Some(newest)) if !own.is_empty() => {
            let mut release = newest.read();
            release.module_platform = None;
            release.version_id = settings.release.to_owned();
            Ok(Found { release, keys: own })
        }
        _ => {
            let known: Vec<String> =
                system.releases.iter().map(|file| format!("`{}`", file.read().release)).collect();
            let message =
                format!("The keys of the release `{}` are not known here.", settings.release);
            Err(Finding::refusal(message).about("release").help(format!(
                "Give the keys that sign its packages as `keys`, or take one of {}.",
                known.join(", ")
            )))
        }
    }
}

/// Makes an element of a [`System`]: its parameters, and what is done with them.
#[macro_export]
macro_rules! rpm_element {
    ($(#[$about:meta])* $name:ident, $system:expr, release = $release:tt) => {
        $(#[$about])*
        #[derive(::dibhost_element_sdk::Parameters)]
        pub struct $name {
            /// The release.
            #[parameter(default = $release, alias = "DIB_RELEASE")]
            release: String,
            /// The mirror that packages are fetched from: the folder above those of the releases.
            #[parameter(alias = "DIB_DISTRIBUTION_MIRROR")]
            mirror: String,
            /// Armoured keys that sign packages and indexes; none: those of the release that come with
            /// the element.
            #[parameter(default = [])]
            keys: Vec<String>,
            /// Indexes of packages are not signed; packages have to be all the same. None: as the
            /// distribution has it.
            unsigned_indexes: Option<bool>,
            /// What packages recommend comes too.
            #[parameter(default = false)]
            weak_dependencies: bool,
            /// Documentation is installed.
            #[parameter(default = true)]
            documentation: bool,
            /// Of what belongs to a language, that of these alone is installed: `["en", "de"]`. Empty: all.
            #[parameter(default = [])]
            languages: Vec<String>,
            /// The machine's name until something else sets it; none: the image's name.
            hostname: Option<String>,
            /// `LANG` of the whole system. `C.UTF-8` is there without any package; others need the one of
            /// their language.
            #[parameter(default = "C.UTF-8")]
            locale: String,
        }

        impl $name {
            fn settings(&self) -> $crate::Settings<'_> {
                $crate::Settings {
                    release: &self.release,
                    mirror: &self.mirror,
                    keys: &self.keys,
                    unsigned_indexes: self.unsigned_indexes,
                    weak_dependencies: self.weak_dependencies,
                    documentation: self.documentation,
                    languages: &self.languages,
                    hostname: self.hostname.as_deref(),
                    locale: &self.locale,
                }
            }
        }

        impl ::dibhost_element_sdk::Element for $name {
            fn describe() -> ::dibhost_element_sdk::Description {
                $crate::describe(::dibhost_element_sdk::description!(), &$system)
            }

            fn plan_root(
                &self,
                plan: &::dibhost_element_sdk::Plan<'_>,
            ) -> ::dibhost_element_sdk::Result<()> {
                $crate::plan_root(&$system, &self.settings(), plan)
            }

            fn plan_install(
                &self,
                plan: &::dibhost_element_sdk::Plan<'_>,
            ) -> ::dibhost_element_sdk::Result<()> {
                $crate::plan_install(&$system, &self.settings(), plan)
            }

            fn run_install(
                &self,
                run: &::dibhost_element_sdk::Run<'_>,
            ) -> ::dibhost_element_sdk::Result<::dibhost_element_sdk::Outcome> {
                $crate::run_install(&$system, &self.settings(), run)
            }
        }

        ::dibhost_element_sdk::export_element!($name);
    };
}
