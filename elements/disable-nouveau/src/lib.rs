//! Keeps nouveau off NVIDIA's cards, for the driver that somebody else brings.

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{
    Description, Element, Parameters, Phase, Plan, Result, Step, description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct DisableNouveau;

const SETTINGS: &str = "/etc/modprobe.d/60-dibhost-disable-nouveau.conf";

/// In the initramfs, where the file below may not be yet, and wherever one is made of the image later.
const ARGUMENTS: [&str; 2] = ["modprobe.blacklist=nouveau", "nouveau.modeset=0"];

impl Element for DisableNouveau {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install).provides::<KernelArgument>()).request(
            "rootfs",
            "write /etc/modprobe.d",
            "no card loads nouveau by itself",
        )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        for (place, argument) in ARGUMENTS.iter().enumerate() {
            let argument = KernelArgument::new(*argument, "nouveau stays off NVIDIA's cards");
            plan.provide(&format!("{place}"), &argument)?;
        }
        plan.file(
            SETTINGS,
            "# Written by the dibhost element `disable-nouveau`.\nblacklist nouveau\n\
             options nouveau modeset=0\n",
        )
    }
}

export_element!(DisableNouveau);
