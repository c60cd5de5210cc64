//! What every package manager promises, tried on apt with a small archive and a real dpkg tree, on dnf
//! and zypper with a small distribution and a real tree of rpm's, and on the simulated twin, which alone
//! needs no root.

mod archive;
#[path = "../../../tree/tests/common/mod.rs"]
mod common;
mod shaped;

use std::collections::BTreeSet;

use archive::Archive;
use dibhost_packages::apt::{Apt, AptOptions};
use dibhost_packages::dnf::Dnf;
use dibhost_packages::rpm::RpmOptions;
use dibhost_packages::simulated::{Offer, SimulatedArchive, SimulatedPackages};
use dibhost_packages::zypper::Zypper;
use dibhost_packages::{
    LockedPackage, PackageError, PackageManager, PackageSource, PackageSpec, Resolution, Wanted,
};
use dibhost_sys::Cancel;
use dibhost_tree::{Output, Scope, SimulatedTarget, Workshop};
use shaped::Shaped;

/// A package manager and its tree.
struct Case<'a> {
    manager: &'a mut dyn PackageManager,
    tree: &'a mut dyn Workshop,
    /// Has the archive offer one more.
    offer: &'a dyn Fn(&Offer),
    /// What every first tree has, beside the manager itself.
    base: &'a [&'a str],
    /// The tree's own package manager.
    own: &'a str,
    /// What versions have at their end.
    release: &'a str,
}

fn offers() -> Vec<Offer> {
    vec![
        Offer::essential("base", "1"),
        Offer::new("apt", "1", &[]),
        Offer::new("app", "1", &["lib"]),
        Offer::new("lib", "1", &[]),
        Offer::new("tool", "1", &["gear", "lib"]),
        Offer::new("gear", "1", &[]),
        Offer::new("needs-tool", "1", &["tool"]),
    ]
}

