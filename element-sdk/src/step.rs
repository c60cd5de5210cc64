//! The calls of a step, as the component exports them and as a test makes them.

use crate::description::Description;
use crate::element::Element;
use crate::error::Result;
use crate::host;
use crate::outcome::Outcome;
use crate::phase::Phase;
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
pub(crate) fn plan<E: Element>(phase: Phase, build: host::Build<'_>) -> Result<Vec<Finding>> {
    let element = E::read(&|name| build.parameter(name))?;
    let plan = Plan::new(phase, build);
    element.plan(&plan)?;
    Ok(plan.findings.into_inner())
}

/// What the component exports as `lifecycle.run`.
pub(crate) fn run<E: Element>(phase: Phase, build: host::Build<'_>) -> Result<Outcome> {
    let element = E::read(&|name| build.parameter(name))?;
    element.run(&Run::new(phase, build))
}
