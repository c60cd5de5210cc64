//! Builds that begin with what earlier ones made.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dibhost_engine::{Event, Level, Reuse};
use dibhost_layers::store::Store;
use dibhost_packages::simulated::Offer;
use dibhost_plan::description::Arity;
use dibhost_plan::{Observed, Phase};
use dibhost_sys::Cancel;
use serde_json::json;
use tempfile::TempDir;

use crate::bench::{Bench, Built, putting, run, want, write};
use crate::journal::{WAYS, Way};
use crate::tree::{Listing, listing, memory};
use dibhost_element::RunAnswer;

fn store() -> (TempDir, Store) {
    let folder = TempDir::new_in(memory()).unwrap();
    let store = Store::open(&folder.path().join("store"), &Cancel::new()).unwrap();
    (folder, store)
}

/// A store as another one is.
fn copy_of(folder: &Path) -> (TempDir, Store) {
    let copy = TempDir::new_in(memory()).unwrap();
    copy_folder(&folder.join("store"), &copy.path().join("store"));
    let store = Store::open(&copy.path().join("store"), &Cancel::new()).unwrap();
    (copy, store)
}

/// Copies what is in a folder, with its modes and times. (A program that did it would have to be started,
/// of a large process, hundreds of times.)
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&from, &to);
            continue;
        }
        fs::copy(&from, &to).unwrap();
        let found = entry.metadata().unwrap();
        let times = FileTimes::new().set_modified(found.modified().unwrap());
        File::open(&to).unwrap().set_times(times).unwrap();
    }
    fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
}

/// Everything that may be kept: packages of two transactions, accounts, files, units, steps, a file
/// beside the image.
fn bench(store: &Store) -> Bench {
    let mut bench = Bench::new();
    let first = bench.transaction(Phase::Root);
    first.install.push(want("app"));
    first.build_only.push(want("tool"));
    bench.transaction(Phase::PostInstall).install.push(want("late"));
    bench.group(Phase::Install, "staff").user(Phase::Install, "me", &["staff"]);
    bench.file(Phase::Install, "/srv/wished", "wished");
    bench.unit(Phase::PostInstall, "app.service").enable(Phase::PostInstall, "app.service");
    bench.deferred(Phase::Finalise);
    bench.step("one", Phase::Install, &[("rootfs", "write /")], |scene| {
        write(scene, "/srv/one", "x")?;
        Ok(putting(".beside", "of one"))
    });
    bench.step("two", Phase::Finalise, &[("rootfs", "write /"), ("exec", "true")], |scene| {
        run(scene, "app-setup")?;
        write(scene, "/srv/two", "x")?;
        Ok(RunAnswer::done())
    });
    bench.layers = Some((store.clone(), Reuse::All));
    bench
}

fn tree(built: &Built) -> Listing {
    listing(&built.tree.inner.tree())
}

fn beside(built: &Built) -> String {
    std::fs::read_to_string(built.out.path().join("image.beside")).unwrap()
}

const MADE: [&str; 6] = ["install", "step", "fetch", "restore", "pack", "exec"];

#[test]
fn nothing_is_made_twice() {
    let (_folder, store) = store();
    let bench = bench(&store);
    let first = bench.build().ok();
    assert_eq!(
        first.only(&["install", "restore", "step"]),
        ["install", "step one install", "install", "step two finalise"]
    );
    let second = bench.build().ok();
    let made = second.only(&MADE);
    assert_eq!(made.len(), 1, "{made:#?}");
    assert!(made[0].starts_with("restore "), "{made:#?}");
    assert_eq!(tree(&first), tree(&second));
    assert_eq!(beside(&second), "of one");
    // And it is what a build makes that knows of no other.
    let mut alone = self::bench(&store);
    alone.layers = None;
    assert_eq!(tree(&alone.build().ok()), tree(&second));
}

