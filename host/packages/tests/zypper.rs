//! zypper with a small distribution, and a real tree of rpm's; what it shares with dnf is tried there. Needs
//! root, `zypper`, `rpm`, `createrepo-c` and `gnupg`.

#[path = "../../tree/tests/common/mod.rs"]
mod common;
#[path = "both/shaped.rs"]
mod shaped;

use dibhost_packages::rpm::RpmOptions;
use dibhost_packages::simulated::Offer;
use dibhost_packages::zypper::Zypper;
use dibhost_packages::{
    LockedPackage, PackageError, PackageManager as _, PackageSource, PackageSpec, Resolution,
    Wanted,
};
use dibhost_sys::Cancel;
use dibhost_tree::{Output, SimulatedTarget};
use shaped::Shaped;
use tempfile::TempDir;

fn specs(names: &[&str]) -> Vec<PackageSpec> {
    names.iter().map(|name| PackageSpec::newest(name)).collect()
}

/// For an empty tree.
fn first(names: &[&str]) -> Wanted {
    Wanted { bootstrap: true, install: specs(names), ..Wanted::default() }
}

fn solve(zypper: &mut Zypper, wanted: &Wanted) -> Result<Resolution, PackageError> {
    zypper.refresh(&Cancel::new())?;
    zypper.resolve(None, wanted, &[], &Cancel::new())
}

fn on_top(resolution: &Resolution) -> Vec<String> {
    let others = resolution.packages.iter().filter(|p| !shaped::BASE.contains(&p.name.as_str()));
    let mut all: Vec<_> = others.map(|p| format!("{} {}", p.name, p.version)).collect();
    all.sort_unstable();
    all
}

/// What is said of a first tree with these.
fn refused(wanted: &Wanted) -> String {
    let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
    let mut zypper = Zypper::new(shaped.options(folder.path())).unwrap();
    let error = solve(&mut zypper, wanted).unwrap_err();
    assert!(matches!(error, PackageError::Unresolvable(_)), "{error:?}");
    error.to_string()
}

#[test]
fn what_cannot_be_is_named() {
    let said = refused(&first(&["no-such-package"]));
    assert!(said.contains("no repository has a package `no-such-package`"), "{said}");
    let said = refused(&first(&["needs-needs-absent"]));
    assert!(said.contains("nothing provides absent needed by needs-absent-1-1.noarch"), "{said}");
    let said = refused(&Wanted { modules: vec!["streamed:one".to_owned()], ..first(&[]) });
    assert!(said.contains("the module `streamed:one` is wished for"), "{said}");
    let version = PackageSpec { name: "kernel-core".to_owned(), version: Some("9".to_owned()) };
    let said = refused(&Wanted { install: vec![version], ..first(&[]) });
    assert!(said.contains("`kernel-core=9`"), "{said}");
    // What only provides a name is no package of it.
    let said = refused(&first(&["system-release"]));
    assert!(said.contains("no repository has a package `system-release`"), "{said}");
}

#[test]
fn a_pattern_brings_what_it_needs() {
    let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
    let with = |weak_dependencies| {
        let options = RpmOptions { weak_dependencies, ..shaped.options(folder.path()) };
        let wanted = Wanted { groups: vec!["tools".to_owned()], ..first(&[]) };
        on_top(&solve(&mut Zypper::new(options).unwrap(), &wanted).unwrap())
    };
    assert_eq!(with(false), ["grouped-mandatory 1-1", "patterns-tools 1-1"]);
    assert_eq!(with(true), ["grouped-default 1-1", "grouped-mandatory 1-1", "patterns-tools 1-1"]);
}

#[test]
fn versions_are_had_and_kept() {
    let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
    let mut zypper = Zypper::new(shaped.options(folder.path())).unwrap();
    for (version, expected) in [(None, "2-1"), (Some("1"), "1-1"), (Some("1-1"), "1-1")] {
        let version = version.map(str::to_owned);
        let spec = PackageSpec { name: "kernel-core".to_owned(), version };
        let resolution = solve(&mut zypper, &Wanted { install: vec![spec], ..first(&[]) }).unwrap();
        assert_eq!(on_top(&resolution), ["dracut 1-1", &format!("kernel-core {expected}")]);
        if expected == "2-1" {
            continue;
        }
        // Locked, it is had though there is a newer one.
        let locked: Vec<_> = resolution.packages.iter().map(LockedPackage::from).collect();
        let again =
            zypper.resolve(None, &first(&["kernel-core"]), &locked, &Cancel::new()).unwrap();
        assert_eq!(on_top(&again), ["dracut 1-1", "kernel-core 1-1"]);
    }
}

#[test]
fn a_tree_that_has_a_zypper_knows_what_came_as_a_dependency() {
    let lib = Offer::new("lib", "1", &[]);
    let shaped = Shaped::new(&[Offer::new("app", "1", &["lib"]), lib]);
    let mut bench = common::start(Some(512 << 20));
    let mut zypper = Zypper::new(shaped.options(bench.folder.path())).unwrap();
    let mut carry_out = |bench: &mut common::Bench, wanted: &Wanted| {
        zypper.refresh(&Cancel::new()).unwrap();
        let worker = &mut bench.worker;
        let resolution = zypper.resolve(Some(worker), wanted, &[], &Cancel::new()).unwrap();
        zypper.fetch(&resolution, &Cancel::new(), &mut |_, _| ()).unwrap();
        zypper.apply(worker, &resolution, &[], &mut common::ignore).unwrap();
    };
    carry_out(&mut bench, &first(&[]));
    let noted = "cat /var/lib/zypp/AutoInstalled 2>/dev/null || echo none";
    assert_eq!(common::sh(&mut bench.worker, noted), "none");
    common::sh(&mut bench.worker, "mkdir /var/lib/zypp");
    carry_out(&mut bench, &Wanted { bootstrap: false, ..first(&["app"]) });
    assert_eq!(common::sh(&mut bench.worker, noted), "lib");
    bench.worker.stop().unwrap();
}

