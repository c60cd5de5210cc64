//! Orders: by facts and `after` only, the same every time, whatever the definition's order.

use std::time::{Duration, Instant};

use dibhost_plan::description::{Arity, Timing};
use dibhost_plan::planner::{StepAnswer, StepCall};
use dibhost_plan::wish::Wish;
use dibhost_plan::{Phase, Plan, Step};
use proptest::prelude::*;
use serde_json::json;

use crate::elements::*;

const IN: Phase = Phase::Install;
const ARGUMENT: &str = "dib:boot/kernel-argument@1";

fn names(plan: &Plan, phase: Phase) -> Vec<&str> {
    plan.steps_of(phase).map(|s| s.element.as_str()).collect()
}

/// Many elements that depend on one another in several ways.
fn crowd() -> Vec<Element> {
    let console = element("serial-console").provides(IN, ARGUMENT).gives(&[(
        ARGUMENT,
        "console",
        json!({"argument": "console=ttyS0", "reason": "to see"}),
    )]);
    let quiet = element("zz-quiet").provides(IN, ARGUMENT).gives(&[(
        ARGUMENT,
        "quiet",
        json!({"argument": "quiet"}),
    )]);
    let loader =
        element("bootloader").reads(IN, ARGUMENT).requires("kernel", "^1").step(Phase::Finalise);
    let kernel =
        element("kernel").wishes(IN, &[install("linux-image-amd64")]).after(IN, "zz-quiet");
    vec![
        debian(),
        console,
        quiet,
        loader,
        kernel,
        element("a").after(IN, "operating-system").after(IN, "bootloader"),
        element("b").wishes(Phase::PreInstall, &[install("curl"), install("tar")]),
        element("c").wishes(Phase::PreInstall, &[install("tar"), install("bzip2")]),
    ]
}

#[test]
fn providers_run_before_readers_and_the_name_decides_the_rest() {
    let plan = plan_of(&crowd()).unwrap();
    assert_eq!(names(&plan, IN), ["serial-console", "zz-quiet", "bootloader", "a", "kernel"]);
}

/// Two elements that talk both ways within one phase: `a` asks, `b` answers what was asked, and
/// `a` hears that.
fn talk() -> [Element; 2] {
    let said = |call: &StepCall<'_>, slot: &str| {
        let facts = call.facts.get(slot).into_iter().flatten();
        facts.map(|f| f.value.as_str().unwrap_or_default().to_owned()).collect::<String>()
    };
    let gives = |slot: &str, value: String| {
        let facts = vec![(slot.to_owned(), String::new(), json!(value))];
        Ok(StepAnswer { facts, ..StepAnswer::default() })
    };
    let a = element("a")
        .named(IN, "ask")
        .provides(IN, "x:question/v@1")
        .named(IN, "hear")
        .reads(IN, "x:answer/v@1")
        .provides(IN, "x:heard/v@1")
        .answers(move |call| match call.step {
            "ask" => gives("x:question/v@1", "how much?".to_owned()),
            _ => gives("x:heard/v@1", format!("heard: {}", said(call, "x:answer/v@1"))),
        });
    let b = element("b").reads(IN, "x:question/v@1").provides(IN, "x:answer/v@1").answers(
        move |call| gives("x:answer/v@1", format!("{} forty-two", said(call, "x:question/v@1"))),
    );
    [a, b]
}