fn on_all(test: impl Fn(Case<'_>)) {
    on_the_twin(&test);
    on_apt(&test);
    on_dnf(&test);
    on_zypper(&test);
}

fn on_dnf(test: impl Fn(Case<'_>)) {
    on_rpm(test, |options| Box::new(Dnf::new(options).unwrap()));
}

fn on_zypper(test: impl Fn(Case<'_>)) {
    on_rpm(test, |options| Box::new(Zypper::new(options).unwrap()));
}

fn on_rpm(test: impl Fn(Case<'_>), manager: impl Fn(RpmOptions) -> Box<dyn PackageManager>) {
    let offers: Vec<Offer> =
        offers().into_iter().filter(|o| !["base", "apt"].contains(&o.name.as_str())).collect();
    let shaped = Shaped::new(&offers);
    let mut bench = common::start(Some(512 << 20));
    let mut manager = manager(shaped.options(bench.folder.path()));
    let base: Vec<&str> = shaped::BASE.into_iter().filter(|name| *name != "rpm").collect();
    test(Case {
        manager: manager.as_mut(),
        tree: &mut bench.worker,
        offer: &|offer| shaped.offer(offer),
        base: &base,
        own: "rpm",
        release: "-1",
    });
    bench.worker.stop().unwrap();
}

fn on_the_twin(test: impl Fn(Case<'_>)) {
    let archive = SimulatedArchive::new(offers());
    let mut manager = SimulatedPackages::new(archive.clone(), Vec::new());
    let programs = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
    let mut tree = SimulatedTarget::new(0, programs).unwrap();
    let offer = |offer: &Offer| archive.offer(offer.clone());
    let (tree, offer) = (&mut tree, &offer);
    test(Case { manager: &mut manager, tree, offer, base: &["base"], own: "apt", release: "" });
}

fn on_apt(test: impl Fn(Case<'_>)) {
    let archive = Archive::new(&offers());
    let mut bench = common::start(Some(512 << 20));
    let folder = bench.folder.path().to_owned();
    let mut manager = Apt::new(AptOptions {
        suite: "one".to_owned(),
        mirror: Some(archive.url()),
        components: Vec::new(),
        keys: vec![archive.key.clone()],
        arch: "amd64".to_owned(),
        cache: folder.join("cache"),
        work: folder.join("build"),
        packages: folder.join("tree/packages"),
        sources: Vec::new(),
    })
    .unwrap();
    let offer = |offer: &Offer| archive.offer(offer);
    let (tree, offer) = (&mut bench.worker, &offer);
    test(Case { manager: &mut manager, tree, offer, base: &["base"], own: "apt", release: "" });
    bench.worker.stop().unwrap();
}

impl Case<'_> {
    fn resolve(&mut self, wanted: &Wanted) -> Result<Resolution, PackageError> {
        self.manager.refresh(&Cancel::new()).unwrap();
        self.manager.resolve(Some(self.tree), wanted, &[], &Cancel::new())
    }

    fn carry_out(&mut self, wanted: &Wanted) -> Resolution {
        let resolution = self.resolve(wanted).unwrap();
        self.finish(&resolution);
        resolution
    }

    fn finish(&mut self, resolution: &Resolution) {
        let mut last = (0, 0);
        let mut progress = |done, total| last = (done, total);
        self.manager.fetch(resolution, &Cancel::new(), &mut progress).unwrap();
        assert_eq!(last, (resolution.size(), resolution.size()));
        self.manager.apply(self.tree, resolution, &[], &mut common::ignore).unwrap();
    }

    /// Carries out a first transaction with these, and the tree's own package manager.
    fn first(&mut self, names: &[&str]) -> Resolution {
        let install = [&[self.own], names].concat();
        self.carry_out(&Wanted { bootstrap: true, install: specs(&install), ..Wanted::default() })
    }

    fn build_only(&mut self, name: &str) -> Resolution {
        self.carry_out(&Wanted { build_only: specs(&[name]), ..Wanted::default() })
    }

    fn unneeded(&mut self, name: &str) -> Vec<String> {
        let (names, cancel) = ([name.to_owned()], Cancel::new());
        let mut gone =
            self.manager.remove_unneeded(self.tree, &names, &cancel, &mut common::ignore).unwrap();
        gone.sort_unstable();
        gone
    }

    /// Names and versions of what is there, beside what every first tree has.
    fn installed(&mut self) -> Vec<String> {
        let installed = self.manager.installed(self.tree).unwrap();
        let (base, others): (Vec<_>, Vec<_>) = installed
            .into_iter()
            .partition(|p| p.name == self.own || self.base.contains(&p.name.as_str()));
        assert_eq!(base.len(), self.base.len() + 1);
        let version = |version: &str| version.strip_suffix(self.release).unwrap().to_owned();
        let mut all: Vec<_> =
            others.into_iter().map(|p| format!("{} {}", p.name, version(&p.version))).collect();
        all.sort_unstable();
        all
    }

    /// Names of what was chosen for a first tree, beside what every one has.
    fn on_top(&self, resolution: &Resolution) -> BTreeSet<String> {
        let chosen: BTreeSet<&str> = names(resolution);
        let base: BTreeSet<&str> = self.base.iter().copied().chain([self.own]).collect();
        assert!(chosen.is_superset(&base), "{chosen:?}");
        chosen.difference(&base).map(|name| (*name).to_owned()).collect()
    }

    fn has(&mut self, name: &str) -> bool {
        let path = common::path(&format!("/usr/share/packages/{name}"));
        self.tree.stat(&Scope::all(), &path).unwrap().is_some()
    }
}

fn specs(names: &[&str]) -> Vec<PackageSpec> {
    names.iter().map(|name| PackageSpec::newest(name)).collect()
}

fn names(resolution: &Resolution) -> BTreeSet<&str> {
    resolution.packages.iter().map(|p| p.name.as_str()).collect()
}

#[test]
fn a_first_tree_is_made_and_takes_more() {
    on_all(|mut case| {
        let first = case.first(&["app"]);
        assert_eq!(case.on_top(&first), ["app", "lib"].map(str::to_owned).into());
        let of = |name: &str| first.packages.iter().find(|p| p.name == name).unwrap();
        assert!(case.base.iter().all(|name| of(name).essential) && !of("app").essential);
        assert!(of("app").requested && !of("lib").requested);
        assert!(first.packages.iter().all(|p| p.sha256.len() == 64 && !p.upgrade));
        assert_eq!(case.installed(), ["app 1", "lib 1"]);
        let more =
            Wanted { install: specs(&["gear"]), remove: vec!["app".into()], ..Wanted::default() };
        let second = case.carry_out(&more);
        assert_eq!(names(&second), ["gear"].into());
        assert_eq!(second.removals, ["app"]);
        assert!(case.has("gear") && !case.has("app"));
        assert!(case.resolve(&more).unwrap().is_empty());
    });
}

#[test]
fn build_only_takes_away_what_came_with_it() {
    on_all(|mut case| {
        case.first(&["app"]);
        let before = case.installed();
        assert_eq!(names(&case.build_only("tool")), ["gear", "tool"].into());
        assert!(case.has("gear") && case.has("tool"));
        assert_eq!(case.unneeded("tool"), ["gear", "tool"]);
        assert_eq!(case.installed(), before);
        assert!(!case.has("gear") && !case.has("tool") && case.has("lib"));
    });
}

#[test]
fn what_was_there_before_build_only_stays() {
    on_all(|mut case| {
        case.first(&["app"]);
        // Nothing needs `lib` any more, until `tool` comes.
        case.carry_out(&Wanted { remove: vec!["app".to_owned()], ..Wanted::default() });
        case.build_only("tool");
        assert_eq!(case.unneeded("tool"), ["gear", "tool"]);
        assert!(case.has("lib"));
    });
}

#[test]
fn build_only_of_the_first_transaction_goes_with_its_own_too() {
    on_all(|mut case| {
        let wanted = Wanted {
            bootstrap: true,
            install: specs(&[case.own]),
            build_only: specs(&["tool"]),
            ..Wanted::default()
        };
        let first = case.carry_out(&wanted);
        assert_eq!(case.on_top(&first), ["gear", "lib", "tool"].map(str::to_owned).into());
        assert_eq!(case.unneeded("tool"), ["gear", "lib", "tool"]);
        assert_eq!(case.installed(), Vec::<String>::new());
    });
}

#[test]
fn build_only_stays_when_another_package_needs_it() {
    on_all(|mut case| {
        case.first(&["needs-tool"]);
        case.build_only("tool");
        assert_eq!(case.unneeded("tool"), Vec::<String>::new());
        assert!(case.has("tool") && case.has("gear"));
    });
}

#[test]
fn what_is_asked_for_later_is_no_dependency_any_more() {
    on_all(|mut case| {
        case.first(&["app"]);
        case.build_only("tool");
        // It came with `tool`, and now somebody wants it.
        case.carry_out(&Wanted { install: specs(&["gear"]), ..Wanted::default() });
        assert_eq!(case.unneeded("tool"), ["tool"]);
        assert!(case.has("gear"));
    });
}

#[test]
fn all_is_upgraded_but_what_is_held() {
    on_all(|mut case| {
        case.first(&["app"]);
        (case.offer)(&Offer::new("app", "2", &["lib"]));
        (case.offer)(&Offer::new("lib", "2", &[]));
        assert!(case.resolve(&Wanted::default()).unwrap().is_empty());
        case.manager.hold(case.tree, &["lib".to_owned()]).unwrap();
        let upgrade = Wanted { upgrade_all: true, ..Wanted::default() };
        let resolution = case.carry_out(&upgrade);
        assert_eq!(names(&resolution), ["app"].into());
        assert!(resolution.packages[0].upgrade);
        assert_eq!(case.installed(), ["app 2", "lib 1"]);
        // An upgrade marks nothing as a dependency: `app` stays asked for.
        assert_eq!(case.unneeded("gear"), Vec::<String>::new());
        assert!(case.has("app"));
    });
}

#[test]
fn a_hold_of_what_is_not_there_is_refused() {
    on_all(|mut case| {
        case.first(&[]);
        let error = case.manager.hold(case.tree, &["no-such-package".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("holding packages at their version"), "{error}");
        let _ = case.installed();
    });
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    on_all(|mut case| {
        case.first(&["app"]);
        let absent = Wanted { install: specs(&["no-such-package"]), ..Wanted::default() };
        let error = case.resolve(&absent).unwrap_err();
        assert!(matches!(error, PackageError::Unresolvable(_)), "{error:?}");
        assert!(error.to_string().contains("no-such-package"), "{error}");
        let both =
            Wanted { install: specs(&["gear"]), remove: vec!["gear".into()], ..Wanted::default() };
        let error = case.resolve(&both).unwrap_err().to_string();
        assert!(error.contains("`gear` is to be installed and to be removed"), "{error}");
    });
}

#[test]
fn modules_and_groups_are_refused_where_there_are_none() {
    // dnf, which knows both, has neither of these.
    on_all(|mut case| {
        case.first(&[]);
        let module = Wanted { modules: vec!["perl:5.32".to_owned()], ..Wanted::default() };
        let group = Wanted { groups: vec!["core".to_owned()], ..Wanted::default() };
        for (wanted, named) in [(module, "the module `perl:5.32`"), (group, "packages `core`")] {
            let error = case.resolve(&wanted).unwrap_err();
            assert!(matches!(error, PackageError::Unresolvable(_)), "{error:?}");
            assert!(error.to_string().contains(named), "{error}");
        }
    });
}

#[test]
fn what_is_locked_is_had_or_nothing_is() {
    on_all(|mut case| {
        case.first(&[]);
        let wanted = Wanted { install: specs(&["app"]), ..Wanted::default() };
        let locked: Vec<LockedPackage> =
            case.resolve(&wanted).unwrap().packages.iter().map(LockedPackage::from).collect();
        (case.offer)(&Offer::new("lib", "2", &[]));
        let newer = case.resolve(&wanted).unwrap();
        assert!(newer.packages.iter().any(|p| p.name == "lib" && p.version.starts_with('2')));
        let same = case.manager.resolve(Some(case.tree), &wanted, &locked, &Cancel::new()).unwrap();
        assert_eq!(
            same.packages.iter().map(LockedPackage::from).collect::<BTreeSet<_>>(),
            locked.iter().cloned().collect()
        );
        let error = case.manager.resolve(Some(case.tree), &wanted, &locked[..1], &Cancel::new());
        assert!(matches!(error, Err(PackageError::Locked(_))), "{error:?}");
        let mut other = locked.clone();
        other[0].sha256 = "0".repeat(64);
        let error = case.manager.resolve(Some(case.tree), &wanted, &other, &Cancel::new());
        assert!(matches!(error, Err(PackageError::Locked(_))), "{error:?}");
    });
}

#[test]
fn who_cancels_is_told_so() {
    on_all(|case| {
        let cancel = Cancel::new();
        cancel.cancel();
        let error = case.manager.refresh(&cancel).unwrap_err();
        assert!(matches!(error, PackageError::Cancelled), "{error:?}");
    });
}

#[test]
fn an_added_source_reaches_the_image_with_its_key() {
    let folder = tempfile::TempDir::new().unwrap();
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----";
    let source = |name: &str, url: &str| PackageSource {
        name: name.to_owned(),
        url: url.to_owned(),
        suites: vec!["stable".to_owned()],
        components: vec!["main".to_owned()],
        priority: Some(500),
        key: key.to_owned(),
        cost: None,
        module_hotfixes: false,
        build_only: false,
    };
    let for_the_build =
        PackageSource { build_only: true, ..source("bench", "https://bench.example/apt") };
    let mut apt = Apt::new(AptOptions {
        suite: "one".to_owned(),
        mirror: Some("https://m.example/debian".to_owned()),
        components: Vec::new(),
        keys: vec![key.to_owned()],
        arch: "amd64".to_owned(),
        cache: folder.path().join("cache"),
        work: folder.path().join("build"),
        packages: folder.path().join("packages"),
        sources: vec![
            source("tool", "https://tool.example/apt"),
            source("here", "file:/srv/here"),
            for_the_build,
        ],
    })
    .unwrap();
    let programs = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
    let mut tree = SimulatedTarget::new(0, programs).unwrap();
    apt.write_sources(&mut tree).unwrap();
    let read = |path: &str| std::fs::read_to_string(tree.tree().join(path)).unwrap();
    assert_eq!(
        read("etc/apt/sources.list.d/tool.sources"),
        "Types: deb\nURIs: https://tool.example/apt\nSuites: stable\nComponents: main\n\
         Signed-By: /etc/apt/keyrings/tool.asc\n"
    );
    assert_eq!(read("etc/apt/keyrings/tool.asc"), format!("{key}\n"));
    assert!(read("etc/apt/preferences.d/tool.pref").contains("origin \"tool.example\""));
    // A folder of the builder is nothing that an image could reach, and what is for the build alone
    // is nothing that it should.
    for folder in ["sources.list.d", "keyrings", "preferences.d"] {
        let names = std::fs::read_dir(tree.tree().join("etc/apt").join(folder)).unwrap();
        assert_eq!(names.count(), 1, "{folder}");
    }
}
