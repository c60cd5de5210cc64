//! Somebody who looks into the tree on the way.

use dibhost_engine::{Reuse, around};
use dibhost_layers::store::Store;
use dibhost_plan::Phase;
use dibhost_sys::Cancel;
use tempfile::TempDir;

use crate::bench::{Bench, run};
use crate::tree::memory;
use dibhost_element::RunAnswer;

#[test]
fn a_build_stops_before_an_action_or_behind_it() {
    let folder = TempDir::new_in(memory()).unwrap();
    let store = Store::open(&folder.path().join("store"), &Cancel::new()).unwrap();
    for layers in [false, true, true] {
        let mut bench = Bench::full();
        bench.layers = layers.then(|| (store.clone(), Reuse::All));
        let actions = dibhost_plan::actions(&bench.plan);
        // One of several steps of its phase, which run side by side.
        let (before, behind) = around(&actions, "first").unwrap();
        assert_eq!(around(&actions, "in-install").unwrap(), (before, behind));
        assert!(around(&actions, "nobody").is_none());
        for (stop, is_there) in [(before, false), (behind, true)] {
            bench.looks = Some(Some(stop));
            let built = bench.build().ok();
            assert_eq!(built.saw, ["reached"]);
            assert_eq!(built.read("/srv/first").is_some(), is_there, "{layers}");
            assert_eq!(built.read("/srv/wished/install").as_deref(), Some("wished"));
            assert_eq!(built.read("/srv/post-install"), None);
            let last = built.calls.last().unwrap();
            assert_eq!(last, "exec app-setup", "{:#?}", built.calls);
            assert!(built.only(&["make", "publish"]).is_empty());
            assert!(!built.files.iter().any(|name| name.starts_with("image")), "{:?}", built.files);
        }
    }
    // What somebody may have done to the tree is in no layer: the whole build is as without.
    let whole = |layers| {
        let mut bench = Bench::full();
        bench.layers = layers;
        crate::tree::listing(&bench.build().ok().tree.inner.tree())
    };
    assert_eq!(whole(Some((store, Reuse::All))), whole(None));
}

#[test]
fn who_looks_after_a_failure_sees_the_tree_that_failed() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).install.push(crate::bench::want("app"));
    bench.file(Phase::Install, "/srv/wished", "wished");
    bench.step("fails", Phase::Install, &[("exec", "true")], |scene| {
        run(scene, "broken")?;
        Ok(RunAnswer::done())
    });
    bench.statuses.insert("broken".to_owned(), 3);
    bench.looks = Some(None);
    let built = bench.build();
    let failure = built.failure().to_string();
    assert_eq!(built.saw.len(), 1);
    assert!(built.saw[0].contains("the program failed"), "{:?}", built.saw);
    assert!(failure.contains("the program failed"), "{failure}");
    assert_eq!(built.calls.last().unwrap(), "exec app-setup");
    assert_eq!(built.read("/srv/wished").as_deref(), Some("wished"));
    // One that ends well is looked into by nobody.
    bench.statuses.clear();
    assert!(bench.build().ok().saw.is_empty());
}
