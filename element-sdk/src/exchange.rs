//! Facts as a step gives and takes them, planning or running.

use crate::error::{Context, Error, ErrorCode, Result};
use crate::fact::{Fact, Provided, RawFact};
use crate::host;

pub(crate) fn provide<F: Fact>(key: &str, fact: &F) -> Result<()> {
    let value = serde_json::to_string(fact)?;
    host::provide(F::SLOT, key, &value).with_context(|| format!("providing `{}`", F::SLOT))
}

pub(crate) fn consume<F: Fact>() -> Result<Vec<Provided<F>>> {
    let facts = host::consume(F::SLOT).with_context(|| format!("consuming `{}`", F::SLOT))?;
    let typed = |fact: RawFact| {
        let value = serde_json::from_str(&fact.value).with_context(|| {
            format!("reading the value of `{}` that `{}` provides", F::SLOT, fact.provider)
        })?;
        let Provided { provider, step, phase, key, extensions, .. } = fact;
        Ok(Provided { provider, step, phase, key, value, extensions })
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
