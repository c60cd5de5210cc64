//! Grows the root partition and its filesystem to the disk at every boot.

use dibhost_element_sdk::{
    Description, Element, File, Parameters, Phase, Plan, Result, Step, UnitState, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Growroot;

const UNIT: &str = "dibhost-growroot.service";
const SCRIPT: &str = "/usr/local/sbin/dibhost-growroot";

impl Element for Growroot {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("packages", "cloud-guest-utils", "`growpart` grows the partition")
            .request("packages", "e2fsprogs", "`resize2fs` grows the filesystem")
            .request("services", UNIT, "it runs at boot")
            .request("services-define", UNIT, "it runs at boot")
            .request("rootfs", "write /usr/local/sbin/dibhost-growroot", "the script that it runs")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.package("cloud-guest-utils", "`growpart` grows the partition")?;
        plan.package("e2fsprogs", "`resize2fs` grows the filesystem")?;
        plan.files([File::new(SCRIPT, include_str!("growroot.sh")).mode(0o755)])?;
        plan.define_unit(UNIT, include_str!("growroot.service"))?;
        plan.service(UNIT, UnitState::Enabled)
    }
}

export_element!(Growroot);
