//! The network card that the firmware booted by iSCSI from, as the firmware set it up: its table (iBFT) says
//! addresses, and networkd is told at every boot to have them so and to keep them, for the disk may be
//! behind that card.

use dibhost_element_sdk::slots::{Distribution, InitramfsModule};
use dibhost_element_sdk::{
    Description, Element, File, Finding, Parameters, Phase, Plan, Result, Step, UnitState,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct IbftInterfaces;

const UNIT: &str = "dibhost-ibft-interfaces.service";
const SCRIPT: &str = "/usr/local/sbin/dibhost-ibft-interfaces";
/// What shows the firmware's table.
const MODULE: &str = "iscsi_ibft";
const LOADED: &str = "/etc/modules-load.d/60-dibhost-ibft.conf";

impl Element for IbftInterfaces {
    fn describe() -> Description {
        description!()
            .step(
                Step::planning(Phase::Install)
                    .consumes::<Distribution>()
                    .provides::<InitramfsModule>(),
            )
            .request("services", UNIT, "it runs at boot")
            .request("services-define", UNIT, "it runs at boot")
            .request("rootfs", format!("write {SCRIPT}"), "the script that it runs")
            .request("rootfs", "write /etc/modules-load.d", "the module that shows the table")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let system: Distribution = plan.consume_one()?;
        if system.family != "debian" {
            let family = system.family.escape_debug();
            plan.find(
                Finding::refusal(format!(
                    "How the network of a system of the family `{family}` is told of the \
                     firmware's table is not known here."
                ))
                .help("Leave `ibft-interfaces` out: dracut takes `rd.iscsi.ibft=1` and `ip=ibft`."),
            );
            return Ok(());
        }
        plan.provide(MODULE, &InitramfsModule { name: MODULE.to_owned() })?;
        plan.files([
            File::new(SCRIPT, include_str!("ibft.sh")).mode(0o755),
            File::new(LOADED, format!("{MODULE}\n")),
        ])?;
        plan.define_unit(UNIT, include_str!("ibft.service"))?;
        plan.service(UNIT, UnitState::Enabled)
    }
}

export_element!(IbftInterfaces);
