//! Whatever two elements say of themselves, and answer while planning, comes to a plan or to
//! diagnostics in words; and a plan that came of it is the same when it is planned again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use dibhost_arbitrary::Source;
use dibhost_definition::{CommandLine, Definition};
use dibhost_plan::description::Description;
use dibhost_plan::planner::{Described, ElementFailure, Finding, Planner, StepAnswer, StepCall};
use dibhost_plan::{PlanInputs, plan};

const NAMES: [&str; 2] = ["motd", "root"];

/// Elements that say and answer whatever the bytes say.
struct Arbitrary {
    descriptions: BTreeMap<String, Arc<Description>>,
    /// Answers by element and step, so that the same question is answered the same.
    answers: Mutex<BTreeMap<String, StepAnswer>>,
    bytes: Vec<u8>,
}

impl Planner for Arbitrary {
    fn describe(&self, reference: &str, _: &Path) -> Result<Described, ElementFailure> {
        let found = self.descriptions.get(reference);
        let description = found.ok_or_else(|| ElementFailure::new("there is none"))?;
        Ok(Described {
            description: Arc::clone(description),
            digest: format!("sha256:{reference}"),
            origin: reference.to_owned(),
            first_party: true,
            imports: Vec::new(),
        })
    }

    fn known_names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn plan_step(&self, call: &StepCall<'_>) -> Result<StepAnswer, ElementFailure> {
        let mut answers = self.answers.lock().expect("no other thread panicked");
        let answer = answers.entry(format!("{}/{}", call.element, call.step));
        let answer = answer.or_insert_with(|| {
            let mut source = Source::new(&self.bytes);
            StepAnswer {
                facts: source.value(),
                wishes: source.value(),
                findings: source.value::<Vec<Finding>>(),
            }
        });
        Ok(answer.clone())
    }
}

pub(crate) fn description(data: &[u8]) {
    let (bytes, rest) = data.split_at(data.len() / 3);
    let mut source = Source::new(rest);
    let mut described = |name: &str| {
        let mut description: Description = source.value();
        // Else nothing but the name's check is ever reached.
        description.name = name.to_owned();
        description.version = "1.0.0".to_owned();
        for (number, step) in description.steps.iter_mut().enumerate() {
            step.name = format!("step{number}");
            let named = step.after.iter_mut().chain(&mut step.before);
            named.zip(NAMES.iter().cycle()).for_each(|(named, name)| (*name).clone_into(named));
        }
        (name.to_owned(), Arc::new(description))
    };
    let planner = Arbitrary {
        descriptions: NAMES.map(&mut described).into(),
        answers: Mutex::default(),
        bytes: bytes.to_vec(),
    };
    let definition = Definition::from_command_line(&CommandLine {
        output: Path::new("x"),
        formats: None,
        arch: None,
        disks: Default::default(),
        elements: &NAMES.map(str::to_owned),
        base: Path::new("."),
    });
    let definition = definition.expect("two names are a definition");
    let inputs = PlanInputs::for_arch("amd64");
    match plan(&definition, &planner, &inputs) {
        Ok(first) => {
            let second = plan(&definition, &planner, &inputs).expect("it was a plan before");
            assert_eq!(first.digest, second.digest);
            assert!(first.to_text().ends_with('\n'));
        }
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}
