//! What planning and running have in common: facts, and the calls of a step.

use crate::element::Element;
use crate::error::{Context, Error, ErrorCode, Result};
use crate::fact::{Fact, Provided};
use crate::phase::Phase;
use crate::wish::Finding;
use crate::{Description, Outcome, Plan, Run, host};

pub(crate) fn provide<F: Fact>(key: &str, fact: &F) -> Result<()> {
    let value = serde_json::to_string(fact)?;
    host::provide(F::SLOT, key, &value).with_context(|| format!("providing `{}`", F::SLOT))
}

pub(crate) fn consume<F: Fact>() -> Result<Vec<Provided<F>>> {
    let facts = host::consume(F::SLOT).with_context(|| format!("consuming `{}`", F::SLOT))?;
    let typed = |fact: crate::fact::RawFact| {
        let value = serde_json::from_str(&fact.value).with_context(|| {
            format!("reading the value of `{}` that `{}` provides", F::SLOT, fact.provider)
        })?;
        let Provided { provider, phase, key, .. } = fact;
        Ok(Provided { provider, phase, key, value })
    };
    facts.into_iter().map(typed).collect()
}

pub(crate) fn consume_optional<F: Fact>() -> Result<Option<F>> {
    Ok(consume::<F>()?.into_iter().next().map(|fact| fact.value))
}

pub(crate) fn consume_one<F: Fact>() -> Result<F> {
    consume_optional()?.ok_or_else(|| {
        Error::with_code(ErrorCode::NotFound, format!("no element provides `{}`", F::SLOT))
    })
}

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
