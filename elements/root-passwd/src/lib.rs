//! Gives root a password that is a secret of the definition.

use dibhost_element_sdk::{
    Description, Element, Parameters, Phase, Plan, Result, SecretParameter, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct RootPasswd {
    /// The secret that is root's password.
    password: SecretParameter,
}

impl Element for RootPasswd {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("accounts", "root", "it gets a password")
            .request("secret", "place password", "which is this one")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.set_password("root", &plan.secret(&self.password)?)
    }
}

export_element!(RootPasswd);
