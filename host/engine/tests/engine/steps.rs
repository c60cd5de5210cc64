//! Steps: what they find, what runs beside what, and what of several counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dibhost_element::RunAnswer;
use dibhost_engine::Event;
use dibhost_plan::description::{Arity, Timing};
use dibhost_plan::planner::ElementFailure;
use dibhost_plan::{Observed, Phase, PlannedSlot};
use serde_json::json;

use crate::bench::{Bench, putting, run, write};

pub(crate) fn slot(arity: Arity) -> PlannedSlot {
    PlannedSlot {
        name: "x:y@1".to_owned(),
        arity,
        timing: Timing::Observed,
        schema: Some(json!({"type": "string"})),
        doc: String::new(),
    }
}

fn giving(value: serde_json::Value) -> RunAnswer {
    let facts = vec![("x:y@1".to_owned(), "key".to_owned(), value)];
    RunAnswer { observed: Observed { facts, ..Observed::default() }, ..RunAnswer::done() }
}

#[test]
fn a_fact_of_one_step_is_read_by_another_of_the_same_phase() {
    let mut bench = Bench::new();
    bench.plan.slots.push(slot(Arity::Many));
    let giver = bench.step("giver", Phase::Install, &[], |_| Ok(giving(json!("told"))));
    giver.writes.push("x:y@1".to_owned());
    let reader = bench.step("reader", Phase::Install, &[("rootfs", "write /")], |scene| {
        let value = scene.facts["x:y@1"][0].value.as_str().unwrap_or_default().to_owned();
        write(scene, "/srv/read", &value)?;
        Ok(RunAnswer::done())
    });
    reader.reads.push("x:y@1".to_owned());
    let built = bench.build().ok();
    assert_eq!(built.read("/srv/read").unwrap(), "told");
}

#[test]
fn a_value_that_does_not_fit_its_slot_ends_the_build() {
    let mut bench = Bench::new();
    bench.plan.slots.push(slot(Arity::Many));
    let giver = bench.step("giver", Phase::Install, &[], |_| Ok(giving(json!(7))));
    giver.writes.push("x:y@1".to_owned());
    let built = bench.build();
    let failure = built.failure();
    assert_eq!(failure.element.as_deref(), Some("giver"));
    assert!(failure.message.contains("does not fit the slot"), "{failure}");
}

#[test]
fn a_slot_that_has_to_be_filled_is_missed_at_the_end() {
    let mut bench = Bench::new();
    bench.plan.slots.push(slot(Arity::One));
    bench.idle("giver", Phase::Install).writes.push("x:y@1".to_owned());
    let built = bench.build();
    let failure = built.failure().to_string();
    assert!(failure.contains("takes exactly one value, and `giver` left it empty"), "{failure}");
    assert!(built.files.is_empty());
}

#[test]
fn a_step_that_needs_a_value_is_told_of_none() {
    let mut bench = Bench::new();
    bench.plan.slots.push(slot(Arity::Many));
    let reader = bench.idle("reader", Phase::Install);
    reader.reads.push("x:y@1".to_owned());
    reader.needs.push("x:y@1".to_owned());
    let built = bench.build();
    assert!(built.failure().message.contains("needs a value in the slot"), "{}", built.failure());
}

#[test]
fn files_beside_the_image_are_taken_in_the_plans_order() {
    let mut bench = Bench::new();
    for name in ["b", "a"] {
        bench.step(name, Phase::Install, &[], move |_| Ok(putting(&format!(".{name}"), name)));
    }
    let built = bench.build().ok();
    let beside = &built.result.as_ref().unwrap().beside;
    let names: Vec<_> = beside.iter().map(|p| p.extension().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn no_more_steps_run_at_once_than_there_are_jobs() {
    for jobs in [1, 2, 8] {
        let mut bench = Bench::new();
        bench.jobs = jobs;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for turn in 0..8 {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            bench.step(&format!("s{turn}"), Phase::Install, &[], move |_| {
                let running = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(running, Ordering::SeqCst);
                std::thread::sleep(std::time::Duration::from_millis(5));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(RunAnswer::done())
            });
        }
        bench.build().ok();
        let most = most.load(Ordering::SeqCst);
        assert!(most <= jobs && (jobs == 1 || most > 1), "{most} of {jobs}");
    }
}

#[test]
fn who_writes_the_tree_runs_alone() {
    let mut bench = Bench::new();
    let now = Arc::new(AtomicUsize::new(0));
    for (turn, grants) in [[].as_slice(), &[("rootfs", "write /")], &[]].into_iter().enumerate() {
        let (now, alone) = (Arc::clone(&now), !grants.is_empty());
        bench.step(&format!("s{turn}"), Phase::Install, grants, move |_| {
            let others = now.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(5));
            let after = now.fetch_sub(1, Ordering::SeqCst);
            assert!(!alone || (others == 0 && after == 1), "{others} ran beside it");
            Ok(RunAnswer::done())
        });
    }
    bench.build().ok();
}

#[test]
fn of_several_failures_the_first_of_the_plan_counts() {
    for jobs in [1, 4] {
        let mut bench = Bench::new();
        bench.jobs = jobs;
        bench.step("slow", Phase::Install, &[], |_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Err(ElementFailure::new("slow failed"))
        });
        bench.step("quick", Phase::Install, &[], |_| Err(ElementFailure::new("quick failed")));
        let built = bench.build();
        assert_eq!(built.failure().message, "slow failed", "{jobs}");
    }
}

