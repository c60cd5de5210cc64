//! cloud-init, its datasources, and a network that comes up by itself.

use apt_base::machine;
use dibhost_element_sdk::slots::{Datasource, Distribution};
use dibhost_element_sdk::{
    Condition, Description, Element, Finding, Parameters, Phase, Plan, Result, Step, UnitState,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct CloudInit {
    /// Where it looks for its data, in this order; those of other elements follow, `None` is last.
    #[parameter(
        default = ["NoCloud", "ConfigDrive", "OpenStack", "Ec2", "None"],
        alias = "DIB_CLOUD_INIT_DATASOURCES"
    )]
    datasources: Vec<String>,
}

const UNITS: [&str; 2] = ["systemd-networkd.service", "systemd-resolved.service"];
const MANAGER: &str = "NetworkManager.service";

/// What a family calls it, and what its network is set up by.
struct Names {
    /// The package that grows partitions.
    grows: &'static str,
    units: &'static [&'static str],
    /// As cloud-init names it.
    renderer: &'static str,
}

const DEBIAN: Names = Names { grows: "cloud-guest-utils", units: &UNITS, renderer: "networkd" };
const FEDORA: Names =
    Names { grows: "cloud-utils-growpart", units: &[MANAGER], renderer: "network-manager" };
const SUSE: Names = Names { grows: "growpart", units: &[MANAGER], renderer: "network-manager" };

/// Of another family what is asked for and not there is told by its package manager.
fn names(family: &str) -> &'static Names {
    match family {
        "fedora" => &FEDORA,
        "suse" => &SUSE,
        _ => &DEBIAN,
    }
}

fn family(name: &'static str) -> Condition {
    Condition::family([name])
}

impl Element for CloudInit {
    fn describe() -> Description {
        description!()
            .step(
                Step::planning(Phase::Install).consumes::<Distribution>().consumes::<Datasource>(),
            )
            .request("packages", "cloud-init", "cloud-init")
            .request("packages", "cloud-guest-utils", "it grows the root with it")
            .request("packages", "systemd-resolved", "names of hosts, where it is a package")
            .request("services", UNITS[0], "the network that cloud-init describes comes up")
            .request("services", UNITS[1], "names of hosts")
            .request_when([family("fedora")], "packages", FEDORA.grows, "it grows the root with it")
            .request_when([family("suse")], "packages", SUSE.grows, "it grows the root with it")
            .request_when(
                [Condition::family(["fedora", "suse"])],
                "services",
                MANAGER,
                "the network that cloud-init describes comes up",
            )
            .request("rootfs", "write /etc/cloud/cloud.cfg.d", "its datasources and settings")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let distribution: Distribution = plan.consume_one()?;
        for name in &self.datasources {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
                plan.find(
                    Finding::refusal(format!("`{}` is no datasource.", name.escape_debug()))
                        .about("datasources")
                        .help("Name them as cloud-init does: `NoCloud`, `ConfigDrive`, `Ec2`."),
                );
            }
        }
        let of_others = plan.consume::<Datasource>()?.into_iter().map(|f| f.value.name);
        let datasources = self.all(of_others);
        let user = distribution.default_user;
        // Both are lines of a file that is read as root, whoever they come from.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        for text in datasources.iter().chain([&user]) {
            if text.is_empty() || !text.chars().all(plain) {
                let message = format!("`{}` is no name for cloud-init.", text.escape_debug());
                plan.find(Finding::refusal(message));
                return Ok(());
            }
        }
        plan.package("cloud-init", "the machine is set up by its cloud")?;
        let names = names(&distribution.family);
        plan.package(names.grows, "cloud-init grows the root with it")?;
        if distribution.family == "debian" && machine::resolved_is_a_package(&distribution.codename)
        {
            plan.package("systemd-resolved", "names of hosts")?;
        }
        for unit in names.units {
            plan.service(unit, UnitState::Enabled)?;
        }
        let folder = "/etc/cloud/cloud.cfg.d";
        let head = "# Written by the dibhost element `cloud-init`.\n";
        // One line: ds-identify, which looks before cloud-init starts, reads no other form.
        let list = format!("{head}datasource_list: [ {} ]\n", datasources.join(", "));
        let system = format!(
            "{head}system_info:\n  default_user:\n    name: \"{user}\"\n  network:\n    \
             renderers: [ {} ]\n",
            names.renderer
        );
        plan.file(format!("{folder}/91-dibhost-datasources.cfg"), list)?;
        plan.file(format!("{folder}/91-dibhost-system.cfg"), system)
    }
}

impl CloudInit {
    /// The parameter's, then the others', each once, `None` last: behind it nothing is asked.
    fn all(&self, others: impl Iterator<Item = String>) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for name in self.datasources.iter().cloned().chain(others) {
            if name != "None" && !all.contains(&name) {
                all.push(name);
            }
        }
        if self.datasources.iter().any(|name| name == "None") {
            all.push("None".to_owned());
        }
        all
    }
}

export_element!(CloudInit);
