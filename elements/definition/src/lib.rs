//! What the image definition says in keys of its own: `packages`, `[[files]]`, `[[users]]` and the
//! like. It carries out what it is told, and is in an image whenever one of these keys is there.
//!
//! The host gives it no more rights than the definition says, and of its steps those with something
//! to do. Packages, repositories and accounts are wished for in `install`; files, units and settings
//! in `post-install`, over what elements wrote; commands run last in their phases.

mod accounts;
mod commands;
mod files;
mod names;
mod packages;
mod settings;
mod units;

use std::collections::BTreeMap;

use dibhost_element_sdk::slots::{Distribution, KernelArgument};
use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Plan, Result, Run, Step, description,
    export_element,
};

use crate::accounts::Account;
use crate::commands::Program;
use crate::files::Entry;
use crate::packages::{Listed, Source};
use crate::units::Unit;

/// Phases in which commands run.
const PHASES: [Phase; 8] = [
    Phase::ExtraData,
    Phase::PreInstall,
    Phase::Install,
    Phase::PostInstall,
    Phase::PostRoot,
    Phase::PreFinalise,
    Phase::Finalise,
    Phase::Cleanup,
];

/// The element. The host sets its parameters, as the definition's own keys say.
#[derive(Parameters)]
pub struct Definition {
    /// `packages`.
    #[parameter(json, default = [])]
    packages: Vec<Listed>,
    /// `[[repositories]]`.
    #[parameter(json, default = [])]
    repositories: Vec<Source>,
    /// `[[users]]`.
    #[parameter(json, default = [])]
    users: Vec<Account>,
    /// `[[files]]`.
    #[parameter(json, default = [])]
    files: Vec<Entry>,
    /// `[[units]]`.
    #[parameter(json, default = [])]
    units: Vec<Unit>,
    /// `[[commands]]`.
    #[parameter(json, default = [])]
    commands: Vec<Program>,
    /// `hostname`.
    hostname: Option<String>,
    /// `locale`.
    locale: Option<String>,
    /// `timezone`.
    timezone: Option<String>,
    /// `[sysctl]`.
    #[parameter(json, default = {})]
    sysctl: BTreeMap<String, String>,
    /// `[kernel] arguments`.
    #[parameter(default = [])]
    kernel_arguments: Vec<String>,
}

impl Element for Definition {
    fn describe() -> Description {
        let mut description = description!()
            .step(
                Step::planning(Phase::Install)
                    .may_consume::<Distribution>()
                    .provides::<KernelArgument>(),
            )
            .step(Step::planning(Phase::PostInstall).may_consume::<Distribution>())
            .step(Step::new(Phase::PostInstall).named("place"))
            .step(Step::new(Phase::PostInstall).named("settle"))
            .request("accounts", "*", "the definition says which: `[[users]]`")
            .request("accounts-sudo", "*", "the definition says which: `[[users]]`")
            .request("exec", "*", "the definition says which: `[[commands]]`")
            .request("exec", "network", "where the definition says so: `[[commands]]`")
            .request("facts", "dib:boot/kernel-argument@1", "`[kernel]` of the definition")
            .request("inputs", "definition.*", "files beside the definition that it names")
            .request("packages", "*", "the definition says which: `packages`")
            .request("repositories", "* key:*", "the definition says which: `[[repositories]]`")
            .request("rootfs", "write /", "the definition says where: `[[files]]`")
            .request("secret", "place password-*", "the definition says which: `[[users]]`")
            .request("services", "*", "the definition says which: `[[units]]`")
            .request("services-define", "*", "the definition says which: `[[units]]`");
        for phase in PHASES {
            description = description.step(Step::new(phase).named(format!("run-{phase}")));
        }
        description
    }

    fn plan(&self, plan: &Plan<'_>) -> Result<()> {
        match plan.step() {
            "install" => {
                let distribution = plan.consume_optional::<Distribution>()?;
                let family = distribution.as_ref().map(|d| d.family.as_str());
                packages::plan(plan, &self.packages, &self.repositories)?;
                accounts::plan(plan, &self.users)?;
                names::plan_packages(
                    plan,
                    self.timezone.as_deref(),
                    self.locale.as_deref(),
                    family,
                )?;
                settings::plan_arguments(plan, &self.kernel_arguments)
            }
            "post-install" => {
                let distribution = plan.consume_optional::<Distribution>()?;
                let family = distribution.as_ref().map(|d| d.family.as_str());
                files::plan(plan, &self.files)?;
                names::plan_files(
                    plan,
                    self.hostname.as_deref(),
                    self.timezone.as_deref(),
                    self.locale.as_deref(),
                    family,
                )?;
                settings::plan_sysctl(plan, &self.sysctl)?;
                units::plan(plan, &self.units)
            }
            _ => Ok(()),
        }
    }

    fn run(&self, run: &Run<'_>) -> Result<Outcome> {
        match run.step() {
            "place" => files::place(run, &self.files)?,
            "settle" => names::settle(run, self.hostname.as_deref(), self.timezone.as_deref())?,
            _ => commands::run(run, &self.commands)?,
        }
        Ok(Outcome::Done)
    }
}

export_element!(Definition);