#[test]
fn a_package_that_no_key_signed_is_refused() {
    let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
    let mut zypper = Zypper::new(shaped.options(folder.path())).unwrap();
    let resolution = solve(&mut zypper, &first(&["unsigned"])).unwrap();
    let error = zypper.fetch(&resolution, &Cancel::new(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, PackageError::PackageSignature { .. }), "{error:?}");
}

#[test]
fn another_release_of_the_distribution_is_refused() {
    let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
    let options = RpmOptions { release: "2".to_owned(), ..shaped.options(folder.path()) };
    let error = solve(&mut Zypper::new(options).unwrap(), &first(&[])).unwrap_err();
    assert!(error.to_string().contains("of the release 1-1 of the distribution"), "{error}");
}

#[test]
fn nothing_of_the_builders_own_configuration_is_read() {
    const INSIDE: &str = "DIBHOST_TEST_INSIDE";
    if std::env::var(INSIDE).is_ok() {
        let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
        let mut zypper = Zypper::new(shaped.options(folder.path())).unwrap();
        let resolution = solve(&mut zypper, &first(&["advising"])).unwrap();
        assert_eq!(on_top(&resolution), ["advising 1-1"]);
        assert_eq!(std::fs::read_dir("/var/log").unwrap().count(), 0);
        return;
    }
    drop(Shaped::new(&[]));
    let etc = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = etc.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file("zypp/zypp.conf", "[main]\narch = s390x\nsolver.onlyRequires = false\n");
    file("zypp/zypper.conf", "[solver]\ninstallRecommends = yes\n");
    file("zypp/repos.d/x.repo", "[x]\nname=x\nbaseurl=http://127.0.0.1:1/\nenabled=1\n");
    file(
        "zypp/locks",
        "\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: *\n\n",
    );
    file("rpm/macros", "%_dbpath /nowhere\n");
    let script = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/log && \
        mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w overlay /etc && \
        mount --bind /mnt/log /var/log && \
        for d in zypp rpm; do mkdir -p /etc/$d; mount --bind \"$1/$d\" /etc/$d; done && \
        exec \"$2\" --exact nothing_of_the_builders_own_configuration_is_read --nocapture";
    let status = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(etc.path())
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "yes")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_tree_has_its_locks_and_its_repositories_where_zypper_looks() {
    let (shaped, folder) = (Shaped::new(&[]), TempDir::new().unwrap());
    let mut options = shaped.options(folder.path());
    options.sources = vec![PackageSource {
        name: "tool".to_owned(),
        url: "https://tool.example/$releasever".to_owned(),
        suites: Vec::new(),
        components: Vec::new(),
        priority: None,
        key: shaped.key.clone(),
        cost: None,
        module_hotfixes: false,
        build_only: false,
    }];
    let mut zypper = Zypper::new(options).unwrap();
    let programs = Box::new(|_: &_, _: &mut dyn FnMut(_)| {
        let stdout = b"lib\t1-1\tnoarch\n".to_vec();
        Ok(Output { stdout, ..Output::default() })
    });
    let mut tree = SimulatedTarget::new(0, programs).unwrap();
    std::fs::create_dir_all(tree.tree().join("usr/bin")).unwrap();
    std::fs::write(tree.tree().join("usr/bin/rpm"), "").unwrap();
    zypper.write_sources(&mut tree).unwrap();
    zypper.hold(&mut tree, &["lib".to_owned()]).unwrap();
    let read = |path: &str| std::fs::read_to_string(tree.tree().join(path)).unwrap();
    assert!(read("etc/zypp/repos.d/tool.repo").contains("repo_gpgcheck=1\n"));
    assert!(read("etc/pki/rpm-gpg/RPM-GPG-KEY-tool").contains("BEGIN PGP PUBLIC KEY"));
    assert_eq!(
        read("etc/zypp/locks"),
        "\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: lib\n\n"
    );
}

#[test]
fn a_repository_may_come_before_another_that_has_a_newer_version() {
    let (later, sooner) = (Shaped::new(&[lib("2")]), Shaped::new(&[lib("1")]));
    let of = |priority| {
        let folder = TempDir::new().unwrap();
        let mut options = later.options(folder.path());
        options.sources = vec![PackageSource {
            name: "sooner".to_owned(),
            url: format!("copy:{}", sooner.repository().display()),
            suites: Vec::new(),
            components: Vec::new(),
            priority,
            key: sooner.key.clone(),
            cost: None,
            module_hotfixes: false,
            build_only: true,
        }];
        on_top(&solve(&mut Zypper::new(options).unwrap(), &first(&["lib"])).unwrap())
    };
    assert_eq!(of(Some(10)), ["lib 1-1"]);
    assert_eq!(of(None), ["lib 2-1"]);
}

fn lib(version: &str) -> Offer {
    Offer::new("lib", version, &[])
}
