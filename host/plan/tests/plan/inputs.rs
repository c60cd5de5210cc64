//! Files and folders of the builder: who asks for which, what the plan says, and what keys have.

use std::path::Path;

use dibhost_definition::{Definition, Diagnostics};
use dibhost_inputs::{Inputs, Known};
use dibhost_plan::description::ParameterKind;
use dibhost_plan::diff::Difference;
use dibhost_plan::{Phase, Plan, PlanInputs};
use serde_json::json;
use tempfile::TempDir;

use crate::elements::*;

const IN: Phase = Phase::Install;

/// A definition's folder with a folder and a file.
fn folder() -> TempDir {
    let base = TempDir::new().unwrap();
    std::fs::create_dir_all(base.path().join("site/etc")).unwrap();
    std::fs::write(base.path().join("site/etc/motd"), "hello").unwrap();
    std::fs::write(base.path().join("key"), "k").unwrap();
    base
}

const BOTH: &str = "[inputs.site]\npath = \"site\"\n[inputs.key]\npath = \"key\"\n";

/// Plans as the program does: inputs are read first.
fn plan_at(base: &Path, text: &str, elements: &[Element]) -> Result<Plan, Diagnostics> {
    let names: Vec<String> = elements.iter().map(|e| format!("{:?}", e.description.name)).collect();
    let text = format!("[image]\nname = \"x\"\nelements = [{}]\n{text}", names.join(", "));
    let definition = Definition::parse(&text, "image.toml", base)?;
    let places = definition.inputs.values();
    let places: Vec<_> = places.map(|i| (i.name.value.clone(), base.join(&i.path.value))).collect();
    let inputs =
        Inputs::open(places.iter().map(|(n, p)| (n.as_str(), p.as_path())), &mut Known::default());
    let inputs = PlanInputs { inputs, ..PlanInputs::for_arch("amd64") };
    dibhost_plan::plan(&definition, &Shelf::new(elements.iter().cloned()), &inputs)
}

fn refused_at(base: &Path, text: &str, elements: &[Element]) -> String {
    plan_at(base, text, elements).map(|plan| plan.to_text()).unwrap_err().to_string()
}

/// A general element: a parameter says which.
fn general(name: &str) -> Element {
    element(name)
        .parameter("source", ParameterKind::Text, Some(json!(null)))
        .requests("inputs", "parameter source")
        .step(IN)
}

/// One that is made for an input of that name.
fn fixed(name: &str) -> Element {
    element(name).requests("inputs", "site").step(IN)
}

fn key_of(plan: &Plan, name: &str) -> String {
    plan.actions.iter().find(|a| a.name == name).unwrap().key.clone()
}

#[test]
fn a_plan_has_each_input_with_its_digest_and_who_may_read_it() {
    let base = folder();
    let text = format!("{BOTH}[parameters.general]\nsource = \"key\"\n");
    let plan =
        plan_at(base.path(), &text, &[debian(), general("general"), fixed("fixed")]).unwrap();
    let shown: Vec<_> = plan
        .inputs
        .iter()
        .map(|i| format!("{} {} {:?} {} {:?}", i.name, i.path, i.nodes, i.size, i.given_to))
        .collect();
    assert_eq!(shown, ["key key None 1 [\"general\"]", "site site Some(2) 5 [\"fixed\"]"]);
    let text = plan.to_text();
    assert!(text.contains("\ninputs\n  key   key   file, 1 B         sha256:"), "{text}");
    assert!(text.contains("  site  site  folder of 2, 5 B  sha256:"), "{text}");
    assert!(text.contains("grant inputs parameter source"), "{text}");
    let inputs_of = |name: &str| -> Vec<String> {
        let action = plan.actions.iter().find(|a| a.name == name).unwrap();
        let inputs = action.inputs.iter().filter(|i| i.kind.name() == "input");
        inputs.map(|i| i.name.clone()).collect()
    };
    assert_eq!(inputs_of("run `general` in `install`"), ["key"]);
    assert_eq!(inputs_of("run `fixed` in `install`"), ["site"]);
    assert_eq!(inputs_of("run `debian-minimal` in `root`"), <[String; 0]>::default());
}