#[test]
fn what_is_before_a_change_is_kept_and_what_is_behind_it_is_made() {
    let (_folder, store) = store();
    bench(&store).build().ok();
    let mut changed = bench(&store);
    changed.file(Phase::PostInstall, "/srv/late", "new");
    let built = changed.build().ok();
    let calls = built.only(&["step", "restore", "install"]);
    assert!(calls[0].starts_with("restore "), "{calls:#?}");
    // `one` is restored, and so is the second transaction.
    assert_eq!(calls[1..], ["step two finalise"]);
    let mut alone = bench(&store);
    alone.layers = None;
    alone.file(Phase::PostInstall, "/srv/late", "new");
    assert_eq!(tree(&alone.build().ok()), tree(&built));
}

#[test]
fn other_packages_on_offer_are_another_tree() {
    let (_folder, store) = store();
    bench(&store).build().ok();
    let mut newer = bench(&store);
    newer.offers.push(Offer::new("app", "2", &["lib"]));
    let built = newer.build().ok();
    assert_eq!(built.only(&["restore"]), Vec::<&str>::new());
    // One that the first tree has not is of the later transaction alone.
    let mut late = bench(&store);
    late.offers.push(Offer::new("late", "2", &["lib"]));
    let calls = late.build().ok();
    let calls = calls.only(&["restore", "install", "step"]);
    assert!(calls[0].starts_with("restore "), "{calls:#?}");
    assert_eq!(calls[1..], ["install", "step two finalise"]);
}

#[test]
fn what_was_observed_comes_back_with_the_tree() {
    let (_folder, store) = store();
    let bench = |parameter: &str| {
        let mut bench = Bench::new();
        bench.layers = Some((store.clone(), Reuse::All));
        bench.plan.slots.push(crate::steps::slot(Arity::Many));
        bench
            .step("finds", Phase::Install, &[("rootfs", "write /")], |scene| {
                write(scene, "/srv/found", "x")?;
                let facts = vec![("x:y@1".to_owned(), String::new(), json!("it"))];
                let observed = Observed { facts, ..Observed::default() };
                Ok(RunAnswer { observed, ..RunAnswer::done() })
            })
            .writes
            .push("x:y@1".to_owned());
        let reads = bench.step("reads", Phase::Finalise, &[("rootfs", "write /")], |scene| {
            let said = scene.facts["x:y@1"].iter().map(|fact| fact.value.to_string());
            write(scene, "/srv/read", &said.collect::<String>())?;
            Ok(RunAnswer::done())
        });
        reads.reads.push("x:y@1".to_owned());
        reads.needs.push("x:y@1".to_owned());
        let parameters = &mut bench.plan.elements.last_mut().unwrap().parameters;
        parameters.insert("a".to_owned(), json!(parameter));
        bench
    };
    bench("one").build().ok();
    let built = bench("two").build().ok();
    assert_eq!(built.only(&["step"]), ["step reads finalise"]);
    assert_eq!(built.read("/srv/read").unwrap(), "\"it\"");
}

#[test]
fn nothing_is_kept_behind_a_secret() {
    let (_folder, store) = store();
    let bench = || {
        let mut bench = bench(&store);
        bench.password(Phase::PostInstall, "me");
        bench
    };
    bench().build().ok();
    let built = bench().build().ok();
    let calls = built.only(&["restore", "install", "step"]);
    assert!(calls[0].starts_with("restore "), "{calls:#?}");
    assert_eq!(calls[1..], ["step two finalise"]);
    assert!(built.calls.iter().any(|call| call.starts_with("exec chpasswd")));
    assert!(!contains(store.path(), b"pass phrase"));
}

/// Whether a file below a folder has these bytes in it.
fn contains(folder: &Path, bytes: &[u8]) -> bool {
    let files = listing(folder);
    assert!(files.values().any(|(_, content)| !content.is_empty()));
    files.values().any(|(_, content)| content.windows(bytes.len()).any(|part| part == bytes))
}

