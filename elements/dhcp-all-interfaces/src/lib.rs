//! Asks for addresses on every interface, and waits for the first one alone.
//!
//! A base of dibhost's asks on every wired interface already; but there `network-online.target` waits
//! two minutes for each card that nothing is plugged into. Machines with several are what this is for.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Condition, Description, DropIn, Element, Finding, Parameters, Phase, Plan, Result, Step,
    UnitState, description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct DhcpAllInterfaces {
    /// How long what needs the network waits for the first address, in seconds.
    #[parameter(default = 30, alias = "DIB_DHCP_TIMEOUT")]
    timeout: u16,
}

const NETWORKD: &str = "systemd-networkd.service";
const WAIT: &str = "systemd-networkd-wait-online.service";

/// After what cloud-init and an administrator say of an interface (`10-…`), before what the base says
/// of all (`90-…`).
const FILE: &str = "/etc/systemd/network/80-dibhost-dhcp.network";

/// Cards, and no bridges, bonds and the like, which somebody sets up as they are meant.
const NETWORK: &str = "\
# Written by the dibhost element `dhcp-all-interfaces`.
[Match]
Type=ether infiniband
Kind=!*

[Network]
DHCP=yes
IPv6AcceptRA=yes

[DHCPv4]
ClientIdentifier=mac
";

impl Element for DhcpAllInterfaces {
    fn describe() -> Description {
        let debian = || [Condition::family(["debian"])];
        description!()
            .step(Step::planning(Phase::Install).consumes::<Distribution>())
            .request_when(debian(), "services", NETWORKD, "the network comes up by it")
            .request_when(debian(), "services-define", WAIT, "to wait for the first address alone")
            .request_when(debian(), "rootfs", format!("write {FILE}"), "which interfaces ask")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let system: Distribution = plan.consume_one()?;
        if system.family != "debian" {
            plan.find(
                Finding::refusal(format!(
                    "How the network of a system of the family `{}` is set up is not known here.",
                    system.family.escape_debug()
                ))
                .help("Leave `dhcp-all-interfaces` out: NetworkManager asks on every interface."),
            );
            return Ok(());
        }
        if self.timeout == 0 {
            // To networkd it is no limit at all.
            plan.find(
                Finding::refusal("With a timeout of 0 a machine without a network never comes up.")
                    .about("timeout")
                    .help("Say how many seconds it may wait: `30`."),
            );
            return Ok(());
        }
        plan.file(FILE, NETWORK)?;
        plan.drop_in(DropIn::new(
            WAIT,
            "10-dibhost-first-address",
            format!(
                "[Service]\nExecStart=\n\
                 ExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout={}\n",
                self.timeout
            ),
        ))?;
        plan.service(NETWORKD, UnitState::Enabled)
    }
}

export_element!(DhcpAllInterfaces);
