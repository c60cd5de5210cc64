//! `host`: the build as an element sees it.

use dibhost_plan::description::ParameterKind;
use serde_json::Value as Json;
use wasmtime::component::{Linker, Resource};

use super::Own;
use crate::bindings::dib::element::host::{self, Target, Value};
use crate::refusal::Refusal;
use crate::state::State;

/// The handle lent for one call. All it stands for is in the store's state.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Build;

/// A secret. Nobody can make one yet.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub enum Secret {}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    host::add_to_linker::<_, Own>(linker, |s| s)
}

impl host::Host for State {}

impl host::HostBuild for State {
    fn target(&mut self, build: Resource<Build>) -> wasmtime::Result<Target> {
        self.table.get(&build)?;
        let machine = &self.call.machine;
        Ok(Target {
            arch: machine.arch.clone(),
            image_name: machine.image_name.clone(),
            source_date_epoch: machine.source_date_epoch,
        })
    }

    fn parameter(
        &mut self,
        build: Resource<Build>,
        name: String,
    ) -> Result<Option<Value>, Refusal> {
        self.table.get(&build)?;
        let declared = self.call.description.as_ref();
        let declared = declared.and_then(|d| d.parameters.iter().find(|p| p.name == name));
        let Some(declared) = declared else {
            return Err(Refusal::undeclared(format!(
                "the description declares no parameter `{}`",
                crate::text::harmless(&name, 100)
            )));
        };
        let set = self.call.parameters.get(&name);
        let Some(value) = set.or(declared.default.as_ref()).filter(|v| !v.is_null()) else {
            return Ok(None);
        };
        value_of(&declared.kind, value).map(Some).ok_or_else(|| {
            Refusal::invalid(format!("the value of parameter `{name}` is not of its kind"))
        })
    }

    fn secret(
        &mut self,
        build: Resource<Build>,
        name: String,
    ) -> Result<Option<Resource<Secret>>, Refusal> {
        self.table.get(&build)?;
        Err(Refusal::unsupported(format!(
            "secret `{}` cannot be handed out: this host has no secrets yet",
            crate::text::harmless(&name, 100)
        )))
    }

    fn drop(&mut self, build: Resource<Build>) -> wasmtime::Result<()> {
        self.table.delete(build)?;
        Ok(())
    }
}

impl host::HostSecret for State {
    fn open(&mut self, secret: Resource<Secret>) -> Result<Vec<u8>, Refusal> {
        match *self.table.get(&secret)? {}
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

/// `value` as the declared kind; none when it is of another.
fn value_of(kind: &ParameterKind, value: &Json) -> Option<Value> {
    Some(match kind {
        ParameterKind::Text | ParameterKind::Choice(_) => Value::Text(value.as_str()?.to_owned()),
        ParameterKind::Integer => Value::Integer(value.as_i64()?),
        ParameterKind::Boolean => Value::Boolean(value.as_bool()?),
        ParameterKind::TextList => {
            let texts = value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned));
            Value::TextList(texts.collect::<Option<_>>()?)
        }
        ParameterKind::Secret => return None,
        ParameterKind::Json(_) => Value::Json(value.to_string()),
    })
}
