//! Transactions, deferral, and what is taken away again.

use dibhost_packages::simulated::{Offer, RECORD, SOURCES};
use dibhost_plan::fact::Fact;
use dibhost_plan::wish::{Bootstrap, Repository, RpmLocation, RpmRepository};
use dibhost_plan::{GroupWant, ModuleWant, Phase, PlannedRepository};
use dibhost_sys::Program;
use serde_json::json;

use crate::bench::{Bench, repository, want};

fn names(record: &str) -> Vec<&str> {
    record.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn dependencies_come_along_and_are_marked() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).install.push(want("app"));
    let built = bench.build().ok();
    let record = built.read(RECORD).unwrap();
    assert_eq!(record, "app 1 manual\nbase 1 manual\nlib 1 automatic\nshell 1 manual\n");
}

#[test]
fn build_only_takes_its_own_dependencies_with_it_and_no_others() {
    let mut bench = Bench::new();
    let first = bench.transaction(Phase::Root);
    first.build_only.push(want("tool"));
    first.install.push(want("app"));
    let built = bench.build().ok();
    let record = built.read(RECORD).unwrap();
    assert_eq!(names(&record), ["app", "base", "lib", "shell"]);
    assert!(built.read("/usr/share/packages/gear").is_none());
}

#[test]
fn what_was_there_before_stays_though_only_the_build_needed_it() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).install.push(want("app"));
    // `lib` came with `app`, which goes again; then `tool` needs it.
    bench.transaction(Phase::PreInstall).remove.push(want("app"));
    bench.transaction(Phase::Install).build_only.push(want("tool"));
    let built = bench.build().ok();
    assert_eq!(names(&built.read(RECORD).unwrap()), ["base", "lib", "shell"]);
}

#[test]
fn build_only_stays_when_a_package_of_the_image_needs_it() {
    let mut bench = Bench::new();
    bench.offers.push(Offer::new("needs-tool", "1", &["tool"]));
    let first = bench.transaction(Phase::Root);
    first.build_only.push(want("tool"));
    first.install.push(want("needs-tool"));
    let built = bench.build().ok();
    assert!(names(&built.read(RECORD).unwrap()).contains(&"tool"));
}

#[test]
fn upgrade_all_brings_what_is_there_up_to_date() {
    let mut bench = Bench::new();
    // The version that the first transaction asks for is an old one.
    bench.offers.push(Offer::new("app", "2", &["lib"]));
    let mut old = want("app");
    old.version = Some("1".to_owned());
    bench.transaction(Phase::Root).install.push(old);
    let kept = bench.build().ok();
    assert!(kept.read(RECORD).unwrap().contains("app 1 manual"));
    bench.transaction(Phase::PostInstall).upgrade_all = true;
    let built = bench.build().ok();
    assert!(built.read(RECORD).unwrap().contains("app 2 manual"));
}

#[test]
fn what_is_held_is_not_upgraded() {
    let mut bench = Bench::new();
    bench.offers.push(Offer::new("app", "2", &["lib"]));
    let mut old = want("app");
    old.version = Some("1".to_owned());
    let first = bench.transaction(Phase::Root);
    first.install.push(old);
    first.hold.push(want("app"));
    bench.transaction(Phase::PostInstall).upgrade_all = true;
    let built = bench.build().ok();
    assert!(built.read(RECORD).unwrap().contains("app 1 manual held"));
}

#[test]
fn an_added_repository_reaches_the_images_own_sources() {
    let built = Bench::full().build().ok();
    let source = built.read(&format!("{SOURCES}/extra")).unwrap();
    assert_eq!(source, "https://extra.example\nKEY\n");
}

#[test]
fn a_repository_of_the_build_is_resolved_from_and_not_in_the_image() {
    let mut bench = Bench::new();
    let first = bench.transaction(Phase::Root);
    first.repositories.push(repository("bench", true));
    first.install.push(want("app"));
    let built = bench.build().ok();
    assert!(names(&built.read(RECORD).unwrap()).contains(&"app"));
    assert!(built.read(&format!("{SOURCES}/bench")).is_none());
    assert_eq!(built.only(&["sources"]), ["sources"]);
    let all = Bench::full().build().ok();
    let folder = all.tree.inner.tree().join(&SOURCES[1..]);
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["extra"]);
}

#[test]
fn what_no_package_manager_here_knows_ends_the_build_by_name() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).repositories.push(PlannedRepository {
        repository: Repository::Rpm(RpmRepository {
            name: "epel".to_owned(),
            url: "https://rpm.example".to_owned(),
            location: RpmLocation::Metalink,
            keys: vec!["KEY".to_owned()],
            priority: None,
            cost: None,
            module_hotfixes: false,
            build_only: false,
        }),
        ..repository("epel", false)
    });
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("the repository `epel` is named by a metalink"), "{failure}");
    let wanted_by = Vec::new;
    let mut bench = Bench::new();
    let (name, stream) = ("perl".to_owned(), "5.32".to_owned());
    let module = ModuleWant { name, stream, wanted_by: wanted_by() };
    bench.transaction(Phase::Root).modules.push(module);
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("the module `perl:5.32` is wished for"), "{failure}");
    let mut bench = Bench::new();
    let group = GroupWant { id: "core".to_owned(), wanted_by: wanted_by() };
    bench.transaction(Phase::Root).groups.push(group);
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("the group of packages `core` is wished for"), "{failure}");
}

