//! What is chosen, and what cannot be.

use std::path::Path;

use dibhost_packages::dnf::Dnf;
use dibhost_packages::simulated::Offer;
use dibhost_packages::{
    LockedPackage, PackageError, PackageManager as _, PackageSource, PackageSpec, Wanted,
};
use dibhost_sys::Cancel;

use crate::shaped::Shaped;
use crate::{first, folder, install, on_top, solve};

/// What is said of a first tree with these.
fn refused(wanted: &Wanted) -> String {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let error = solve(&mut shaped.manager(folder.path()), wanted).unwrap_err();
    assert!(matches!(error, PackageError::Unresolvable(_)), "{error:?}");
    error.to_string()
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let said = refused(&first(&["no-such-package"]));
    assert!(said.contains("no repository has a package `no-such-package`"), "{said}");
    let version = PackageSpec { name: "kernel-core".to_owned(), version: Some("3.*".to_owned()) };
    let said = refused(&Wanted { install: vec![version], ..first(&[]) });
    assert!(said.contains("`kernel-core=3.*, the newest is 2-1`"), "{said}");
    // A name is a name: no pattern, no file, no group.
    let (shaped, folder) = (Shaped::new(&[]), folder());
    for word in ["kernel*", "/usr/bin/sh", "@tools", "-y"] {
        let error = solve(&mut shaped.manager(folder.path()), &first(&[word])).unwrap_err();
        assert!(matches!(error, PackageError::Invalid(_)), "{word}: {error:?}");
    }
}

#[test]
fn who_wants_what_is_missing_is_named() {
    let said = refused(&first(&["needs-needs-absent"]));
    assert!(said.contains("nothing provides absent needed by needs-absent-1-1.noarch"), "{said}");
    assert!(said.contains("needs-needs-absent-1-1.noarch requires needs-absent"), "{said}");
}

#[test]
fn versions_are_had_with_their_release_or_without() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut dnf = shaped.manager(folder.path());
    for (version, expected) in
        [(None, "2-1"), (Some("1"), "1-1"), (Some("1-1"), "1-1"), (Some("1*"), "1-1")]
    {
        let version = version.map(str::to_owned);
        let spec = PackageSpec { name: "kernel-core".to_owned(), version };
        let wanted = Wanted { install: vec![spec], ..first(&[]) };
        let resolution = solve(&mut dnf, &wanted).unwrap();
        assert_eq!(on_top(&resolution), ["dracut 1-1", &format!("kernel-core {expected}")]);
        let kernel = resolution.packages.iter().find(|p| p.name == "kernel-core").unwrap();
        assert_eq!(kernel.file, format!("kernel-core-{expected}.noarch.rpm"));
        assert!(kernel.url.ends_with(&format!("/Packages/{}", kernel.file)), "{}", kernel.url);
        assert_eq!(kernel.sha256.len(), 64);
    }
}

#[test]
fn a_stream_of_a_module_is_enabled_first() {
    let said = refused(&first(&["streamed"]));
    assert!(said.contains("`streamed`") && said.contains("module that is not enabled"), "{said}");
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut dnf = shaped.manager(folder.path());
    for (stream, version) in [("one", "1-1.module_one"), ("two", "2-1.module_two")] {
        let modules = vec![format!("streamed:{stream}")];
        let resolution = solve(&mut dnf, &Wanted { modules, ..first(&["streamed"]) }).unwrap();
        assert_eq!(on_top(&resolution), [format!("streamed {version}")]);
    }
    let said = refused(&Wanted { modules: vec!["streamed:three".to_owned()], ..first(&[]) });
    assert!(said.contains("no repository has the module `streamed:three`"), "{said}");
}

#[test]
fn a_group_brings_what_it_must_have_and_what_it_has_by_default() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut dnf = shaped.manager(folder.path());
    for id in ["tools", "workshop"] {
        let resolution =
            solve(&mut dnf, &Wanted { groups: vec![id.to_owned()], ..first(&[]) }).unwrap();
        assert_eq!(on_top(&resolution), ["grouped-default 1-1", "grouped-mandatory 1-1"], "{id}");
    }
    let said = refused(&Wanted { groups: vec!["none".to_owned()], ..first(&[]) });
    assert!(said.contains("no repository has the group of packages `none`"), "{said}");
}

#[test]
fn what_is_recommended_comes_where_it_is_wanted() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let of = |weak_dependencies| {
        let mut options = shaped.options(folder.path());
        options.weak_dependencies = weak_dependencies;
        on_top(&solve(&mut Dnf::new(options).unwrap(), &first(&["advising"])).unwrap())
    };
    assert_eq!(of(false), ["advising 1-1"]);
    assert_eq!(of(true), ["advised 1-1", "advising 1-1"]);
}

#[test]
fn another_release_of_the_distribution_is_refused() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut options = shaped.options(folder.path());
    options.release = "2".to_owned();
    let error = solve(&mut Dnf::new(options).unwrap(), &first(&[])).unwrap_err();
    assert!(
        error.to_string().contains("are of the release 1 of the distribution, and 2 is asked for"),
        "{error}"
    );
}