#[test]
fn what_is_not_what_was_kept_is_made_anew() {
    let (folder, store) = store();
    let expected = tree(&bench(&store).build().ok());
    let objects = folder.path().join("store/objects");
    let files: Vec<_> = listing(&objects).into_iter().filter(|(_, (_, c))| !c.is_empty()).collect();
    assert!(files.len() > 3, "{}", files.len());
    for (path, (_, content)) in files {
        for at in [0, content.len() / 2, content.len() - 1] {
            let path = objects.join(&path);
            if !path.exists() {
                continue;
            }
            let mut spoilt = content.clone();
            spoilt[at] ^= 1;
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, spoilt).unwrap();
            let built = bench(&store).build().ok();
            assert_eq!(tree(&built), expected, "{}", path.display());
        }
    }
    // And what was dropped is kept again.
    let built = bench(&store).build().ok();
    assert_eq!(built.only(&MADE).len(), 1, "{:#?}", built.only(&MADE));
}

#[test]
fn a_build_begins_before_the_step_that_is_named_and_what_it_makes_stays() {
    let (_folder, store) = store();
    let times = Arc::new(AtomicUsize::new(0));
    let counting = || {
        let mut bench = bench(&store);
        let times = Arc::clone(&times);
        bench.step("counts", Phase::Cleanup, &[("rootfs", "write /")], move |scene| {
            write(scene, "/srv/times", &times.fetch_add(1, Ordering::Relaxed).to_string())?;
            Ok(RunAnswer::done())
        });
        bench
    };
    counting().build().ok();
    let mut again = counting();
    again.layers = Some((store.clone(), Reuse::Before("two".to_owned())));
    let built = again.build().ok();
    let calls = built.only(&["restore", "install", "step"]);
    assert!(calls[0].starts_with("restore "), "{calls:#?}");
    assert_eq!(calls[1..], ["step two finalise", "step counts cleanup"]);
    // Not what was there before.
    let next = counting().build().ok();
    assert_eq!(next.only(&["step"]), Vec::<&str>::new());
    assert_eq!(next.read("/srv/times").unwrap(), "1");
}

#[test]
fn a_layer_that_stands_on_another_is_another_layer() {
    let (_folder, store) = store();
    let slow = |worth: u64, parameter: &str| {
        let mut bench = bench(&store);
        bench.worth = Duration::from_millis(worth);
        bench.step("slow", Phase::Cleanup, &[("rootfs", "write /")], |scene| {
            std::thread::sleep(Duration::from_millis(300));
            write(scene, "/srv/slow", "x")?;
            Ok(RunAnswer::done())
        });
        let parameters = &mut bench.plan.elements.last_mut().unwrap().parameters;
        parameters.insert("a".to_owned(), json!(parameter));
        bench
    };
    // One layer alone; then, below the place where it stands, several; and it fits on none of them.
    let expected = tree(&slow(250, "one").build().ok());
    slow(0, "two").build().ok();
    let built = slow(0, "one").build().ok();
    assert_eq!(tree(&built), expected);
    let dropped = |event: &Event| matches!(event, Event::Line { level: Level::Warning, .. });
    assert!(!built.events.iter().any(dropped), "{:#?}", built.events);
    assert_eq!(built.only(&["step"]), ["step slow cleanup"]);
}

