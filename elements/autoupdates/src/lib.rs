//! Updates that a machine installs by itself: every day, security updates or all, and if wanted with a
//! restart where one is asked for.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    ByFamily, Choice, Condition, Description, Element, Finding, Parameters, Phase, Plan, Result,
    Step, UnitState, description, export_element,
};

/// Which updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Updates {
    /// Those that close holes.
    Security,
    /// Those of the release.
    All,
}

/// The element.
#[derive(Parameters)]
pub struct Autoupdates {
    /// Which: `security` or `all`.
    #[parameter(default = "security")]
    updates: Updates,
    /// When the machine restarts, where an update asks for it: `02:30`. None: it does not.
    restart_at: Option<String>,
}

const PACKAGES: ByFamily = ByFamily(&[
    ("debian", &["unattended-upgrades"]),
    ("fedora", &["dnf-automatic"]),
    ("rhel", &["dnf-automatic"]),
]);

const DAILY: &str = "/etc/apt/apt.conf.d/60-dibhost-autoupdates";
const DNF: &str = "/etc/dnf/automatic.conf";
const TIMER: &str = "dnf-automatic.timer";

impl Element for Autoupdates {
    fn describe() -> Description {
        let debian = [Condition::family(["debian"])];
        let red_hat = || [Condition::family(["fedora", "rhel"])];
        let described = description!()
            .step(Step::planning(Phase::Install).consumes::<Distribution>())
            .request_when(debian, "rootfs", format!("write {DAILY}"), "what is updated, and when")
            .request_when(red_hat(), "rootfs", format!("write {DNF}"), "what is updated, and when")
            .request_when(red_hat(), "services", TIMER, "every day");
        PACKAGES.requests(described, "it updates by itself")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if let Some(at) = self.restart_at.as_deref().filter(|at| !is_time(at)) {
            plan.find(
                Finding::refusal(format!("`{}` is no time of a day.", at.escape_debug()))
                    .about("restart-at")
                    .help("Write it as `02:30`."),
            );
            return Ok(());
        }
        let system: Distribution = plan.consume_one()?;
        PACKAGES.plan(plan, "it updates by itself")?;
        match &*system.family {
            "debian" => plan.file(DAILY, self.apt(&system)),
            "fedora" | "rhel" => {
                plan.file(DNF, self.dnf())?;
                plan.service(TIMER, UnitState::Enabled)
            }
            // It was refused for its packages.
            _ => Ok(()),
        }
    }
}

impl Autoupdates {
    /// After the package's own `50unattended-upgrades`, whose list of origins it clears.
    fn apt(&self, system: &Distribution) -> String {
        let mut text = "// Written by the dibhost element `autoupdates`.\n\
             APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n\
             APT::Periodic::AutocleanInterval \"7\";\n\
             #clear Unattended-Upgrade::Origins-Pattern;\n\
             #clear Unattended-Upgrade::Allowed-Origins;\n"
            .to_owned();
        let origin = if system.id == "ubuntu" { "Ubuntu" } else { "Debian" };
        let security = if system.id == "ubuntu" {
            "archive=${distro_codename}-security"
        } else {
            "codename=${distro_codename}-security"
        };
        let mut patterns = vec![format!("origin={origin},{security}")];
        if self.updates == Updates::All {
            let all = if system.id == "ubuntu" {
                ["archive=${distro_codename}", "archive=${distro_codename}-updates"]
            } else {
                ["codename=${distro_codename}", "codename=${distro_codename}-updates"]
            };
            patterns.extend(all.map(|pattern| format!("origin={origin},{pattern}")));
        }
        for pattern in patterns {
            text.push_str(&format!("Unattended-Upgrade::Origins-Pattern:: \"{pattern}\";\n"));
        }
        if let Some(at) = &self.restart_at {
            text.push_str(&format!(
                "Unattended-Upgrade::Automatic-Reboot \"true\";\n\
                 Unattended-Upgrade::Automatic-Reboot-Time \"{at}\";\n"
            ));
        }
        text
    }

    fn dnf(&self) -> String {
        let kind = if self.updates == Updates::All { "default" } else { "security" };
        let (reboot, command) = match &self.restart_at {
            None => ("never", String::new()),
            Some(at) => ("when-needed", format!("reboot_command = shutdown -r {at}\n")),
        };
        format!(
            "# Written by the dibhost element `autoupdates`.\n[commands]\nupgrade_type = {kind}\n\
             download_updates = yes\napply_updates = yes\nreboot = {reboot}\n{command}"
        )
    }
}

fn is_time(text: &str) -> bool {
    let number = |digits: &str, least: u8| {
        digits.len() == 2
            && digits.bytes().all(|b| b.is_ascii_digit())
            && digits.parse::<u8>().is_ok_and(|number| number < least)
    };
    text.split_once(':').is_some_and(|(hour, minute)| number(hour, 24) && number(minute, 60))
}

export_element!(Autoupdates);
