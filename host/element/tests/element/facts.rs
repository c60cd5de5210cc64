//! What elements tell one another within a phase, and what a slot lets them.

use super::*;

#[test]
fn an_undeclared_slot_is_neither_written_nor_read() {
    let guest = Guest::new("sly")
        .provides(KERNEL)
        .plan(|m| m.provide("dib:boot/kernel-argument@1", "k", r#"{"argument":"quiet"}"#))
        .run(|m| m.consume("dib:os/distribution@1"));
    let bench = Bench::with(&guest);
    let failure = bench.plan("sly", &none()).unwrap_err();
    assert_eq!(
        failure.message,
        "its step `install` does not declare that it provides `dib:boot/kernel-argument@1`"
    );
    let failure = bench.run("sly", &none()).unwrap_err();
    assert_eq!(
        failure.message,
        "its step `install` does not declare that it consumes `dib:os/distribution@1`"
    );
}

#[test]
fn a_fact_has_its_time_its_schema_and_one_value_for_a_key() {
    let said = |guest: Guest, running: bool| {
        let guest = guest.provides(ARGUMENT).provides(KERNEL).consumes("dib:boot/kernel@1");
        let bench = Bench::with(&guest);
        let held = grants(&[("facts", "dib:boot/*")]);
        let failure = if running {
            bench.run("x", &held).unwrap_err()
        } else {
            bench.plan("x", &held).unwrap_err()
        };
        failure.message
    };
    let argument = r#"{"argument":"quiet"}"#;
    let early = Guest::new("x").plan(|m| m.provide("dib:boot/kernel@1", "1", KERNEL_VALUE));
    assert_eq!(said(early, false), "`dib:boot/kernel@1` is observed: it is provided in `run`");
    let late = Guest::new("x").run(move |m| m.provide("dib:boot/kernel-argument@1", "1", argument));
    assert!(said(late, true).contains("is planned: it is provided in `plan`"));
    let reads = Guest::new("x").plan(|m| m.consume("dib:boot/kernel@1"));
    assert!(said(reads, false).contains("so `plan` cannot read it"));
    // Of a slot that is not the host's, too, which no step of the build gives while planning.
    let reads = Guest::new("x").consumes("acme:x/y@1").plan(|m| m.consume("acme:x/y@1"));
    assert!(said(reads, false).contains("`acme:x/y@1` is observed while building"));
    let bad = Guest::new("x")
        .plan(|m| m.provide("dib:boot/kernel-argument@1", "1", r#"{"argument":"two words"}"#));
    assert!(said(bad, false).contains("does not fit its schema"));
    let no_json = Guest::new("x").plan(|m| m.provide("dib:boot/kernel-argument@1", "1", "{"));
    assert!(said(no_json, false).contains("is no JSON"));
    let twice = Guest::new("x").plan(move |m| {
        let first = m.provide("dib:boot/kernel-argument@1", "1", argument);
        first + &m.provide("dib:boot/kernel-argument@1", "1", r#"{"argument":"debug"}"#)
    });
    assert!(said(twice, false).contains("another value of this step with the key `1`"));
}

#[test]
fn a_slot_of_the_host_is_written_with_its_grant_only() {
    let guest = Guest::new("x")
        .provides(ARGUMENT)
        .provides(KERNEL)
        .plan(|m| m.provide("dib:boot/kernel-argument@1", "k", r#"{"argument":"init=/evil"}"#))
        .run(|m| m.provide("dib:boot/kernel@1", "1", KERNEL_VALUE));
    let bench = Bench::with(&guest);
    for other in [none(), grants(&[("facts", "dib:users/*"), ("rootfs", "write /")])] {
        let failure = bench.plan("x", &other).unwrap_err();
        assert_eq!(failure.message, "`facts` of `dib:boot/kernel-argument@1` is not granted");
        assert_eq!(
            failure.help.unwrap(),
            "add this to the image definition:\n[grants.x]\nfacts = [\"dib:boot/kernel-argument@1\"]"
        );
        let failure = bench.run("x", &other).unwrap_err();
        assert_eq!(failure.message, "`facts` of `dib:boot/kernel@1` is not granted");
    }
    let held = grants(&[("facts", "dib:boot/*")]);
    assert_eq!(bench.plan("x", &held).unwrap().facts.len(), 1);
    assert_eq!(bench.run("x", &held).unwrap().observed.facts.len(), 1);
}

#[test]
fn an_element_reads_the_facts_it_was_given() {
    let guest = Guest::new("reader").consumes("dib:boot/kernel-argument@1").plan(|m| {
        let two = "(if (i32.ne (i32.load offset=8 (i32.const 1024)) (i32.const 2))
                       (then unreachable))";
        m.consume("dib:boot/kernel-argument@1") + two
    });
    let mut bench = Bench::with(&guest);
    let fact = |key: &str| Fact {
        slot: "dib:boot/kernel-argument@1".into(),
        provider: "p".into(),
        phase: Phase::Install,
        step: None,
        key: key.into(),
        value: json!({"argument": "quiet"}),
    };
    bench.facts.insert("dib:boot/kernel-argument@1".into(), vec![fact("1"), fact("2")]);
    bench.plan("reader", &none()).unwrap();
}

/// Two components that talk both ways within one phase: `a` has two steps in it.
fn talk() -> [Guest; 2] {
    const TEXT: Option<&str> = Some("{\"type\": \"string\"}");
    let one = "(if (i32.ne (i32.load offset=8 (i32.const 1024)) (i32.const 1)) (then unreachable))";
    let mut a = Guest::new("a").plan(move |m| {
        let ask = m.provide("x:question/v@1", "", "\"how much?\"");
        let hear = m.consume("x:answer/v@1");
        // Told apart by the length of their names: `ask` and `hear`.
        format!(
            "(if (i32.eq (local.get $step-length) (i32.const 3)) (then {ask}) (else {hear} {one}))"
        )
    });
    let step = |name, provides, consumes| GuestStep {
        name,
        phase: 3,
        provides,
        consumes,
        plan_only: true,
        ..GuestStep::default()
    };
    a.steps = vec![
        step("ask", vec![("x:question/v@1", 2, 0, TEXT)], vec![]),
        step("hear", vec![], vec!["x:answer/v@1"]),
    ];
    let b = Guest::new("b").consumes("x:question/v@1").provides(("x:answer/v@1", 2, 0, TEXT)).plan(
        move |m| {
            m.consume("x:question/v@1") + one + &m.provide("x:answer/v@1", "", "\"forty-two\"")
        },
    );
    [a, b]
}

#[test]
fn two_components_talk_both_ways_within_one_phase_a_hundred_times_the_same() {
    let bench = Bench::new();
    for guest in talk() {
        guest.install(bench.folder.path());
    }
    let text = "[image]\nname = \"talk\"\nelements = [\"b\", \"a\"]\n";
    let definition = Definition::parse(text, "image.toml", Path::new(".")).unwrap();
    let inputs = PlanInputs::for_arch("amd64");
    let library = bench.library();
    let first = dibhost_plan::plan(&definition, &library, &inputs).unwrap();
    let steps: Vec<String> = first.steps_of(Phase::Install).map(|step| step.label()).collect();
    assert_eq!(steps, ["a/ask", "b", "a/hear"]);
    for run in 0..100 {
        let plan = dibhost_plan::plan(&definition, &library, &inputs).unwrap();
        assert_eq!(plan, first, "run {run}");
    }
}
