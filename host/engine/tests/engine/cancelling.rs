//! A build that is cancelled: in each phase, and at each kind of work.

use dibhost_plan::Phase;

use crate::bench::{Bench, Built};

fn is_cancelled(built: &Built, at: &str) {
    let failure = built.failure();
    assert!(failure.cancelled, "{at}: {failure}");
    assert!(built.files.is_empty(), "{at}: {:?}", built.files);
}

#[test]
fn a_build_is_cancelled_in_each_phase() {
    for phase in Phase::ALL {
        let mut bench = Bench::full();
        bench.step("long", phase, &[], |scene| {
            loop {
                scene.check()?;
                std::thread::yield_now();
            }
        });
        bench.cancel_at = Some(format!("step long {phase}"));
        let built = bench.build();
        is_cancelled(&built, phase.name());
        assert_eq!(built.failure().phase, Some(phase));
        let later = Phase::ALL.into_iter().filter(|later| *later > phase);
        for later in later {
            let called =
                |call: &String| call.starts_with("step") && call.ends_with(&format!(" {later}"));
            assert!(!built.calls.iter().any(called), "{later} after {phase}");
        }
    }
}

#[test]
fn a_build_is_cancelled_while_packages_are_worked_on() {
    for at in ["base", "refresh", "resolve", "fetch", "install", "unneeded"] {
        let mut bench = Bench::full();
        bench.cancel_at = Some(at.to_owned());
        is_cancelled(&bench.build(), at);
    }
}

#[test]
fn a_build_is_cancelled_while_its_output_is_made() {
    for at in ["installed", "clamp", "make", "publish"] {
        let mut bench = Bench::full();
        bench.cancel_at = Some(at.to_owned());
        is_cancelled(&bench.build(), at);
    }
}

#[test]
fn a_build_that_is_cancelled_before_it_begins_asks_for_nothing() {
    let mut bench = Bench::full();
    bench.cancelled = true;
    let built = bench.build();
    is_cancelled(&built, "the beginning");
    assert_eq!(built.calls, Vec::<String>::new());
}
