//! Writes the whole menu into the image: what all cooks provide in the phase in which it reads it,
//! in whatever language they are written. `waiter-python` does the same in Python.
//!
//! It talks to `cook-python` both ways within one phase, by two steps: `order` says what it wants
//! to have and where it sits, the cook's step reads that and puts it on the menu, and `serve` reads
//! the menu. Nobody names anybody: the slots give the order.

use std::fmt::Write as _;

use dibhost_element_sdk::{
    Change, Description, Element, Fact, Outcome, Parameters, Phase, Plan, Result, Run, Step,
    description, export_element,
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

/// What somebody wants to have: known before anything is built.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:menu/order@1", arity = "many", timing = "planned")]
pub struct Order {
    /// What it is called.
    pub name: String,
    /// Without meat.
    pub vegetarian: bool,
}

/// Where somebody sits: known while the image is built.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:menu/table@1", arity = "many", timing = "observed")]
pub struct Table {
    /// Which one.
    pub number: u32,
}

/// The element.
#[derive(Parameters)]
pub struct WaiterRust {}

impl Element for WaiterRust {
    fn describe() -> Description {
        let order = Step::new(Phase::Install).named("order");
        let serve = Step::new(Phase::Install).named("serve");
        description!()
            .step(order.provides::<Order>().provides::<Table>())
            .step(serve.consumes::<Dish>().consumes::<Special>())
            .request("rootfs", "write /srv/menu", "to write the menu")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        match plan.step() {
            "order" => {
                plan.provide("1", &Order { name: "tomato soup".to_owned(), vegetarian: true })
            }
            _ => Ok(()),
        }
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        match run.step() {
            "order" => run.provide("1", &Table { number: 7 })?,
            _ => serve(run)?,
        }
        Ok(Outcome::Done)
    }
}

fn serve(run: &Run<'_>) -> Result<()> {
    let mut menu = String::new();
    for dish in run.consume::<Dish>()? {
        let mark = if dish.value.vegetarian { " (v)" } else { "" };
        let _ = writeln!(menu, "{} {}: {}{mark}", dish.provider, dish.key, dish.value.name);
    }
    for special in run.consume::<Special>()? {
        let _ = writeln!(menu, "{} {}: {}", special.provider, special.key, special.value.name);
    }
    run.rootfs()?
        .apply([Change::directory("/srv/menu"), Change::write("/srv/menu/waiter-rust", menu)])
}

export_element!(WaiterRust);