#[test]
fn a_failed_step_lets_none_follow() {
    let mut bench = Bench::new();
    bench.step("fails", Phase::Install, &[("exec", "true")], |scene| {
        run(scene, "false")?;
        Ok(RunAnswer::done())
    });
    bench.idle("next", Phase::Install);
    bench.idle("later", Phase::Finalise);
    bench.statuses.insert("false".to_owned(), 1);
    let built = bench.build();
    assert_eq!(built.only(&["step"]), ["step fails install"]);
    assert_eq!(built.failure().element.as_deref(), Some("fails"));
    assert_eq!(built.failure().phase, Some(Phase::Install));
}

#[test]
fn a_step_that_panics_is_a_failure_and_no_end_of_the_program() {
    let mut bench = Bench::new();
    bench.step("panics", Phase::Install, &[], |_| panic!("a defect"));
    let built = bench.build();
    let failure = built.failure().to_string();
    assert!(failure.contains("the host's own code failed in a step: a defect"), "{failure}");
}

#[test]
fn steps_that_only_plan_are_not_run() {
    let mut bench = Bench::new();
    bench.idle("plans", Phase::Install).plan_only = true;
    assert_eq!(bench.build().ok().only(&["step"]), Vec::<&str>::new());
}

#[test]
fn programs_of_elements_find_what_the_package_manager_asks_for() {
    let mut bench = Bench::new();
    bench.step("program", Phase::Install, &[("exec", "true")], |scene| {
        run(scene, "app-setup")?;
        Ok(RunAnswer::done())
    });
    let built = bench.build().ok();
    assert!(built.only(&["exec"]).contains(&"exec app-setup"));
    let seen = built.commands.iter().find(|c| c.program == "app-setup").unwrap();
    assert_eq!(seen.env.get("QUIET").map(String::as_str), Some("yes"));
    assert_eq!(seen.stand_ins.len(), 1);
    assert!(seen.defer.is_empty());
}

#[test]
fn two_steps_of_one_element_in_a_phase_are_each_run_by_its_name() {
    let mut bench = Bench::new();
    bench.plan.slots.push(slot(Arity::Many));
    let ask = bench.named_step("both", "ask", Phase::Install, |_| Ok(giving(json!("asked"))));
    ask.writes.push("x:y@1".to_owned());
    let answer = bench.named_step("both", "answer", Phase::Install, |scene| {
        let value = scene.facts["x:y@1"][0].value.clone();
        Err(ElementFailure::new(format!("{value} was heard")))
    });
    answer.reads.push("x:y@1".to_owned());
    let built = bench.build();
    assert_eq!(built.only(&["step"]), ["step both ask", "step both answer"]);
    let failure = built.failure();
    assert_eq!(failure.element.as_deref(), Some("both"));
    assert_eq!(failure.step.as_deref(), Some("answer"));
    assert!(failure.message.contains("\"asked\" was heard"), "{failure}");
    let told = |name: &str| {
        built
            .events
            .iter()
            .any(|event| matches!(event, Event::Started(a) if a.step.as_deref() == Some(name)))
    };
    assert!(told("ask") && told("answer"), "{:#?}", built.events);
}

#[test]
fn what_a_step_does_is_told_under_its_name() {
    let mut bench = Bench::new();
    bench.idle("quiet", Phase::Install);
    let built = bench.build().ok();
    let told = built.events.iter().any(|event| {
        matches!(event, Event::Started(a) if a.element.as_deref() == Some("quiet") && a.phase == Some(Phase::Install))
    });
    assert!(told, "{:#?}", built.events);
}
