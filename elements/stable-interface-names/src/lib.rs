//! Network interfaces keep their names when the system is upgraded.
//!
//! systemd names an interface by where its card is. How exactly is the *naming scheme*, of which each
//! version of systemd has one: a machine that is upgraded may come up with other names, and without
//! its network. Here the image says which one it keeps to.

use dibhost_element_sdk::slots::{Distribution, KernelArgument};
use dibhost_element_sdk::{
    Description, Element, File, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct StableInterfaceNames {
    /// The naming scheme, as systemd calls it: `v252`. None: that of the release's own systemd.
    scheme: Option<String>,
}

/// The scheme of the systemd that a release of Debian came with.
const OF_DEBIAN: [(&str, &str); 3] =
    [("bullseye", "v247"), ("bookworm", "v252"), ("trixie", "v257")];

/// What would have the kernel's names again (`eth0`), or names that were once seen: each had its time
/// in images that were passed on.
const IN_THE_WAY: [&str; 3] = [
    "/etc/systemd/network/99-default.link",
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/etc/udev/rules.d/80-net-setup-link.rules",
];

impl Element for StableInterfaceNames {
    fn describe() -> Description {
        let described = description!().step(
            Step::planning(Phase::Install)
                .may_consume::<Distribution>()
                .provides::<KernelArgument>(),
        );
        IN_THE_WAY.iter().fold(described, |described, path| {
            described.request("rootfs", format!("write {path}"), "it would rename interfaces")
        })
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if let Some(scheme) = self.scheme.as_deref().filter(|scheme| !is_scheme(scheme)) {
            plan.find(
                Finding::refusal(format!("`{}` is no naming scheme.", scheme.escape_debug()))
                    .about("scheme")
                    .help(
                        "Write it as systemd.net-naming-scheme(7) does: `v252`; or leave it out \
                         for that of the release.",
                    ),
            );
            return Ok(());
        }
        let system = plan.consume_optional::<Distribution>()?;
        let own = system.as_ref().and_then(|system| {
            let own = OF_DEBIAN.iter().find(|(codename, _)| system.codename == *codename);
            own.filter(|_| system.id == "debian").map(|(_, scheme)| (*scheme).to_owned())
        });
        match self.scheme.clone().or(own) {
            Some(scheme) => plan.provide(
                "scheme",
                &KernelArgument::new(
                    format!("net.naming-scheme={scheme}"),
                    "interfaces keep their names when systemd is upgraded",
                ),
            )?,
            None => plan.find(
                Finding::warning(
                    "Which naming scheme the system has is not known: interfaces may get other \
                     names when it is upgraded.",
                )
                .about("scheme")
                .help("Set `scheme` to the one that `udevadm test-builtin net_id` shows there."),
            ),
        }
        plan.files(IN_THE_WAY.map(File::removed))
    }
}

/// `v238` was the first.
fn is_scheme(scheme: &str) -> bool {
    let number = scheme.strip_prefix('v').and_then(|number| number.parse::<u32>().ok());
    number.is_some_and(|number| (238..1000).contains(&number)) && !scheme.contains('+')
}

export_element!(StableInterfaceNames);