#[test]
fn a_locked_version_is_had_though_there_is_a_newer_one() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut dnf = shaped.manager(folder.path());
    let older = PackageSpec { name: "kernel-core".to_owned(), version: Some("1".to_owned()) };
    let wanted = Wanted { install: vec![older], ..first(&[]) };
    let chosen = solve(&mut dnf, &wanted).unwrap();
    let mut locked: Vec<LockedPackage> = chosen.packages.iter().map(LockedPackage::from).collect();
    let again = dnf.resolve(None, &first(&["kernel-core"]), &locked, &Cancel::new()).unwrap();
    assert_eq!(on_top(&again), ["dracut 1-1", "kernel-core 1-1"]);
    let kernel = locked.iter_mut().find(|p| p.name == "kernel-core").unwrap();
    kernel.version = "7-1".to_owned();
    let error = dnf.resolve(None, &first(&["kernel-core"]), &locked, &Cancel::new()).unwrap_err();
    assert!(matches!(error, PackageError::Locked(_)), "{error:?}");
    assert!(
        error.to_string().contains("`kernel-core` is locked at 7-1 and 2-1 would be had"),
        "{error}"
    );
}

#[test]
fn nothing_of_the_builders_own_configuration_is_read() {
    // In a mount namespace of its own, where the builder's configuration hides all packages, names a
    // repository that is nowhere, loads all plug-ins, and puts rpm's database elsewhere.
    const INSIDE: &str = "DIBHOST_TEST_INSIDE";
    if std::env::var(INSIDE).is_ok() {
        let (shaped, folder) = (Shaped::new(&[]), folder());
        let resolution = solve(&mut shaped.manager(folder.path()), &first(&["advising"])).unwrap();
        assert_eq!(on_top(&resolution), ["advising 1-1"]);
        return;
    }
    // What is kept between runs is made outside.
    drop(Shaped::new(&[]));
    let etc = folder();
    let file = |name: &str, text: &str| {
        let path = etc.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file("dnf/dnf.conf", "[main]\nexcludepkgs=*\ninstall_weak_deps=1\nreposdir=/etc/yum.repos.d\n");
    file("dnf/vars/releasever", "9\n");
    file("yum.repos.d/x.repo", "[x]\nname=x\nbaseurl=http://127.0.0.1:1/\nenabled=1\n");
    file("rpm/macros", "%_dbpath /nowhere\n");
    let script =
        "for d in dnf yum.repos.d rpm; do mkdir -p /etc/$d; mount --bind \"$1/$d\" /etc/$d; done
        exec \"$2\" --exact choice::nothing_of_the_builders_own_configuration_is_read --nocapture";
    // The overlay keeps what has to be made in `/etc` off the machine.
    let over = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && \
        mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w overlay /etc && ";
    let status = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", &format!("{over}{script}"), "sh"])
        .arg(etc.path())
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "yes")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn options_that_say_nothing_useful_are_refused() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let refused = |change: &dyn Fn(&mut dibhost_packages::rpm::RpmOptions)| {
        let mut options = shaped.options(folder.path());
        change(&mut options);
        Dnf::new(options).unwrap_err().to_string()
    };
    let said = refused(&|o| o.repositories[0].keys.clear());
    assert!(said.contains("the repository `shaped` has no key"), "{said}");
    let said = refused(&|o| o.repositories[0].url = "http://x/$contentdir".to_owned());
    assert!(said.contains("no address of a repository"), "{said}");
    let said = refused(&|o| o.repositories[0].keys = vec!["key".to_owned()]);
    assert!(said.contains("no armoured OpenPGP public key"), "{said}");
    let twice = shaped.options(Path::new("/")).repositories[0].clone();
    let said = refused(&|o| o.repositories.push(twice.clone()));
    assert!(said.contains("two repositories are called `shaped`"), "{said}");
    let said = refused(&|o| o.unsigned_indexes = ["sharped".to_owned()].into());
    assert!(said.contains("there is no repository `sharped`"), "{said}");
    refused(&|o| o.release = "../1".to_owned());
    refused(&|o| o.arch = "x86/64".to_owned());
    refused(&|o| o.languages = Some(vec!["de:%{x}".to_owned()]));
    // Two that ask for nothing find nothing.
    let mut dnf = shaped.manager(folder.path());
    dnf.refresh(&Cancel::new()).unwrap();
    assert!(dnf.resolve(None, &install(&[]), &[], &Cancel::new()).unwrap().is_empty());
}

#[test]
fn a_repository_may_come_before_another_that_has_a_newer_version() {
    let (later, sooner) = (Shaped::new(&[lib("2")]), Shaped::new(&[lib("1")]));
    let of = |priority| {
        let folder = folder();
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
        on_top(&solve(&mut Dnf::new(options).unwrap(), &first(&["lib"])).unwrap())
    };
    assert_eq!(of(Some(10)), ["lib 1-1"]);
    assert_eq!(of(None), ["lib 2-1"]);
}

fn lib(version: &str) -> Offer {
    Offer::new("lib", version, &[])
}
