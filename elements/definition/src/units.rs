//! Units of the init system.

use dibhost_element_sdk::{DropIn, Plan, Result, UnitState};
use schemars::JsonSchema;
use serde::Deserialize;

/// An entry of `[[units]]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Unit {
    name: String,
    #[serde(default)]
    content: Option<String>,
    /// An input that is the text.
    #[serde(default)]
    source: Option<String>,
    /// The drop-in that the text is; none: it is the unit.
    #[serde(default)]
    drop_in: Option<String>,
    #[serde(default)]
    state: Option<State>,
}

/// What becomes of a unit.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum State {
    Enabled,
    Disabled,
    Masked,
}

/// Wishes for them.
pub(crate) fn plan(plan: &Plan<'_>, units: &[Unit]) -> Result<()> {
    for unit in units {
        let text = match (&unit.content, &unit.source) {
            (Some(content), _) => Some(content.clone()),
            (_, Some(source)) => Some(plan.input(source)?.read_text("")?),
            _ => None,
        };
        if let Some(mut text) = text {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            match &unit.drop_in {
                Some(drop_in) => plan.drop_in(DropIn::new(&unit.name, drop_in, text))?,
                None => plan.define_unit(&unit.name, &text)?,
            }
        }
        if let Some(state) = unit.state {
            let state = match state {
                State::Enabled => UnitState::Enabled,
                State::Disabled => UnitState::Disabled,
                State::Masked => UnitState::Masked,
            };
            plan.service(&unit.name, state)?;
        }
    }
    Ok(())
}
