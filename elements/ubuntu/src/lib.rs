//! Ubuntu as most people want it. Nearly all of it is other elements.

use dibhost_element_sdk::{
    Description, Element, Fact, Parameters, Phase, Plan, Result, Step, description, export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which Ubuntu; `ubuntu-minimal` reads it where its own parameters are not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "dibhost:ubuntu/choice@1", arity = "optional", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Choice {
    /// The release's name.
    pub release: Option<String>,
    /// The mirror it is fetched from.
    pub mirror: Option<String>,
}

/// The element.
#[derive(Parameters)]
pub struct Ubuntu {
    /// The release's name, handed to `ubuntu-minimal`.
    release: Option<String>,
    /// The mirror that packages are fetched from, handed to `ubuntu-minimal`.
    mirror: Option<String>,
    /// Packages on top.
    #[parameter(default = ["curl", "less", "rsync"])]
    extra_packages: Vec<String>,
}

/// cloud-init writes the sources of packages anew at the first boot, by a table of its own, unless it is
/// told that they are there.
const CLOUD: &str = "/etc/cloud/cloud.cfg.d/91-dibhost-apt.cfg";
const PRESERVE: &str = "\
# Written by the dibhost element `ubuntu`.
apt:
  preserve_sources_list: true
";

impl Element for Ubuntu {
    fn describe() -> Description {
        description!()
            .requires("ubuntu-minimal")
            .requires("kernel")
            .requires("openssh-server")
            .requires("cloud-init")
            .requires("sysprep")
            .step(Step::planning(Phase::Root).provides::<Choice>())
            .step(Step::planning(Phase::Install))
            .request("packages", "*", "`extra-packages` may name any")
            .request("rootfs", format!("write {CLOUD}"), "cloud-init leaves the sources alone")
    }

    fn plan_root(&self, plan: &Plan<'_>) -> Result<()> {
        if self.release.is_none() && self.mirror.is_none() {
            return Ok(());
        }
        plan.provide("", &Choice { release: self.release.clone(), mirror: self.mirror.clone() })
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        for package in &self.extra_packages {
            plan.package(package, "the parameter `extra-packages` of `ubuntu` names it")?;
        }
        plan.file(CLOUD, PRESERVE)
    }
}

export_element!(Ubuntu);
