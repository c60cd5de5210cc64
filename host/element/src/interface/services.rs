//! `services`: wishes for units. Setting a state and writing a unit's text, or more of it, are two
//! grants, for the text of a unit is root in the image.

use dibhost_plan::grant::Right;
use dibhost_plan::wish::{UnitState, Wish};
use dibhost_text::harmless;
use wasmtime::component::Linker;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::services;
use crate::convert;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    services::add_to_linker::<_, Own>(linker, hooked)
}

impl services::Host for State {
    fn set(&mut self, unit: String, state: String) -> Result<(), Refusal> {
        self.planning("the state of a unit cannot be wished for")?;
        self.grant(Right::Services(unit.as_str().into()))?;
        let states = [
            ("enabled", UnitState::Enabled),
            ("disabled", UnitState::Disabled),
            ("masked", UnitState::Masked),
        ];
        let state = convert::word("state of a unit", &state, &states)?;
        self.wish(vec![Wish::Service { unit, state }])
    }

    fn define(&mut self, unit: String, content: String) -> Result<(), Refusal> {
        self.planning("a unit cannot be wished for")?;
        self.grant(Right::ServicesDefine(unit.as_str().into()))?;
        self.wish(vec![Wish::ServiceDefinition { unit, content }])
    }

    fn add_drop_in(&mut self, drop_in: services::DropIn) -> Result<(), Refusal> {
        self.planning("a drop-in of a unit cannot be wished for")?;
        let services::DropIn { unit, name, content, extensions } = drop_in;
        self.grant(Right::ServicesDefine(unit.as_str().into()))?;
        self.extensions(&extensions, || format!("the drop-in `{}`", harmless(&name, 100)))?;
        self.wish(vec![Wish::DropIn { unit, name, content }])
    }

    fn add_preset(&mut self, preset: services::Preset) -> Result<(), Refusal> {
        self.planning("a preset cannot be wished for")?;
        let services::Preset { number, unit, action, extensions } = preset;
        self.grant(Right::Services(unit.as_str().into()))?;
        self.extensions(&extensions, || format!("the preset for `{}`", harmless(&unit, 100)))?;
        let action = convert::preset_action(&action)?;
        self.wish(vec![Wish::Preset { number, unit, action }])
    }
}
