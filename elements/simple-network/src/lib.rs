//! Networks that are known beforehand: addresses, gateways, names, by what the system sets up networks
//! with. Who knows nothing beforehand needs none of it: a base asks for addresses on every wired
//! interface.

mod form;
mod interface;

use std::collections::BTreeMap;

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Choice, Condition, Description, Element, File, Finding, Parameters, Phase, Plan, Result, Step,
    UnitState, description, export_element,
};

use crate::interface::Interface;

/// What sets up networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Renderer {
    /// What the system has: systemd-networkd on Debian and Ubuntu, NetworkManager on others.
    Auto,
    /// systemd-networkd.
    Networkd,
    /// Debian's `/etc/network/interfaces`.
    Ifupdown,
    /// NetworkManager.
    NetworkManager,
}

/// The element.
#[derive(Parameters)]
pub struct SimpleNetwork {
    /// Interfaces by their names: `{ enp1s0 = { addresses = ["192.0.2.7/24"], gateways = ["192.0.2.1"],
    /// dns = ["192.0.2.1"], search = ["example.org"], mtu = 9000 } }`; one of which nothing is said asks.
    #[parameter(json, default = {})]
    interfaces: BTreeMap<String, Interface>,
    /// What sets them up: `auto`, `networkd`, `ifupdown`, `network-manager`.
    #[parameter(default = "auto")]
    renderer: Renderer,
}

/// Before what `dhcp-all-interfaces` and a base say of all (`80-…`, `90-…`), after cloud-init.
const NETWORKD: &str = "/etc/systemd/network";
const IFUPDOWN: &str = "/etc/network/interfaces.d";
const NETWORK_MANAGER: &str = "/etc/NetworkManager/system-connections";

impl Element for SimpleNetwork {
    fn describe() -> Description {
        let debian = || [Condition::family(["debian"])];
        let why = "`interfaces` says which";
        description!()
            .step(Step::planning(Phase::Install).consumes::<Distribution>())
            .request("rootfs", format!("write {NETWORKD}"), why)
            .request("rootfs", format!("write {NETWORK_MANAGER}"), why)
            .request_when(debian(), "rootfs", format!("write {IFUPDOWN}"), why)
            .request_when(debian(), "packages", "ifupdown", "with `renderer = \"ifupdown\"`")
            .request_when(debian(), "packages", "isc-dhcp-client", "ifupdown asks by it")
            .request_when(
                debian(),
                "packages",
                "dhcpcd-base",
                "ifupdown asks by it, from Debian 13 on",
            )
            .request("packages", "network-manager", "with `renderer = \"network-manager\"`")
            .request("packages", "NetworkManager", "what sets up the network")
            .request("services", "systemd-networkd.service", "what sets up the network")
            .request("services", "networking.service", "what sets up the network")
            .request("services", "NetworkManager.service", "what sets up the network")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let system: Distribution = plan.consume_one()?;
        let debian = system.family == "debian";
        let renderer = match self.renderer {
            Renderer::Auto if debian => Renderer::Networkd,
            Renderer::Auto => Renderer::NetworkManager,
            named => named,
        };
        let mut problems: Vec<(String, &str)> = Vec::new();
        if renderer == Renderer::Ifupdown && !debian {
            problems.push(("ifupdown is Debian's alone".to_owned(), "renderer"));
        }
        for (name, interface) in &self.interfaces {
            if !interface::is_name(name) {
                let message = format!("`{}` is no interface", name.escape_debug());
                problems.push((message, "interfaces"));
            }
            let of = interface.problems(name).into_iter();
            problems.extend(of.map(|problem| (problem, "interfaces")));
        }
        if !problems.is_empty() {
            for (problem, parameter) in problems {
                let help = "Correct it; `docs/catalogue.md` has the form.";
                plan.find(Finding::refusal(format!("{problem}.")).about(parameter).help(help));
            }
            return Ok(());
        }
        if self.interfaces.is_empty() {
            plan.find(
                Finding::warning("`simple-network` sets up nothing: no interface is named.")
                    .about("interfaces")
                    .help("Name one, or leave it out."),
            );
        }
        self.place(plan, renderer)?;
        self.have(plan, renderer, &system)
    }
}

impl SimpleNetwork {
    fn place(&self, plan: &Plan<'_>, renderer: Renderer) -> Result<()> {
        let unit = |name: &str| format!("{NETWORKD}/70-dibhost-{name}.network");
        let files = self.interfaces.iter().flat_map(|(name, of)| match renderer {
            Renderer::Auto | Renderer::Networkd => {
                vec![File::new(unit(name), form::networkd(name, of))]
            }
            // A base has networkd ask on every interface that nobody took.
            Renderer::Ifupdown => vec![
                File::new(unit(name), form::left_alone(name)),
                File::new(format!("{IFUPDOWN}/dibhost-{name}"), form::ifupdown(name, of)),
            ],
            Renderer::NetworkManager => vec![
                File::new(unit(name), form::left_alone(name)),
                // NetworkManager reads none that others may read.
                File::new(
                    format!("{NETWORK_MANAGER}/dibhost-{name}.nmconnection"),
                    form::network_manager(name, of),
                )
                .mode(0o600),
            ],
        });
        plan.files(files.collect::<Vec<_>>())
    }

    /// What sets them up is there, and is started.
    fn have(&self, plan: &Plan<'_>, renderer: Renderer, system: &Distribution) -> Result<()> {
        let why = "it sets up the network";
        match renderer {
            Renderer::Auto | Renderer::Networkd => {
                plan.service("systemd-networkd.service", UnitState::Enabled)
            }
            Renderer::Ifupdown => {
                plan.package("ifupdown", why)?;
                if self.interfaces.values().any(Interface::dhcp) {
                    let old = ["11", "12"].contains(&&*system.version_id) || system.id == "ubuntu";
                    let client = if old { "isc-dhcp-client" } else { "dhcpcd-base" };
                    plan.package(client, "ifupdown asks for addresses by it")?;
                }
                plan.service("networking.service", UnitState::Enabled)
            }
            Renderer::NetworkManager => {
                let debian = system.family == "debian";
                plan.package(if debian { "network-manager" } else { "NetworkManager" }, why)?;
                plan.service("NetworkManager.service", UnitState::Enabled)
            }
        }
    }
}

export_element!(SimpleNetwork);
