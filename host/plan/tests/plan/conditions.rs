//! What is asked for only where the system is of some kind.

use dibhost_plan::description::{Arity, Condition, Timing};
use dibhost_plan::wish::{UnitState, Wish};
use dibhost_plan::{Phase, PlanInputs};
use serde_json::{Value, json};

use crate::elements::*;

const OS: &str = "dib:os/distribution@1";

/// An operating system of a family.
fn os(family: &str) -> Element {
    let value = json!({
        "id": family, "version-id": "1", "codename": "", "family": family,
        "package-manager": "apt", "init": "systemd", "default-user": "x",
    });
    element("os").provides(Phase::Root, OS).requests("facts", OS).gives(&[(OS, "", value)])
}

/// One that starts the unit that the family has.
fn sshd() -> Element {
    let element = element("sshd")
        .third_party()
        .reads(Phase::Install, OS)
        .requests_where("services", "ssh.service", "family", &["debian"])
        .requests_where("services", "sshd.service", "family", &["fedora", "suse"]);
    element.answers(|call| {
        let unit = match call.facts[OS][0].value["family"].as_str() {
            Some("debian") => "ssh.service",
            _ => "sshd.service",
        };
        let wish = Wish::Service { unit: unit.to_owned(), state: UnitState::Enabled };
        Ok(dibhost_plan::planner::StepAnswer { wishes: vec![wish], ..Default::default() })
    })
}

