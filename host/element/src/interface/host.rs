//! `host`: the build as an element sees it.

use dibhost_plan::grant::{Right, SecretUse};
use std::sync::Arc;

use dibhost_check::Check;
use dibhost_plan::Taint;
use dibhost_plan::description::{Parameter, ParameterKind};
use dibhost_sys::SecretBytes;
use serde_json::Value as Json;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::host::{self, Target, Value};
use crate::held::handles::{Build, Secret};
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    host::add_to_linker::<_, Own>(linker, hooked)
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
            extensions: Vec::new(),
        })
    }

    fn parameter(
        &mut self,
        build: Resource<Build>,
        name: String,
    ) -> Result<Option<Value>, Refusal> {
        self.table.get(&build)?;
        let declared = self.declared(&name)?;
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
        if !matches!(self.declared(&name)?.kind, ParameterKind::Secret) {
            return Err(Refusal::undeclared(format!("the parameter `{name}` is no secret")));
        }
        let set = self.call.parameters.get(&name).and_then(Json::as_str).map(str::to_owned);
        let Some(secret) = set else { return Ok(None) };
        Ok(Some(self.table.push(Secret { parameter: name, name: secret })?))
    }

    fn drop(&mut self, build: Resource<Build>) -> wasmtime::Result<()> {
        self.table.delete(build)?;
        Ok(())
    }
}

impl host::HostSecret for State {
    fn open(&mut self, secret: Resource<Secret>) -> Result<Vec<u8>, Refusal> {
        let Secret { parameter, name } = self.table.get(&secret)?;
        let (parameter, name) = (parameter.clone(), name.clone());
        self.running("no secret can be opened")?;
        self.grant(Right::Secret(SecretUse::Open, parameter.as_str().into()))?;
        let secret = self.read_secret(&name)?;
        self.tainted.insert(Taint::SecretOpened);
        // The copy goes into the element's memory, which is its own affair from here on.
        Ok(secret.expose().to_vec())
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl State {
    fn declared(&self, name: &str) -> Result<&Parameter, Refusal> {
        let described = self.call.description.as_ref();
        described.and_then(|d| d.parameters.iter().find(|p| p.name == name)).ok_or_else(|| {
            Refusal::undeclared(format!(
                "the description declares no parameter `{}`",
                dibhost_text::harmless(name, 100)
            ))
        })
    }

    /// The bytes of a secret that may be placed, for the host to hand on.
    pub(crate) fn placed(
        &mut self,
        secret: &Resource<Secret>,
    ) -> Result<Arc<SecretBytes>, Refusal> {
        let Secret { parameter, name } = self.table.get(secret)?;
        self.grant(Right::Secret(SecretUse::Place, parameter.as_str().into()))?;
        let secret = self.read_secret(name)?;
        self.tainted.insert(Taint::SecretPlaced);
        Ok(secret)
    }

    fn read_secret(&self, name: &str) -> Result<Arc<SecretBytes>, Refusal> {
        self.secrets.read(name).map_err(|why| {
            Refusal::not_found(format!("the secret `{name}` {why}"))
                .with_help("`[secrets]` of the image definition says where it is")
        })
    }

    /// Refuses a text that has a secret in it that was read: it would be seen by those who may
    /// not.
    pub(crate) fn without_secrets(&self, what: &str, text: &str) -> Result<(), Refusal> {
        if Check::SecretSpilt.holds() && self.secrets.redact(text.to_owned()) != text {
            return Err(Refusal::denied(format!("{what} has a secret in it")).with_help(
                "`write-secret` and `run-with-secret` take secrets; nothing else does",
            ));
        }
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
        // Its name: that it is set is no secret.
        ParameterKind::Secret => Value::Text(value.as_str()?.to_owned()),
        ParameterKind::Json(_) => Value::Json(value.to_string()),
    })
}