#[test]
fn what_two_builds_want_at_once_is_made_once() {
    let (_folder, store) = store();
    let built: Vec<usize> = std::thread::scope(|scope| {
        let build = || {
            let mut bench = bench(&store);
            // The first tree alone is waited for.
            bench.plan.transactions.truncate(1);
            bench.build().ok().only(&["install"]).len()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(built.iter().sum::<usize>(), 1, "{built:?}");
}

/// What goes wrong with a layer is a failure, or costs time, and never another tree.
/// Lets each call of a build fail, of the first or the second one; how many builds failed of it.
fn fails_at_each_call(second: bool, way: Way, expected: &Listing) -> usize {
    let (before, store) = store();
    if second {
        bench(&store).build().ok();
    }
    let mut failed = 0;
    for at in 0.. {
        let (_folder, store) = copy_of(before.path());
        let mut faulty = bench(&store);
        faulty.fails = Some((at, way));
        let built = faulty.build();
        let came = built.calls.len() > at;
        match &built.result {
            Ok(_) => assert_eq!(&tree(&built), expected, "{second} {way:?} {at}"),
            Err(failure) => {
                assert!(came, "{failure}");
                failed += 1;
            }
        }
        // And the next one is right, whatever this one left.
        let next = bench(&store).build().ok();
        assert_eq!(&tree(&next), expected, "{second} {way:?} {at}: the next");
        if !came {
            break;
        }
    }
    failed
}

#[test]
fn whatever_fails_while_layers_are_used_no_other_tree_comes_of_it() {
    let expected = {
        let (_folder, store) = store();
        tree(&bench(&store).build().ok())
    };
    // Side by side: a look at a tree waits for the clock more than it works.
    let failed: usize = std::thread::scope(|scope| {
        let ways = [false, true].into_iter().flat_map(|second| WAYS.map(|way| (second, way)));
        let all = ways.map(|(second, way)| {
            let expected = &expected;
            scope.spawn(move || fails_at_each_call(second, way, expected))
        });
        let all: Vec<_> = all.collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(failed > 200, "{failed}");
}

#[test]
fn a_full_disk_of_the_store_costs_time_and_no_build() {
    let (_folder, store) = store();
    let first = bench(&store).build().ok();
    let packed = first.calls.iter().position(|call| call == "pack").unwrap();
    let (_folder, store) = self::store();
    let mut full = bench(&store);
    full.fails = Some((packed, Way::Full));
    let built = full.build().ok();
    let warned = |event: &Event| matches!(event, Event::Line { level: Level::Warning, text, .. } if text.contains("keeping a layer"));
    assert!(built.events.iter().any(warned));
    assert_eq!(tree(&built), tree(&first));
}

/// An action whose result depends on what no key has.
#[test]
fn what_a_key_forgot_is_found_by_making_all_again() {
    let (_folder, store) = store();
    let times = Arc::new(AtomicUsize::new(0));
    let bench = |reuse: Reuse, forgets: bool| {
        let mut bench = bench(&store);
        bench.layers = Some((store.clone(), reuse));
        bench.place = Some("image".into());
        let times = Arc::clone(&times);
        bench.step("reads", Phase::PostInstall, &[("rootfs", "write /")], move |scene| {
            let now = times.fetch_add(1, Ordering::Relaxed);
            write(scene, "/srv/sure", "x")?;
            write(scene, "/srv/clock", &"x".repeat(if forgets { now } else { 3 }))?;
            Ok(RunAnswer::done())
        });
        bench
    };
    let said = |built: &Built| {
        let lines = built.events.iter().filter_map(|event| match event {
            Event::Line { source, text, .. } if source == "layers" => Some(text.clone()),
            _ => None,
        });
        lines.collect::<Vec<_>>()
    };
    for forgets in [false, true] {
        let name = if forgets { "forgetful" } else { "good" };
        let bench = |reuse| {
            let mut bench = bench(reuse, forgets);
            // Another element: its actions have other keys.
            bench.file(Phase::Root, "/srv/which", name);
            bench
        };
        // Nothing is known of it yet.
        let none = bench(Reuse::Compared).build().ok();
        assert!(
            said(&none)[0].starts_with("there is nothing to compare with"),
            "{:?}",
            said(&none)
        );
        bench(Reuse::Before("make an empty tree".to_owned())).build().ok();
        let again = bench(Reuse::Compared).build();
        if !forgets {
            let again = again.ok();
            let told = said(&again);
            assert!(
                told[0].starts_with("made again, the image is what it was; it has"),
                "{told:?}"
            );
            assert_eq!(again.only(&["restore"]), Vec::<&str>::new());
            continue;
        }
        let text = again.failure().to_string();
        assert!(text.contains("`run `reads` in `post-install``"), "{text}");
        assert!(text.contains("`/srv/clock` otherwise"), "{text}");
        assert!(!text.contains("/srv/sure"), "{text}");
    }
}
