//! The calls of a step, as the component exports them and as a test makes them.

use crate::description::{Description, Step};
use crate::element::Element;
use crate::error::{Error, ErrorCode, Result};
use crate::host;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::run::Run;
use crate::wish::Finding;

/// What the component exports as `metadata.describe`.
pub(crate) fn describe<E: Element>() -> Description {
    let mut description = E::describe();
    description.parameters = E::declare();
    description
}

/// What the component exports as `lifecycle.plan`.
pub(crate) fn plan<E: Element>(step: &str, build: host::Build<'_>) -> Result<Vec<Finding>> {
    let step = declared::<E>(step)?;
    let element = E::read(&|name| build.parameter(name))?;
    let plan = Plan::new(&step, build);
    element.plan(&plan)?;
    Ok(plan.findings.into_inner())
}

/// What the component exports as `lifecycle.run`.
pub(crate) fn run<E: Element>(step: &str, build: host::Build<'_>) -> Result<Outcome> {
    let step = declared::<E>(step)?;
    let element = E::read(&|name| build.parameter(name))?;
    element.run(&Run::new(&step, build))
}

/// The step of this name.
fn declared<E: Element>(name: &str) -> Result<Step> {
    let description = E::describe();
    let found = description.steps.into_iter().find(|step| step.name == name);
    found.ok_or_else(|| {
        let message = format!("`{}` declares no step `{name}`", description.name);
        Error::with_code(ErrorCode::Undeclared, message)
    })
}
