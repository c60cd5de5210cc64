//! Python with pip and virtualenv, from the distribution's packages.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    ByFamily, Description, Element, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct PipAndVirtualenv;

const PACKAGES: ByFamily = ByFamily(&[
    ("debian", &["python3-pip", "python3-virtualenv", "virtualenv"]),
    ("fedora", &["python3-pip", "python3-virtualenv"]),
    ("suse", &["python3-pip", "python3-virtualenv"]),
]);

const REASON: &str = "pip and virtualenv";

impl Element for PipAndVirtualenv {
    fn describe() -> Description {
        let described = description!()
            .requires("ensure-venv")
            .step(Step::planning(Phase::Install).consumes::<Distribution>());
        PACKAGES.requests(described, REASON)
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        PACKAGES.plan(plan, REASON)
    }
}

export_element!(PipAndVirtualenv);
