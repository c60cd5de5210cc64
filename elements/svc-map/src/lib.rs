//! Units by the names that diskimage-builder's files `svc-map` have for them.
//!
//! DIB's `svc-map` is a command for scripts of elements. Here no script asks: the definition says which
//! services are to be on, and the files what each is called in the system that is built.

mod map;

use std::collections::BTreeMap;

use dib_files::yaml::{self, Node};
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, UnitState, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct SvcMap {
    /// Inputs: files like `svc-map`, or folders with such files in them.
    #[parameter(default = [])]
    sources: Vec<String>,
    /// Services that are started at boot, by the names of the files; one that no file has is a unit.
    #[parameter(default = [])]
    enabled: Vec<String>,
    /// Services that are not started at boot.
    #[parameter(default = [])]
    disabled: Vec<String>,
    /// Services that cannot be started.
    #[parameter(default = [])]
    masked: Vec<String>,
}

/// What a service is called, and in which file.
type Known = BTreeMap<String, (String, Node)>;

impl Element for SvcMap {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install).consumes::<Distribution>())
            .request("inputs", "parameter sources", "the files that say what services are called")
            .request("services", "*", "the definition says which")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let system: Distribution = plan.consume_one()?;
        let (mut known, mut problems) = (Known::new(), Vec::new());
        for source in &self.sources {
            self.read(plan, source, &mut known, &mut problems)?;
        }
        let mut states: BTreeMap<String, (UnitState, &str)> = BTreeMap::new();
        for (services, state, parameter) in [
            (&self.enabled, UnitState::Enabled, "enabled"),
            (&self.disabled, UnitState::Disabled, "disabled"),
            (&self.masked, UnitState::Masked, "masked"),
        ] {
            for service in services {
                let units = match known.get(service) {
                    Some((file, entry)) => map::units(entry, &system)
                        .map_err(|why| format!("`{}` of `{file}` {why}.", service.escape_debug())),
                    None => map::unit(service)
                        .map(|unit| vec![unit])
                        .map_err(|why| format!("The service `{}` {why}.", service.escape_debug())),
                };
                let units = match units {
                    Ok(units) => units,
                    Err(problem) => {
                        problems.push((problem, parameter));
                        continue;
                    }
                };
                for unit in units {
                    match states.insert(unit.clone(), (state, parameter)) {
                        Some((before, other)) if before != state => problems.push((
                            format!("`{unit}` is in `{other}` and in `{parameter}`."),
                            parameter,
                        )),
                        _ => {}
                    }
                }
            }
        }
        if states.is_empty() && problems.is_empty() {
            plan.find(
                Finding::warning("`svc-map` changes nothing: no service is named.")
                    .help("Set `enabled`, `disabled` or `masked`, or leave it out."),
            );
        }
        if !problems.is_empty() {
            for (problem, parameter) in problems {
                let help = "Correct the file; the docs of diskimage-builder's `svc-map` say how.";
                plan.find(Finding::refusal(problem).about(parameter).help(help));
            }
            return Ok(());
        }
        states.into_iter().try_for_each(|(unit, (state, _))| plan.service(&unit, state))
    }
}

impl SvcMap {
    /// Adds what the files of an input say; a service that two files have is a problem, as in DIB.
    fn read(
        &self,
        plan: &Plan<'_>,
        source: &str,
        known: &mut Known,
        problems: &mut Vec<(String, &'static str)>,
    ) -> Result<()> {
        let input = plan.input(source)?;
        let files = dib_files::named(&input, |name| name == "svc-map")?;
        if files.is_empty() {
            problems.push((format!("The input `{source}` has no `svc-map` in it."), "sources"));
        }
        for file in files {
            let called =
                if file.is_empty() { source.to_owned() } else { format!("{source}/{file}") };
            let entries = match yaml::read(&input.read_text(&file)?) {
                Ok(Node::Map(entries)) => entries,
                Ok(Node::Null) => Vec::new(),
                Ok(_) => {
                    problems.push((format!("`{called}` is no mapping of services."), "sources"));
                    continue;
                }
                Err(problem) => {
                    problems.push((format!("`{called}`: {problem}."), "sources"));
                    continue;
                }
            };
            for (service, entry) in entries {
                if let Some((other, _)) = known.get(&service) {
                    let service = service.escape_debug();
                    problems.push((
                        format!("`{called}` has `{service}`, which `{other}` has too."),
                        "sources",
                    ));
                    continue;
                }
                known.insert(service, (called.clone(), entry));
            }
        }
        Ok(())
    }
}

export_element!(SvcMap);