#[test]
fn only_what_applies_has_to_be_granted() {
    insta::assert_snapshot!(refused(&[os("debian"), sshd()]), @r#"
    image.toml:3:19: `sshd` asks for what the definition does not grant: `services` `ssh.service` (for services; as `family` of `dib:os/distribution@1` is `debian`)
      3 | elements = ["os", "sshd"]
        |                   ^^^^^^
      help: if you trust it with that, add
        [grants.sshd]
        services = ["ssh.service"]
    "#);
    insta::assert_snapshot!(refused(&[os("suse"), sshd()]), @r#"
    image.toml:3:19: `sshd` asks for what the definition does not grant: `services` `sshd.service` (for services; as `family` of `dib:os/distribution@1` is `fedora` or `suse`)
      3 | elements = ["os", "sshd"]
        |                   ^^^^^^
      help: if you trust it with that, add
        [grants.sshd]
        services = ["sshd.service"]
    "#);
    let granted = "[grants.sshd]\nservices = [\"ssh.service\"]\n";
    let plan = plan_text(granted, &[os("debian"), sshd()]).unwrap();
    let held = &plan.element("sshd").unwrap().grants;
    assert_eq!(
        held.iter().map(|g| g.right.to_string()).collect::<Vec<_>>(),
        ["services ssh.service"]
    );
    assert!(plan.findings.iter().all(|finding| finding.element.is_none()), "{:?}", plan.findings);
    let text = plan.to_text();
    let line = text.lines().find(|l| l.contains("grant services")).unwrap();
    insta::assert_snapshot!(line.trim(), @"grant services ssh.service  for services (as `family` of `dib:os/distribution@1` is `debian`)");
    // What is granted for another system is told, and no way to hold it.
    let both = "[grants.sshd]\nservices = [\"ssh.service\", \"sshd.service\"]\n";
    let plan = plan_text(both, &[os("suse"), sshd()]).unwrap();
    let held = &plan.element("sshd").unwrap().grants;
    assert_eq!(
        held.iter().map(|g| g.right.to_string()).collect::<Vec<_>>(),
        ["services sshd.service"]
    );
    let told = plan.findings.iter().find(|finding| finding.element.is_some()).unwrap();
    insta::assert_snapshot!(told.message, @"`sshd` is granted `services ssh.service` and asks for it only where `family` of `dib:os/distribution@1` is `debian`, which is not so here");
}

#[test]
fn what_does_not_apply_is_not_held() {
    // It starts `sshd.service`, of a family that it names no request for.
    let granted = "[grants.sshd]\nservices = [\"*\"]\n";
    let refused = plan_text(granted, &[os("arch"), sshd()]).unwrap_err().to_string();
    insta::assert_snapshot!(refused, @r#"
    image.toml:3:19: `sshd` wishes for what it may not: it holds no grant `services` that covers `sshd.service`
      3 | elements = ["os", "sshd"]
        |                   ^^^^^^
    "#);
}

#[test]
fn steps_of_root_hold_nothing_that_depends_on_root() {
    let early = element("early")
        .requests_where("services", "ssh.service", "family", &["debian"])
        .wishes(Phase::Root, &[service("ssh.service", UnitState::Enabled)]);
    insta::assert_snapshot!(refused(&[os("debian"), early]), @r#"
    image.toml:3:19: `early` wishes for what it may not: it holds no grant `services` that covers `ssh.service`
      3 | elements = ["os", "early"]
        |                   ^^^^^^^
    "#);
}

#[test]
fn conditions_are_about_what_root_provides_while_planning() {
    let when = |slot: &str| {
        let (slot, field) = (slot.to_owned(), String::new());
        [Condition { slot, field, one_of: vec!["x".to_owned()] }]
    };
    let asks = |slot| element("asks").step(Phase::Install).requests_when("exec", "sh", &when(slot));
    let late = element("late").provides(Phase::Install, "acme:x/late@1");
    let observed = element("observed").provides_as(
        Phase::Root,
        "acme:x/seen@1",
        Arity::Many,
        Timing::Observed,
        Some(schema()),
    );
    insta::assert_snapshot!(refused(&[asks("acme:x/late@1"), late]), @r#"
    image.toml:3:13: `asks` requests something depending on the slot `acme:x/late@1`, and `late` provides it in `install`: what is granted is settled when `root` is planned
      3 | elements = ["asks", "late"]
        |             ^^^^^^
      help: this is for whoever wrote the element to mend: its conditions are about what the steps of `root` provide, such as `dib:os/distribution@1`
    "#);
    insta::assert_snapshot!(refused(&[asks("acme:x/seen@1"), observed]), @r#"
    image.toml:3:13: `asks` requests something depending on the slot `acme:x/seen@1`, and its values are observed while building: what is granted is settled when `root` is planned
      3 | elements = ["asks", "observed"]
        |             ^^^^^^
      help: this is for whoever wrote the element to mend: its conditions are about what the steps of `root` provide, such as `dib:os/distribution@1`
    "#);
    let plan = plan_of(&[asks("acme:x/nobody@1")]).unwrap();
    assert!(plan.element("asks").unwrap().grants.is_empty());
    let told: Vec<_> = plan.findings.iter().map(|f| &*f.message).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    `asks` asks for some of its rights only where the slot `acme:x/nobody@1` says so, and no element provides it: it holds none of them
    no element makes the first tree: the image starts empty
    "#);
}

#[test]
fn a_condition_that_cannot_hold_is_refused() {
    let when = |slot: &str, field: &str, one_of: &[&str]| Condition {
        slot: slot.to_owned(),
        field: field.to_owned(),
        one_of: one_of.iter().map(|text| (*text).to_owned()).collect(),
    };
    let all = [
        when("distribution", "", &["x"]),
        when(OS, "/family", &["x"]),
        when(OS, "family", &[]),
        when(OS, "family", &["a\nb"]),
    ];
    insta::assert_snapshot!(refused(&[element("asks").requests_when("exec", "sh", &all)]), @r#"
    image.toml:3:13: the element `asks` (/shelf/asks.wasm) is unsound
      3 | elements = ["asks"]
        |             ^^^^^^
      help: whoever wrote the element has to mend that
        it requests `exec` `sh` where "distribution" is no name of a slot, as `acme:net/interface@1` is
        it requests `exec` `sh` where "/family" is no field of a value: names with `/` between them
        it requests `exec` `sh` where `family` of `dib:os/distribution@1` is one of no texts
        it requests `exec` `sh` where a field is "a\nb", which has a control character in it or is long
    "#);
}

#[test]
fn who_grants_is_told_what_applies() {
    let names = "[image]\nname = \"test\"\nelements = [\"os\", \"sshd\"]\n";
    let definition =
        dibhost_definition::Definition::parse(names, "image.toml", ".".as_ref()).unwrap();
    let shelf = Shelf::new([os("suse"), sshd()]);
    let asking =
        dibhost_plan::ask::ask(&definition, &shelf, &PlanInputs::for_arch("amd64")).unwrap();
    let sshd = asking.iter().find(|element| element.name == "sshd").unwrap();
    let missing: Vec<_> = sshd.missing().into_iter().map(|(_, scope)| scope).collect();
    assert_eq!(missing, ["sshd.service"]);
    let applies: Vec<_> = sshd.asks.iter().map(|ask| (ask.applies, &*ask.scope)).collect();
    assert_eq!(applies, [(false, "ssh.service"), (true, "sshd.service")]);
    assert_eq!(sshd.asks[1].when, "`family` of `dib:os/distribution@1` is `fedora` or `suse`");
    assert_eq!(sshd.locked().requests.len(), 1);
    let plain: Value = serde_json::to_value(&sshd.asks[0]).unwrap();
    assert_eq!(plain["applies"], false);
}
