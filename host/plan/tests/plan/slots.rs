//! Slots and facts that are refused, in which words.

use dibhost_plan::Phase;
use dibhost_plan::description::{Arity, ParameterKind, Timing};
use serde_json::json;

use crate::elements::*;

const IN: Phase = Phase::Install;

#[test]
fn readers_that_find_nothing() {
    let needs = element("needs").reads(IN, "dib:boot/kernel-argument@1").reads(IN, "x:y/z@1");
    insta::assert_snapshot!(refused(&[needs, element("other").provides(IN, "x:y/w@1")]), @r#"
    image.toml:3:13: `needs` needs the slot `dib:boot/kernel-argument@1` in the phase `install`, and no element of the image provides it
      3 | elements = ["needs", "other"]
        |             ^^^^^^^
      help: add an element that provides it; known elements are `needs` and `other`
    image.toml:3:13: `needs` needs the slot `x:y/z@1` in the phase `install`, and no element of the image provides it
      3 | elements = ["needs", "other"]
        |             ^^^^^^^
      help: did you mean `x:y/w@1`?
    "#);
}

#[test]
fn readers_that_come_too_early() {
    // Planned: `block-device` is planned before all others but `root`.
    let late = element("late").provides(IN, "x:y/z@1");
    let disk = element("disk").reads(Phase::BlockDevice, "x:y/z@1");
    insta::assert_snapshot!(refused(&[late, disk]), @r#"
    image.toml:3:21: `disk` reads the slot `x:y/z@1` in the phase `block-device`, and `late` provides it in `install`, which is planned later
      3 | elements = ["late", "disk"]
        |                     ^^^^^^
      help: read it in `install` or later, or provide it in `block-device` or earlier
    "#);
    let kernel = element("kernel").provides(Phase::Finalise, "dib:boot/kernel@1");
    let early = element("early").reads_as(IN, "dib:boot/kernel@1", Arity::Many, false);
    insta::assert_snapshot!(refused(&[kernel, early]), @r#"
    image.toml:3:23: `early` reads the slot `dib:boot/kernel@1` in the phase `install`, and `kernel` provides it in `finalise`, which runs later
      3 | elements = ["kernel", "early"]
        |                       ^^^^^^^
      help: read it in `finalise` or later, or provide it in `install` or earlier
    "#);
    insta::assert_snapshot!(refused(&[element("disk").reads(Phase::BlockDevice, "dib:block-device/layout@1")]), @r#"
    image.toml:3:13: `disk` reads the slot `dib:block-device/layout@1` in the phase `block-device`, whose wishes it comes of
      3 | elements = ["disk"]
        |             ^^^^^^
      help: read it in another phase: all but `root` are planned after `block-device`
    "#);
}

#[test]
fn slots_that_are_left_empty_or_filled_twice() {
    let one = |name: &str| {
        element(name).provides_as(IN, "x:y/z@1", Arity::One, Timing::Planned, Some(schema()))
    };
    insta::assert_snapshot!(refused(&[one("a"), one("b")]), @r"
    the slot `x:y/z@1` takes exactly one value, and `a` and `b` left it empty
      help: set the parameters that decide about it, or this is for whoever wrote the element to mend
    ");
    let full = |name: &str| one(name).gives(&[("x:y/z@1", "k", json!("v"))]);
    insta::assert_snapshot!(refused(&[full("a"), full("b")]), @r#"
    image.toml:3:18: `a` and `b` both provide a value of the slot `x:y/z@1`, which takes one
      3 | elements = ["a", "b"]
        |                  ^^^
    "#);
    let twice = one("a").gives(&[("x:y/z@1", "k", json!("v")), ("x:y/z@1", "k2", json!("v"))]);
    insta::assert_snapshot!(refused(&[twice]), @r#"
    image.toml:3:13: `a` provides two values of the slot `x:y/z@1`, which takes one
      3 | elements = ["a"]
        |             ^^^
    "#);
    let silent = element("a").provides(IN, "x:m/z@1");
    insta::assert_snapshot!(refused(&[silent, element("reader").reads(IN, "x:m/z@1")]), @r#"
    image.toml:3:18: `reader` needs a value in the slot `x:m/z@1`, and those who could give one gave none
      3 | elements = ["a", "reader"]
        |                  ^^^^^^^^
    "#);
}

#[test]
fn slots_that_two_elements_mean_differently() {
    let with = |name: &str, arity, timing, schema| {
        element(name).provides_as(IN, "x:y/z@1", arity, timing, Some(schema))
    };
    let a = with("a", Arity::Many, Timing::Planned, json!({"type": "string", "title": "A"}));
    let same =
        with("b", Arity::Many, Timing::Planned, json!({"description": "B", "type": "string"}));
    plan_of(&[a.clone(), same]).unwrap();
    let schema = with("b", Arity::Many, Timing::Planned, json!({"type": "integer"}));
    insta::assert_snapshot!(refused(&[a.clone(), schema]), @r#"
    image.toml:3:18: `a` and `b` do not mean the same by the slot `x:y/z@1`: their schemas differ: at `/type`, one has "string" and the other "integer"
      3 | elements = ["a", "b"]
        |                  ^^^
      help: one of the elements is older than the other: take versions that fit, or leave one out
    "#);
    let arity = with("b", Arity::Optional, Timing::Planned, schema_of_a());
    insta::assert_snapshot!(refused(&[a.clone(), arity]), @r#"
    image.toml:3:18: `a` and `b` do not mean the same by the slot `x:y/z@1`: it is `many` to one and `optional` to the other
      3 | elements = ["a", "b"]
        |                  ^^^
      help: one of the elements is older than the other: take versions that fit, or leave one out
    "#);
    let timing = with("b", Arity::Many, Timing::Observed, schema_of_a());
    insta::assert_snapshot!(refused(&[a.clone(), timing]), @r#"
    image.toml:3:18: `a` and `b` do not mean the same by the slot `x:y/z@1`: it is `planned` to one and `observed` to the other
      3 | elements = ["a", "b"]
        |                  ^^^
      help: one of the elements is older than the other: take versions that fit, or leave one out
    "#);
    insta::assert_snapshot!(refused(&[a, element("r").reads_as(IN, "x:y/z@1", Arity::One, false)]), @r#"
    image.toml:3:18: `r` reads the slot `x:y/z@1` as `one`; it is `many`
      3 | elements = ["a", "r"]
        |                  ^^^
      help: this is for whoever wrote the element to mend
    "#);
}

#[test]
fn a_slot_grows_by_optional_properties_and_by_nothing_else() {
    let shape = |more: &[&str]| {
        let all = ["host"].iter().chain(more).map(|n| ((*n).to_owned(), json!({"type": "string"})));
        let properties: serde_json::Map<_, _> = all.collect();
        json!({"type": "object", "required": ["host"], "properties": properties})
    };
    let with = |name: &str, more: &[&str], value: serde_json::Value| {
        let schema = Some(shape(more));
        element(name)
            .provides_as(IN, "x:y/z@1", Arity::Many, Timing::Planned, schema)
            .gives(&[("x:y/z@1", "k", value)])
    };
    let old = with("old", &[], json!({"host": "a"}));
    let new = with("new", &["port"], json!({"host": "b", "port": "1"}));
    // Whoever came first by name, the schema of the build is the one that has grown.
    for elements in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
        let plan = plan_of(&elements).unwrap();
        assert_eq!(plan.slots[0].schema, Some(shape(&["port"])));
        assert_eq!(plan.facts_of("x:y/z@1").count(), 2);
    }
    // What the older one puts under a name that it does not know has to fit all the same.
    let loose = with("old", &[], json!({"host": "a", "port": 1}));
    insta::assert_snapshot!(refused(&[loose, new.clone()]), @r#"
    image.toml:3:13: `old` provides what it cannot: the value does not fit the slot `x:y/z@1`: at `/port`, 1 is not of type "string"
      3 | elements = ["old", "new"]
        |             ^^^^^
    "#);
    let other = with("other", &["path"], json!({"host": "c"}));
    insta::assert_snapshot!(refused(&[old, new, other]), @r#"
    image.toml:3:27: `new` and `other` do not mean the same by the slot `x:y/z@1`: their schemas differ: at `/properties/path`, one has nothing and the other {"type":"string"}
      3 | elements = ["old", "new", "other"]
        |                           ^^^^^^^
      help: one of the elements is older than the other: take versions that fit, or leave one out
    "#);
}

#[test]
fn a_schema_that_would_keep_the_host_busy() {
    let mut defs = serde_json::Map::new();
    for i in 0..30 {
        let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
        defs.insert(format!("d{i}"), json!({"allOf": [next, next]}));
    }
    defs.insert("d30".to_owned(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
    let bomb = element("bomb")
        .provides_as(IN, "x:y/z@1", Arity::Many, Timing::Planned, Some(schema.clone()))
        .parameter("p", ParameterKind::Json(schema), Some(json!("x")));
    insta::assert_snapshot!(refused(&[bomb]), @r#"
    image.toml:3:13: the element `bomb` (/shelf/bomb.wasm) is unsound
      3 | elements = ["bomb"]
        |             ^^^^^^
      help: whoever wrote the element has to mend that
        the schema of its parameter `p` is none: with everything that it refers to it comes to 6442451441 keywords, and may come to 4000
        the schema of its slot `x:y/z@1` is none: with everything that it refers to it comes to 6442451441 keywords, and may come to 4000
    "#);
}

#[test]
fn a_step_that_only_plans_reads_nothing_that_is_observed() {
    let kernel = element("kernel").provides(IN, "dib:boot/kernel@1");
    let reader = element("reader").reads(Phase::Finalise, "dib:boot/kernel@1");
    plan_of(&[kernel.clone(), reader.clone()]).unwrap();
    insta::assert_snapshot!(refused(&[kernel, reader.plan_only(Phase::Finalise)]), @r#"
    image.toml:3:23: `reader` reads the slot `dib:boot/kernel@1` in the phase `finalise` while planning, and its values are observed while building
      3 | elements = ["kernel", "reader"]
        |                       ^^^^^^^^
      help: this is for whoever wrote the element to mend: a step that reads it has to run
    "#);
}

#[test]
fn kernel_arguments_that_contradict_one_another() {
    let argument = "dib:boot/kernel-argument@1";
    let gives = |name: &str, text: &str| {
        let value = json!({"argument": text});
        element(name).provides(IN, argument).gives(&[(argument, "k", value)])
    };
    plan_of(&[gives("a", "console=tty0"), gives("b", "console=ttyS0")]).unwrap();
    insta::assert_snapshot!(refused(&[gives("a", "net.ifnames=0"), gives("b", "net.ifnames=1")]), @r"
    the kernel argument `net.ifnames`: `a` (`install`) wants `net.ifnames=0`, and `b` (`install`) wants `net.ifnames=1`
      help: set a parameter of one of the two so that they agree, or leave one out
    ");
}

fn schema_of_a() -> serde_json::Value {
    json!({"type": "string"})
}

#[test]
fn facts_that_cannot_be() {
    let argument = "dib:boot/kernel-argument@1";
    let declared = || element("a").provides(IN, argument).provides(IN, "dib:boot/kernel@1");
    for (facts, told) in [
        (vec![(argument, "k", json!({"argument": "two words"}))], "does not fit the slot"),
        (
            vec![
                (argument, "k", json!({"argument": "x"})),
                (argument, "k", json!({"argument": "y"})),
            ],
            "two different values",
        ),
        (vec![("dib:initramfs/module@1", "k", json!({"name": "x"}))], "does not declare"),
        (
            vec![("dib:boot/kernel@1", "k", json!({"version": "6", "image": "/k"}))],
            "observed while building",
        ),
    ] {
        let refusal = refused(&[declared().gives(&facts)]);
        assert!(refusal.contains(told), "{refusal}");
        assert!(refusal.starts_with("image.toml:3:13: `a`"), "{refusal}");
    }
    plan_of(&[declared().gives(&[
        (argument, "k", json!({"argument": "x"})),
        (argument, "k", json!({"argument": "x"})),
    ])])
    .unwrap();
}

#[test]
fn slots_that_are_kept_for_somebody_else() {
    use std::collections::{BTreeMap, BTreeSet};

    use dibhost_plan::{KeptSlots, PlanInputs};

    let text = "[image]\nname = \"x\"\nelements = [\"mine\", \"theirs\"]\n";
    let definition =
        dibhost_definition::Definition::parse(text, "image.toml", std::path::Path::new("."));
    let definition = definition.unwrap();
    let elements = [
        element("mine").provides(IN, "x:y/z@1"),
        element("theirs").provides(IN, "acme:y/z@1").reads(IN, "x:y/z@1"),
    ];
    let plan = |digests: &[&str]| {
        let elements_of = digests.iter().map(|digest| (*digest).to_owned());
        let of: BTreeSet<String> = elements_of.collect();
        let kept = KeptSlots { publisher: "Acme".to_owned(), elements: of };
        let kept_slots = BTreeMap::from([("acme".to_owned(), kept)]);
        let inputs = PlanInputs { kept_slots, ..PlanInputs::for_arch("amd64") };
        dibhost_plan::plan(&definition, &Shelf::new(elements.iter().cloned()), &inputs)
    };
    let said = plan(&[]).unwrap_err().to_string();
    assert!(
        said.contains("image.toml:3:21: `theirs` provides `acme:y/z@1`, and the slots of `acme:` are kept for the elements of Acme"),
        "{said}"
    );
    assert!(!said.contains("`mine`"), "{said}");
    let digest = dibhost_plan::planner::Planner::describe(
        &Shelf::new(elements.iter().cloned()),
        "theirs",
        std::path::Path::new("."),
    );
    let said = plan(&[&digest.unwrap().digest]).map_or_else(|e| e.to_string(), |_| String::new());
    assert!(!said.contains("are kept for"), "{said}");
}
