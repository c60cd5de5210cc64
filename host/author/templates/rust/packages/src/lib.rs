//! Installs nginx, and says whether it is started.

use dibhost_element_sdk::{
    Description, Element, Parameters, Phase, Plan, Result, Step, UnitState, description,
    export_element,
};

/// What an image definition may set.
#[derive(Parameters)]
pub struct {{type}} {
    /// Whether it is started with the machine.
    #[parameter(default = true)]
    started: bool,
}

impl Element for {{type}} {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("packages", "nginx", "the server")
            .request("services", "nginx.service", "it is started, or not")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.package("nginx", "the server")?;
        let state = if self.started { UnitState::Enabled } else { UnitState::Disabled };
        plan.service("nginx.service", state)
    }
}

export_element!({{type}});
