//! Steps that run at the same time: none waits for another's effects for ever, each is heard
//! under its own number, and one that is of no use any more is stopped.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use common::Guest;
use dibhost_element::simulated::Scene;
use dibhost_element::{
    Level, Library, LibraryOptions, NoSecrets, Observer, ReadyStep, RunAnswer, RunCall, Runner,
    SecretStore, SideBySide, SimulatedRunner, run_side_by_side,
};
use dibhost_plan::Phase;
use dibhost_plan::grant::{Grants, Right};
use dibhost_plan::planner::{ElementFailure, Planner as _, TargetMachine};
use dibhost_sys::Cancel;
use dibhost_tree::{Attributes, Change, Scope, SimulatedTarget, TargetPath, Tree as _};

/// All of them at once, the first failure making the others useless.
struct Together {
    waiting: Vec<(usize, Box<dyn ReadyStep>)>,
    heard: Vec<Heard>,
    answers: BTreeMap<usize, Result<RunAnswer, ElementFailure>>,
}

#[derive(Default)]
struct Heard(Vec<String>);

impl Observer for Heard {
    fn log(&mut self, _level: Level, message: &str, _fields: &[(String, String)]) {
        self.0.push(message.to_owned());
    }
}

impl SideBySide for Together {
    fn next(&mut self) -> Option<(usize, Box<dyn ReadyStep>)> {
        self.waiting.pop()
    }

    fn lend_observer(&mut self, step: usize, to: &mut dyn FnMut(&mut dyn Observer)) {
        to(&mut self.heard[step]);
    }

    fn ended(&mut self, step: usize, answer: Result<RunAnswer, ElementFailure>) {
        self.answers.insert(step, answer);
    }

    fn wanted(&self, _step: usize) -> bool {
        self.answers.values().all(Result::is_ok)
    }
}

/// Runs these elements, which are components, at the same time on one target.
fn run(guests: &[Guest], grants: &Grants) -> (Together, SimulatedTarget) {
    let folder = tempfile::tempdir().unwrap();
    guests.iter().for_each(|guest| drop(guest.install(folder.path())));
    let options =
        LibraryOptions { folders: vec![folder.path().to_owned()], ..LibraryOptions::default() };
    let library = Library::new(options).unwrap();
    let names: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
    names.iter().for_each(|name| drop(library.describe(name, Path::new("/")).unwrap()));
    run_by(&library, &names, grants)
}

/// Has a runner, the real one or its twin, run these elements at the same time on one target.
fn run_by(runner: &dyn Runner, names: &[&str], grants: &Grants) -> (Together, SimulatedTarget) {
    let prepare = |name: &&str| {
        let machine = TargetMachine {
            arch: "amd64".into(),
            image_name: "test".into(),
            source_date_epoch: 1_700_000_000,
        };
        let call = RunCall {
            inputs: &dibhost_inputs::Inputs::default(),
            element: name,
            step: "install",
            phase: Phase::Install,
            machine: &machine,
            parameters: &BTreeMap::new(),
            grants,
            facts: &BTreeMap::new(),
            limits: &dibhost_definition::Limits::default(),
            secrets: &(Arc::new(NoSecrets) as Arc<dyn SecretStore>),
            cache: None,
            remote: None,
            cancel: &Cancel::new(),
        };
        runner.prepare(&call).unwrap()
    };
    let mut together = Together {
        waiting: names.iter().map(prepare).enumerate().collect(),
        heard: names.iter().map(|_| Heard::default()).collect(),
        answers: BTreeMap::new(),
    };
    let mut target =
        SimulatedTarget::new(1_700_000_000, Box::new(|_, _| panic!("no programs"))).unwrap();
    run_side_by_side(&mut target, &mut together);
    (together, target)
}

#[test]
fn many_that_speak_and_write_at_once_are_served_in_turn() {
    let guest = |name: &str| {
        let (path, said) = (format!("/{name}"), format!("{name} speaks"));
        Guest::new(name).run(move |memory| {
            let line = memory.log(&said).repeat(200);
            format!("{line} {} {line}", memory.write_file(&path, "x"))
        })
    };
    let names = ["a", "b", "c", "d", "e", "f"];
    let grants: Grants = [Right::of("rootfs", "write /").unwrap()].into_iter().collect();
    all_were_served(&names, run(&names.map(guest), &grants));
    let speak = |runner: SimulatedRunner, name: &&'static str| {
        let name = *name;
        runner.step(name, "install", move |scene| {
            let say = move |observer: &mut dyn Observer| {
                observer.log(Level::Info, &format!("{name} speaks"), &[]);
            };
            (0..200).for_each(|_| scene.effects.tell(say));
            let path = TargetPath::new(&format!("/{name}")).unwrap();
            let (content, attributes) = (b"x".to_vec(), Attributes::default());
            let write = Change::Write { path, content, attributes };
            let written = scene.effects.ask(move |target, _| target.apply(&Scope::all(), &[write]));
            written.unwrap().unwrap();
            (0..200).for_each(|_| scene.effects.tell(say));
            Ok(RunAnswer::done())
        })
    };
    let runner = names.iter().fold(SimulatedRunner::default(), speak);
    all_were_served(&names, run_by(&runner, &names, &grants));
}

fn all_were_served(names: &[&str], (together, mut target): (Together, SimulatedTarget)) {
    for (step, name) in names.iter().enumerate() {
        assert!(together.answers[&step].is_ok(), "{:?}", together.answers[&step]);
        assert_eq!(together.heard[step].0, vec![format!("{name} speaks"); 400]);
        let path = TargetPath::new(&format!("/{name}")).unwrap();
        assert_eq!(target.read(&Scope::all(), &path, 0, 10).unwrap(), b"x");
    }
}

#[test]
fn a_failure_stops_those_that_are_of_no_use_any_more() {
    let looper = |name: &str| Guest::new(name).run(|_| "(loop $for-ever (br $for-ever))".into());
    let fails = Guest::new("fails").run(|_| "unreachable".into());
    let (together, _) = run(&[looper("a"), fails, looper("b")], &Grants::default());
    let said = |step| together.answers[&step].as_ref().unwrap_err().message.clone();
    assert!(said(1).contains("trapped in `run(install)`"), "{}", said(1));
    for step in [0, 2] {
        assert_eq!(said(step), "was stopped in `run(install)`: the build was cancelled");
    }
    // The twin keeps the promise too.
    let waits = |scene: &Scene| loop {
        scene.check()?;
        std::thread::yield_now();
    };
    let runner = SimulatedRunner::default()
        .step("a", "install", waits)
        .step("b", "install", waits)
        .step("fails", "install", |_| Err(ElementFailure::new("no luck")));
    let (together, _) = run_by(&runner, &["a", "fails", "b"], &Grants::default());
    let said = |step| together.answers[&step].as_ref().unwrap_err().message.clone();
    assert_eq!(said(1), "no luck");
    for step in [0, 2] {
        assert_eq!(said(step), "was stopped: the build was cancelled");
    }
}