#[test]
fn what_is_deferred_runs_once_before_its_phase_and_not_before() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).install.push(want("app"));
    bench.deferred(Phase::Finalise);
    bench.idle("before", Phase::PreFinalise);
    bench.idle("after", Phase::Finalise);
    let built = bench.build().ok();
    assert!(built.before("step before", "deferred"));
    assert!(built.before("exec refresh-images", "step after"));
    let runs = built.only(&["exec"]).iter().filter(|c| c.contains("refresh-images")).count();
    assert_eq!(runs, 1);
}

#[test]
fn nothing_is_run_that_nobody_deferred() {
    let mut bench = Bench::new();
    bench.deferred(Phase::Finalise);
    let built = bench.build().ok();
    assert_eq!(built.only(&["deferred"]), Vec::<&str>::new());
}

#[test]
fn packages_without_a_first_tree_are_refused_with_what_to_do() {
    let mut bench = Bench::empty();
    bench.transaction(Phase::Install).install.push(want("app"));
    let built = bench.build();
    let failure = built.failure();
    assert!(failure.message.contains("no element made a first tree"), "{failure}");
    assert!(failure.help.as_deref().unwrap().contains("debian-minimal"));
    assert_eq!(failure.phase, Some(Phase::Install));
    assert!(built.files.is_empty());
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).install.push(want("no-such"));
    let built = bench.build();
    let failure = built.failure().to_string();
    assert!(failure.contains("there is no package `no-such`"), "{failure}");
    assert!(failure.contains("having the package `no-such`, which `x` wishes for"), "{failure}");
    assert!(failure.contains("while carrying out `resolve packages`"), "{failure}");
}

#[test]
fn a_package_whose_script_fails_ends_the_build() {
    let mut bench = Bench::new();
    bench.statuses.insert("configure".to_owned(), 3);
    let built = bench.build();
    let failure = built.failure().to_string();
    assert!(failure.contains("no such luck"), "{failure}");
    assert!(failure.contains("while carrying out `install"), "{failure}");
}

#[test]
fn a_hold_of_what_is_not_there_is_refused() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).hold.push(want("tool"));
    let built = bench.build();
    let failure = built.failure().to_string();
    assert!(failure.contains("`tool` is not installed"), "{failure}");
    assert!(failure.contains("while holding tool"), "{failure}");
}

/// A build whose first tree is an image of a container that says it is Debian.
fn of_a_container(os_release: &str) -> Bench {
    let mut bench = Bench::new();
    let first = bench.transaction(Phase::Root).bootstrap.as_mut().unwrap();
    first.source = Bootstrap::Container("registry.example/debian@sha256:0".to_owned());
    bench.plan.facts.push(Fact {
        slot: "dib:os/distribution@1".to_owned(),
        provider: "container".to_owned(),
        phase: Phase::Root,
        step: None,
        key: String::new(),
        value: json!({
            "id": "debian", "version-id": "12", "codename": "bookworm", "package-manager": "simulated"
        }),
    });
    let script = format!(
        "cd \"$(mktemp -d)\" && mkdir -p etc usr/share/packages && printf '{os_release}' > etc/os-release \
         && echo from-the-image > etc/motd && tar -c ."
    );
    bench.tar = vec![Program::new("sh").args(["-c", &script])];
    bench
}

#[test]
fn packages_come_into_a_tree_that_somebody_else_made() {
    let mut bench = of_a_container("ID=debian\\nVERSION_ID=\"12\"\\n");
    bench.transaction(Phase::Root).install.push(want("app"));
    let built = bench.build().ok();
    assert_eq!(built.read("/etc/motd").unwrap(), "from-the-image\n");
    assert_eq!(names(&built.read(RECORD).unwrap()), ["app", "lib"]);
    assert!(built.before("archives", "lay down"));
    assert_eq!(built.only(&["refresh"]).len(), 1, "{:#?}", built.calls);
    // Nothing is asked of a package manager where nothing is wished of it.
    let built = of_a_container("ID=debian\\nVERSION_ID=12.5\\n").build().ok();
    assert!(built.read(RECORD).is_none());
    assert!(!built.calls.iter().any(|call| call.starts_with("refresh")), "{:#?}", built.calls);
}

#[test]
fn a_tree_that_is_another_system_than_is_said_is_refused() {
    for (is, said) in [
        ("ID=ubuntu\\nVERSION_ID=24.04\\n", "says that it is `ubuntu 24.04`"),
        ("ID=debian\\nVERSION_ID=120\\n", "says that it is `debian 120`"),
        ("", "does not say what it is"),
    ] {
        let built = of_a_container(is).build();
        let failure = built.failure();
        assert!(failure.message.contains(said), "{failure}");
        assert!(failure.message.ends_with("what makes it says `debian 12`"), "{failure}");
        assert!(built.files.is_empty());
    }
}
