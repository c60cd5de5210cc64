//! Writes the whole menu into the image: what all cooks provide in the phase in which it reads it,
//! in whatever language they are written. `waiter-python` is the same in Python.

use std::fmt::Write as _;

use dibhost_element_sdk::{
    Change, Description, Element, Fact, Outcome, Parameters, Phase, Result, Run, Step, description,
    export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A dish of the menu. A slot is its name and its schema: nothing is shared with `cook-rust`.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:menu/dish@1", arity = "many", timing = "planned")]
pub struct Dish {
    /// What it is called.
    pub name: String,
    /// Without meat.
    pub vegetarian: bool,
}

/// What there is today only.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:menu/special@1", arity = "many", timing = "observed")]
pub struct Special {
    /// What it is called.
    pub name: String,
}

/// The element.
#[derive(Parameters)]
pub struct WaiterRust {}

impl Element for WaiterRust {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install).consumes::<Dish>().consumes::<Special>())
            .request("rootfs", "write /srv/menu", "to write the menu")
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let mut menu = String::new();
        for dish in run.consume::<Dish>()? {
            let mark = if dish.value.vegetarian { " (v)" } else { "" };
            let _ = writeln!(menu, "{} {}: {}{mark}", dish.provider, dish.key, dish.value.name);
        }
        for special in run.consume::<Special>()? {
            let _ = writeln!(menu, "{} {}: {}", special.provider, special.key, special.value.name);
        }
        run.rootfs()?.apply([
            Change::directory("/srv/menu"),
            Change::write("/srv/menu/waiter-rust", menu),
        ])?;
        Ok(Outcome::Done)
    }
}

export_element!(WaiterRust);