#[test]
fn two_elements_talk_both_ways_within_one_phase() {
    let plan = plan_of(&talk()).unwrap();
    let order: Vec<String> = plan.steps_of(IN).map(Step::label).collect();
    assert_eq!(order, ["a/ask", "b", "a/hear"]);
    let names: Vec<&str> = plan.steps_of(IN).map(Step::name).collect();
    assert_eq!(names, ["ask", "install", "hear"]);
    let heard = plan.facts_of("x:heard/v@1").next().unwrap();
    assert_eq!(heard.value, json!("heard: how much? forty-two"));
    assert_eq!((heard.provider.as_str(), heard.step_name()), ("a", "hear"));
    let edges: Vec<String> =
        plan.edges.iter().map(|e| format!("{} → {}", e.from_label(), e.to_label())).collect();
    assert_eq!(edges, ["b → a/hear", "a/ask → b"]);
    let text = plan.to_text();
    for line in
        ["step a/ask", "reads x:question/v@1  from a/ask", "gives x:answer/v@1    to a/hear"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let why = plan.why("fact:x:answer/v@1").unwrap().to_text();
    assert!(why.contains("read by `a/hear` (`install`)"), "{why}");
    assert!(plan.to_dot().contains("\"install/a/ask\" -> \"install/b\""), "{}", plan.to_dot());
    assert!(plan.to_svg().contains(">a/hear<"), "{}", plan.to_svg());
}

#[test]
fn a_talk_is_planned_the_same_every_time_and_whatever_the_definition_says_first() {
    let first = plan_of(&talk()).unwrap();
    for run in 0..100 {
        let [a, b] = talk();
        let elements = if run % 2 == 0 { [a, b] } else { [b, a] };
        let text = "[image]\nname = \"test\"\nelements = [\"a\", \"b\"]\n";
        assert_eq!(plan_text(text, &elements).unwrap(), first, "run {run}");
    }
    let backwards = "[image]\nname = \"test\"\nelements = [\"b\", \"a\"]\n";
    assert_eq!(plan_text(backwards, &talk()).unwrap().digest, first.digest);
}

#[test]
fn a_single_step_within_each_phase_cannot_talk_both_ways() {
    let a = element("a").provides(IN, "x:question/v@1").reads(IN, "x:answer/v@1");
    let b = element("b").reads(IN, "x:question/v@1").provides(IN, "x:answer/v@1");
    assert!(refused(&[a, b]).contains("wait for one another"));
}

#[test]
fn after_and_before_name_elements_and_steps_of_them() {
    let two = element("m").named(IN, "one").named(IN, "two");
    let all = element("a").after(IN, "m");
    let between = element("z").after(IN, "m/one").before(IN, "m/two");
    let first = element("y").before(IN, "m");
    let plan = plan_of(&[two, all, between, first]).unwrap();
    let order: Vec<String> = plan.steps_of(IN).map(Step::label).collect();
    assert_eq!(order, ["y", "m/one", "z", "m/two", "a"]);
    let after = |label: &str| plan.steps_of(IN).find(|s| s.label() == label).unwrap().after.clone();
    assert_eq!(after("a"), ["m/one", "m/two"]);
    assert_eq!(after("m/two"), ["y", "z"]);
    assert_eq!(after("m/one"), ["y"]);
}

#[test]
fn a_layout_is_a_role_that_anyone_can_play() {
    let at = Phase::BlockDevice;
    // Its name is behind `vm`, which knows nothing of it.
    let theirs = element("zz-own-layout")
        .third_party()
        .stands_in_for("layout")
        .wishes(at, &[Wish::Nodes(whole_disk("theirs", "/"))]);
    let looks = |name: &str| {
        element(name).after(at, "layout").provides(at, "x:seen/v@1").answers(|call| {
            let seen = json!(call.nodes.len().to_string());
            let facts = vec![("x:seen/v@1".to_owned(), String::new(), seen)];
            Ok(StepAnswer { facts, ..StepAnswer::default() })
        })
    };
    let vm = looks("vm").stands_in_for("layout");
    let granted = "[image]\nname = \"x\"\nelements = [\"vm\", \"zz-own-layout\", \"bootloader\"]\n\
                   [grants.zz-own-layout]\nblock-device = true\n";
    let plan = plan_text(granted, &[vm.clone(), theirs, looks("bootloader")]).unwrap();
    assert_eq!(names(&plan, at), ["zz-own-layout", "vm", "bootloader"]);
    assert!(plan.facts_of("x:seen/v@1").all(|fact| fact.value == json!("3")));
    // Nobody has to play it.
    plan_of(&[looks("bootloader")]).unwrap();
}

#[test]
fn nodes_of_a_step_are_seen_by_the_steps_that_run_after_it() {
    let at = Phase::BlockDevice;
    let two = element("m").requests("block-device", "").named(at, "one").named(at, "two").answers(
        move |call| {
            let mount = if call.step == "one" { "/" } else { "/srv" };
            let wishes = vec![Wish::Nodes(whole_disk(call.step, mount))];
            Ok(StepAnswer { wishes, ..StepAnswer::default() })
        },
    );
    let looks = element("z").after(at, "m/one").provides(at, "x:seen/v@1").answers(|call| {
        let names: Vec<&str> = call.nodes.iter().map(|n| n.name.as_str()).collect();
        let fact = ("x:seen/v@1".to_owned(), String::new(), json!(names.join(" ")));
        Ok(StepAnswer { facts: vec![fact], ..StepAnswer::default() })
    });
    let plan = plan_of(&[two, looks]).unwrap();
    assert_eq!(plan.facts_of("x:seen/v@1").next().unwrap().value, json!("one one-root one-mount"));
}

#[test]
fn a_reader_sees_all_values_ordered_by_provider_and_key() {
    let loader =
        element("bootloader").reads(IN, ARGUMENT).provides(IN, "x:seen/v@1").answers(|call| {
            let seen: Vec<String> =
                call.facts[ARGUMENT].iter().map(|f| format!("{}/{}", f.provider, f.key)).collect();
            let fact = ("x:seen/v@1".to_owned(), "k".to_owned(), json!(seen.join(" ")));
            Ok(StepAnswer { facts: vec![fact], ..StepAnswer::default() })
        });
    let both = element("b").provides(IN, ARGUMENT).gives(&[
        (ARGUMENT, "2", json!({"argument": "b"})),
        (ARGUMENT, "1", json!({"argument": "a"})),
    ]);
    let early = element("early").provides(Phase::Root, ARGUMENT).gives(&[(
        ARGUMENT,
        "",
        json!({"argument": "c"}),
    )]);
    let late = element("late").provides(Phase::Finalise, ARGUMENT).gives(&[(
        ARGUMENT,
        "",
        json!({"argument": "d"}),
    )]);
    let plan = plan_of(&[loader, both, early, late]).unwrap();
    let seen = plan.facts_of("x:seen/v@1").next().unwrap();
    assert_eq!(seen.value, json!("b/1 b/2 early/"));
    let findings: Vec<&str> =
        plan.findings.iter().filter(|f| f.element.is_some()).map(|f| f.message.as_str()).collect();
    insta::assert_snapshot!(findings.join("\n"), @"`bootloader` reads the slot `dib:boot/kernel-argument@1` in the phase `install`, and `late` provides it in `finalise`, which is planned later");
}

#[test]
fn the_layout_is_known_to_every_phase_but_root() {
    const LAYOUT: &str = "dib:block-device/layout@1";
    let plan = plan_of(&[element("reader").reads(Phase::ExtraData, LAYOUT)]).unwrap();
    let layout = plan.facts_of(LAYOUT).next().unwrap();
    assert_eq!(layout.provider, "host");
    assert_eq!(layout.value["mounts"][0]["label"], "cloudimg-rootfs");
    assert_eq!(layout.value["table"], json!(null));
    assert!(plan.edges.iter().any(|e| e.from == "host" && e.to == "reader"));
    insta::assert_snapshot!(refused(&[element("reader").reads(Phase::Root, LAYOUT)]), @r#"
    image.toml:3:13: `reader` reads the slot `dib:block-device/layout@1` in the phase `root`, which is planned before it
      3 | elements = ["reader"]
        |             ^^^^^^^^
      help: read it in another phase: all but `root` are planned after `block-device`
    "#);
}

#[test]
fn a_layout_depends_on_the_system_that_is_in_the_image() {
    use dibhost_block_device::{Node, NodeKind};
    let layout = element("layout")
        .requests("block-device", "")
        .reads(Phase::BlockDevice, "dib:os/distribution@1")
        .answers(|call| {
            let family = call.facts["dib:os/distribution@1"][0].value["family"].as_str();
            let kind = if family == Some("debian") { "ext4" } else { "xfs" };
            let node = |name: &str, on: &[&str], kind| Node {
                name: name.to_owned(),
                on: on.iter().map(|n| (*n).to_owned()).collect(),
                kind,
            };
            let disk = NodeKind::Disk { size: Some(1 << 30), sector_size: 512 };
            let root = NodeKind::Filesystem {
                kind: kind.to_owned(),
                label: None,
                uuid: None,
                tuning: Vec::new(),
            };
            let mount = NodeKind::Mount { at: "/".to_owned(), options: Vec::new(), in_fstab: true };
            let nodes = vec![
                node("disk", &[], disk),
                node("root", &["disk"], root),
                node("mount", &["root"], mount),
            ];
            Ok(StepAnswer { wishes: vec![Wish::Nodes(nodes)], ..StepAnswer::default() })
        });
    let plan = plan_of(&[layout, debian()]).unwrap();
    let kind = plan.block_device.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Filesystem { kind, .. } => Some(kind.as_str()),
        _ => None,
    });
    assert_eq!(kind, Some("ext4"));
}

