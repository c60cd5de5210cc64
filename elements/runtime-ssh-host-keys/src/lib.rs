//! SSH host keys that each machine makes for itself at its first boot; none is in the image.

use dibhost_element_sdk::{
    Change, Description, Element, Outcome, Parameters, Phase, Plan, Result, Run, Step, UnitState,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct RuntimeSshHostKeys;

const UNIT: &str = "dibhost-ssh-host-keys.service";

impl Element for RuntimeSshHostKeys {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .step(Step::new(Phase::Cleanup))
            .request("services", UNIT, "host keys are made at first boot")
            .request("services-define", UNIT, "host keys are made at first boot")
            .request("rootfs", "write /etc/ssh", "no host key stays in the image")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.define_unit(UNIT, include_str!("host-keys.service"))?;
        plan.service(UNIT, UnitState::Enabled)
    }

    fn run_cleanup(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        if !tree.exists("/etc/ssh")? {
            run.warn("there is no `/etc/ssh`: nothing in the image is an SSH server");
            return Ok(Outcome::Done);
        }
        let entries = tree.list("/etc/ssh")?;
        let keys = entries.iter().filter(|e| e.name().starts_with("ssh_host_"));
        tree.apply(keys.map(|entry| Change::remove(&entry.path)))?;
        Ok(Outcome::Done)
    }
}

export_element!(RuntimeSshHostKeys);
