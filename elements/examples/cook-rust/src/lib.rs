//! Puts two dishes and a special on the menu. Its readers (`waiter-rust`, `waiter-python`) run in
//! the same phase, after it: the host sees to that, because of the slots.

use dibhost_element_sdk::{
    Description, Element, Fact, Outcome, Parameters, Phase, Plan, Result, Run, Step, description,
    export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A dish of the menu: known before anything is built.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:menu/dish@1", arity = "many", timing = "planned")]
pub struct Dish {
    /// What it is called.
    pub name: String,
    /// Without meat.
    pub vegetarian: bool,
}

/// What there is today only: known while the image is built.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:menu/special@1", arity = "many", timing = "observed")]
pub struct Special {
    /// What it is called.
    pub name: String,
}

/// The element.
#[derive(Parameters)]
pub struct CookRust {}

impl Element for CookRust {
    fn describe() -> Description {
        description!().step(Step::new(Phase::Install).provides::<Dish>().provides::<Special>())
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.provide("1", &Dish { name: "crab soup".to_owned(), vegetarian: false })?;
        plan.provide("2", &Dish { name: "oxidised apples".to_owned(), vegetarian: true })
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        run.provide("today", &Special { name: "borrowed cheese".to_owned() })?;
        Ok(Outcome::Done)
    }
}

export_element!(CookRust);