#[test]
fn block_device_nodes_are_seen_by_those_that_run_after() {
    use dibhost_block_device::{Node, NodeKind};
    let node = |name: &str, on: &[&str], kind| Node {
        name: name.to_owned(),
        on: on.iter().map(|n| (*n).to_owned()).collect(),
        kind,
    };
    let root = NodeKind::Filesystem {
        kind: "ext4".to_owned(),
        label: None,
        uuid: None,
        tuning: Vec::new(),
    };
    let mount = NodeKind::Mount { at: "/".to_owned(), options: Vec::new(), in_fstab: true };
    let nodes = vec![
        node("disk", &[], NodeKind::Disk { size: Some(1 << 30), sector_size: 512 }),
        node("root", &["disk"], root),
        node("mount", &["root"], mount),
    ];
    let vm = element("vm").wishes(Phase::BlockDevice, &[Wish::Nodes(nodes)]);
    let count = |name: &str| {
        element(name)
            .step(Phase::BlockDevice)
            .step(IN)
            .provides(Phase::BlockDevice, "x:n/v@1")
            .provides(IN, "x:n/v@1")
            .answers(|call| {
                let fact = (
                    "x:n/v@1".to_owned(),
                    call.phase.to_string(),
                    json!(call.nodes.len().to_string()),
                );
                Ok(StepAnswer { facts: vec![fact], ..StepAnswer::default() })
            })
    };
    let plan = plan_of(&[vm, count("x-after").after(Phase::BlockDevice, "vm"), count("z-beside")])
        .unwrap();
    let counts: Vec<String> =
        plan.facts_of("x:n/v@1").map(|f| format!("{} {} {}", f.provider, f.key, f.value)).collect();
    assert_eq!(
        counts,
        [
            "x-after block-device \"3\"",
            "x-after install \"3\"",
            "z-beside block-device \"0\"",
            "z-beside install \"3\""
        ]
    );
}

