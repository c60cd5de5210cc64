//! Commands of the definition as subjects: by the words of one, or the path of its script.

use dibhost_definition::{Contents, StatedCommand, StatedProgram};
use serde_json::Value;

use crate::Phase;
use crate::plan::Plan;

/// A command of the plan.
pub(super) struct PlannedCommand {
    pub(super) name: String,
    pub(super) phase: Phase,
}

/// What the definition calls a command.
pub(crate) fn name_of(command: &StatedCommand) -> String {
    match &command.program {
        StatedProgram::Run(words) => words.join(" "),
        StatedProgram::Script(path) => path.value.clone(),
    }
}

/// The commands of a plan, in the order of the definition.
pub(super) fn commands(plan: &Plan) -> Vec<PlannedCommand> {
    let Some(own) = plan.element(Contents::ELEMENT) else { return Vec::new() };
    let all = own.parameters.get("commands").and_then(Value::as_array);
    let planned = |command: &Value| {
        let words = command["run"].as_array()?.iter().filter_map(Value::as_str);
        let script = command["script"].as_str();
        let script = script.and_then(|name| plan.inputs.iter().find(|input| input.name == name));
        let name = match script {
            Some(script) => script.path.clone(),
            None => words.collect::<Vec<_>>().join(" "),
        };
        let phase = serde_json::from_value(command["phase"].clone()).ok()?;
        Some(PlannedCommand { name, phase })
    };
    all.into_iter().flatten().filter_map(planned).collect()
}
