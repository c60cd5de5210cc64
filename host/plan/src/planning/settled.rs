//! What is settled before the first step is planned.

use std::collections::BTreeMap;

use dibhost_definition::{Definition, Diagnostic, Diagnostics};

use super::inputs::PlanInputs;
use crate::condition;
use crate::order::{self, Order};
use crate::parameters::{self, Parameters};
use crate::plan::{FactEdge, PlanFinding};
use crate::planner::{Planner, TargetMachine};
use crate::resolve::Elements;
use crate::schema::Slots;
use crate::slot::PlannedSlot;
use crate::slots::Declared;

pub(crate) struct Settled {
    pub(crate) parameters: Parameters,
    pub(crate) machine: TargetMachine,
    pub(crate) slots: Vec<PlannedSlot>,
    pub(crate) edges: Vec<FactEdge>,
    pub(crate) order: Order,
    /// The schemas of the slots, ready to check values.
    pub(crate) checks: Slots,
    /// Element and parameter → the secret that the parameter names.
    pub(crate) secret_of: BTreeMap<(String, String), String>,
}

impl Settled {
    pub(crate) fn of(
        definition: &Definition,
        planner: &dyn Planner,
        inputs: &PlanInputs,
        elements: &Elements,
        declared: &Declared<'_>,
        wrong: &mut Diagnostics,
        findings: &mut Vec<PlanFinding>,
    ) -> Self {
        let parameters = parameters::check(definition, elements, wrong);
        crate::inputs::check(definition, elements, &parameters, &inputs.inputs, wrong);
        let known = planner.known_names();
        super::kept::check(elements, &inputs.kept_slots, wrong);
        let slots = declared.slots(elements, wrong);
        declared.check_readers(&slots, elements, planner, wrong, findings);
        condition::check(elements, declared, &slots, wrong, findings);
        let edges = declared.edges(&slots);
        let order = order::order(elements, &edges, &known, wrong);
        let checks = Slots::new(&slots).unwrap_or_else(|why| {
            wrong.push(Diagnostic::new(why));
            Slots::default()
        });
        let image = &definition.image;
        let machine = TargetMachine {
            arch: image
                .arch
                .as_ref()
                .map_or_else(|| inputs.builder_arch.clone(), |arch| arch.value.clone()),
            image_name: image.name.value.clone(),
            source_date_epoch: image
                .source_date_epoch
                .as_ref()
                .map_or(inputs.source_date_epoch, |epoch| epoch.value),
        };
        let secret_of = secret_names(elements, &parameters);
        Self { parameters, machine, slots, edges, order, checks, secret_of }
    }
}

/// Which secret a parameter of an element names.
fn secret_names(
    elements: &Elements,
    parameters: &Parameters,
) -> BTreeMap<(String, String), String> {
    let given = parameters::secrets(elements, parameters);
    let each = given.into_iter().flat_map(|(secret, to)| {
        to.into_iter().filter_map(move |to| {
            let (element, parameter) = to.split_once('.')?;
            Some(((element.to_owned(), parameter.to_owned()), secret.clone()))
        })
    });
    each.collect()
}
