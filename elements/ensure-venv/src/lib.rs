//! Python with virtual environments: `python3 -m venv` works in the image.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    ByFamily, Description, Element, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct EnsureVenv;

/// Debian takes `venv` out of Python, and puts it into a package of its own.
const PACKAGES: ByFamily = ByFamily(&[
    ("debian", &["python3", "python3-venv"]),
    ("fedora", &["python3"]),
    ("suse", &["python3"]),
]);

const REASON: &str = "virtual environments";

impl Element for EnsureVenv {
    fn describe() -> Description {
        let described =
            description!().step(Step::planning(Phase::Install).consumes::<Distribution>());
        PACKAGES.requests(described, REASON)
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        PACKAGES.plan(plan, REASON)
    }
}

export_element!(EnsureVenv);