#[test]
fn the_content_is_in_the_keys_of_those_who_may_read_it_and_the_place_in_none() {
    let (base, elsewhere) = (folder(), folder());
    let elements = [debian(), element("before").step(Phase::PreInstall), fixed("fixed")];
    let plan = |base: &TempDir, text: &str| plan_at(base.path(), text, &elements).unwrap();
    let site = "[inputs.site]\npath = \"site\"\n";
    let first = plan(&base, site);
    let moved = elsewhere.path().join("elsewhere");
    std::fs::rename(elsewhere.path().join("site"), &moved).unwrap();
    let other = plan(&elsewhere, "[inputs.site]\npath = \"elsewhere\"\n");
    assert_eq!(first.digest, other.digest);
    assert_eq!(first.actions, other.actions);
    std::fs::write(moved.join("etc/motd"), "HELLO").unwrap();
    let changed = plan(&elsewhere, "[inputs.site]\npath = \"elsewhere\"\n");
    assert_ne!(first.digest, changed.digest);
    let same = |name: &str| key_of(&first, name) == key_of(&changed, name);
    assert!(same("run `before` in `pre-install`"));
    assert!(!same("run `fixed` in `install`"));
    let text = Difference::between(&first, &changed).to_text();
    assert!(text.contains("inputs\n  ~ site\n      digest: "), "{text}");
    assert!(text.contains("~ run `fixed` in `install`: its input site"), "{text}");
}

#[test]
fn an_input_is_granted_as_anything_else_is() {
    let base = folder();
    let theirs = || general("theirs").third_party();
    let set = "[parameters.theirs]\nsource = \"site\"\n";
    let said = refused_at(base.path(), &format!("{BOTH}{set}"), &[debian(), theirs()]);
    assert!(
        said.contains("asks for what the definition does not grant: `inputs` `parameter source`"),
        "{said}"
    );
    assert!(said.contains("[grants.theirs]\n    inputs = [\"parameter source\"]"), "{said}");
    let granted = format!("{BOTH}{set}[grants.theirs]\ninputs = [\"parameter source\"]\n");
    let plan = plan_at(base.path(), &granted, &[debian(), theirs()]).unwrap();
    assert_eq!(plan.inputs[1].given_to, ["theirs"]);
    // Two in a list; a star is no pattern there.
    let many = element("many")
        .parameter("sources", ParameterKind::TextList, Some(json!([])))
        .requests("inputs", "parameter sources")
        .step(IN);
    let text = format!("{BOTH}[parameters.many]\nsources = [\"site\", \"key\"]\n");
    let plan = plan_at(base.path(), &text, &[debian(), many.clone()]).unwrap();
    assert!(plan.inputs.iter().all(|input| input.given_to == ["many"]));
    let text = format!("{BOTH}[parameters.many]\nsources = [\"*\"]\n");
    let plan = plan_at(base.path(), &text, &[debian(), many]).unwrap();
    assert!(plan.inputs.iter().all(|input| input.given_to.is_empty()));
}

#[test]
fn what_is_not_there_is_told_where_it_was_named() {
    let base = folder();
    let said =
        refused_at(base.path(), "[inputs.site]\npath = \"sight\"\n", &[debian(), fixed("a")]);
    assert!(said.starts_with("image.toml:5:8: the input `site` cannot be read: `"), "{said}");
    assert!(said.contains("sight`: No such file or directory"), "{said}");
    let said = refused_at(base.path(), "", &[debian(), fixed("a")]);
    assert!(
        said.contains(
            "`a` asks for the input `site` (for inputs), which the definition does not have"
        ),
        "{said}"
    );
    assert!(said.contains("[inputs.site]\n    path = "), "{said}");
    let text = format!("{BOTH}[parameters.a]\nsource = \"sit\"\n");
    let said = refused_at(base.path(), &text, &[debian(), general("a")]);
    assert!(
        said.contains("image.toml:9:10: the parameter `source` of `a` names the input `sit`"),
        "{said}"
    );
    assert!(said.contains("did you mean `site`?"), "{said}");
    std::os::unix::net::UnixListener::bind(base.path().join("site/socket")).unwrap();
    let said = refused_at(base.path(), BOTH, &[debian(), fixed("a")]);
    assert!(said.contains("the input `site` has `socket` in it, which is a socket"), "{said}");
}

#[test]
fn an_input_of_nobody_is_remarked_on() {
    let base = folder();
    let plan = plan_at(base.path(), BOTH, &[debian(), general("a")]).unwrap();
    let idle: Vec<_> = plan.findings.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        idle,
        ["the input `key` is given to no element", "the input `site` is given to no element"]
    );
}

#[test]
fn a_request_names_an_input_or_a_parameter_that_does() {
    let base = folder();
    for (scope, says) in [
        (
            "parameter other",
            "it requests the inputs of its parameter `other`, and declares no text",
        ),
        ("parameter count", "it requests the inputs of its parameter `count`"),
        ("../etc", "`inputs` with the scope \"../etc\"; it takes the name of an input"),
        ("parameter ", "it takes the name of an input, or `parameter PARAMETER`"),
        ("", "`inputs` without a scope"),
    ] {
        let asks = element("a")
            .parameter("count", ParameterKind::Integer, Some(json!(1)))
            .requests("inputs", scope)
            .step(IN);
        let said = refused_at(base.path(), BOTH, &[debian(), asks]);
        assert!(said.contains(says), "{said}");
    }
}
