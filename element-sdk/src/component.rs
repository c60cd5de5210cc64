//! The component's exports, made of an [`Element`].

use std::marker::PhantomData;

use crate::bindings::exports::dib::element::{lifecycle, metadata};
use crate::element::Element;
use crate::host::Build;
use crate::{host, step as calls};

/// An element as the contract's exports.
#[derive(Debug)]
pub struct Component<E>(PhantomData<E>);

impl<E: Element> metadata::Guest for Component<E> {
    fn describe() -> metadata::Description {
        calls::describe::<E>().into()
    }
}

impl<E: Element> lifecycle::Guest for Component<E> {
    fn plan(
        step: String,
        build: &host::guest::Lent,
    ) -> Result<Vec<lifecycle::Finding>, lifecycle::Error> {
        let findings = calls::plan::<E>(&step, Build(build))?;
        Ok(findings.into_iter().map(Into::into).collect())
    }

    fn run(
        step: String,
        build: &host::guest::Lent,
    ) -> Result<lifecycle::Outcome, lifecycle::Error> {
        Ok(calls::run::<E>(&step, Build(build))?.into())
    }
}