#[test]
fn twenty_plans_are_equal() {
    let first = plan_of(&crowd()).unwrap();
    let json = serde_json::to_string(&first).unwrap();
    for _ in 0..20 {
        let again = plan_of(&crowd()).unwrap();
        assert_eq!(again, first);
        assert_eq!(again.to_text(), first.to_text());
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
    }
    let read: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(read, first);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_of_elements_means_nothing(order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle()) {
        let shuffled: Vec<Element> = order.into_iter().map(|i| crowd()[i].clone()).collect();
        prop_assert_eq!(plan_of(&shuffled).unwrap(), plan_of(&crowd()).unwrap());
    }
}

#[test]
fn a_hundred_elements_with_a_thousand_facts_are_planned_in_no_time() {
    let slot = "x:bench/v@1";
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string", "pattern": "^[a-z]+$"}},
        "required": ["n"], "additionalProperties": false});
    let mut elements: Vec<Element> = (0..99)
        .map(|i| {
            let facts: Vec<(String, String, serde_json::Value)> = (0..10)
                .map(|n| (slot.to_owned(), format!("{n}"), json!({"n": n, "s": "abc"})))
                .collect();
            element(&format!("e{i}"))
                .provides_as(IN, slot, Arity::Many, Timing::Planned, Some(schema.clone()))
                .answers(move |_| Ok(StepAnswer { facts: facts.clone(), ..StepAnswer::default() }))
        })
        .collect();
    elements.push(element("reader").reads(IN, slot).reads(Phase::Finalise, slot));
    let start = Instant::now();
    let plan = plan_of(&elements).unwrap();
    let took = start.elapsed();
    assert_eq!(plan.facts.len(), 990);
    // 200 ms are the aim of a release build; a debug build on a busy machine gets more.
    let limit =
        if cfg!(debug_assertions) { Duration::from_secs(3) } else { Duration::from_millis(200) };
    assert!(took < limit, "{took:?}");
}
