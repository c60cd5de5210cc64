//! Root's password or key from the kernel's command line, read at every boot.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    ByFamily, Description, Element, File, Parameters, Phase, Plan, Result, Step, UnitState,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct DynamicLogin;

const UNIT: &str = "dibhost-dynamic-login.service";
const SCRIPT: &str = "/usr/local/sbin/dibhost-dynamic-login";

/// The package of `chpasswd`, by families.
const CHPASSWD: ByFamily =
    ByFamily(&[("debian", &["passwd"]), ("fedora", &["shadow-utils"]), ("suse", &["shadow"])]);

const REASON: &str = "`chpasswd` sets the password";

impl Element for DynamicLogin {
    fn describe() -> Description {
        let described = description!()
            .step(Step::planning(Phase::Install).consumes::<Distribution>())
            .request("services", UNIT, "it runs at boot")
            .request("services-define", UNIT, "it runs at boot")
            .request("rootfs", format!("write {SCRIPT}"), "the script that it runs");
        CHPASSWD.requests(described, REASON)
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        CHPASSWD.plan(plan, REASON)?;
        plan.warn(
            "Whoever can write the kernel's command line (at the boot loader's prompt, over the \
             network) is root in this image.",
        );
        plan.files([File::new(SCRIPT, include_str!("dynamic-login.sh")).mode(0o755)])?;
        plan.define_unit(UNIT, include_str!("dynamic-login.service"))?;
        plan.service(UNIT, UnitState::Enabled)
    }
}

export_element!(DynamicLogin);
