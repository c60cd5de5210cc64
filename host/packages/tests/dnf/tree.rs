//! Trees: what is in them when packages were installed, and what is not.

use std::time::Duration;

use dibhost_packages::dnf::Dnf;
use dibhost_packages::simulated::Offer;
use dibhost_packages::{
    PackageError, PackageManager as _, PackageSource, PackageSpec, Selection, Wanted,
};
use dibhost_sys::Cancel;
use dibhost_tree::{HostLimits, Output, Scope, SimulatedTarget, Tree as _, Worker, WorkerOptions};

use crate::common::{Bench, names, path, run, sh, start};
use crate::shaped::{BASE, Shaped};
use crate::{carry_out, fetch, first, folder, install, on_top, solve, specs};

/// A first tree with these.
fn made(shaped: &Shaped, packages: &[&str]) -> (Bench, Dnf) {
    let mut bench = start(Some(512 << 20));
    let mut dnf = shaped.manager(bench.folder.path());
    carry_out(&mut dnf, &mut bench.worker, &first(packages)).unwrap();
    (bench, dnf)
}

fn read(worker: &mut Worker, file: &str) -> String {
    let content = worker.read(&Scope::all(), &path(file), 0, 1 << 20).unwrap();
    String::from_utf8(content).unwrap()
}

#[test]
fn a_first_tree_runs_and_is_what_its_packages_say() {
    let shaped = Shaped::new(&[]);
    let (mut bench, _) = made(&shaped, &["capable", "triggering"]);
    let worker = &mut bench.worker;
    // The database is where the distribution has it, and nothing is left beside it.
    let beside = names(worker, "/usr/lib/sysimage/rpm");
    assert_eq!(beside, ["/usr/lib/sysimage/rpm/rpmdb.sqlite"]);
    assert_eq!(sh(worker, "bash -c 'echo $((6 * 7))'"), "42");
    assert_eq!(sh(worker, "rpm --query --all | wc -l"), (BASE.len() + 2).to_string());
    // Owners, modes, digests, capabilities, links: nothing is otherwise than packages have it.
    let verified = run(worker, "rpm --verify --all");
    assert_eq!(String::from_utf8_lossy(&verified.stdout), "");
    let capable = worker.stat(&Scope::all(), &path("/usr/bin/capable")).unwrap().unwrap();
    assert_eq!((capable.mode, capable.uid, capable.gid), (0o750, 0, 10));
    let capabilities = capable.xattrs.iter().find(|(name, _)| name == "security.capability");
    // Version 2, `cap_net_raw` effective and permitted.
    let expected = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(capabilities.map(|(_, value)| value.as_slice()), Some(expected.as_slice()));
    let owned = worker.stat(&Scope::all(), &path("/etc/capable")).unwrap().unwrap();
    assert_eq!((owned.mode, owned.uid, owned.gid), (0o640, 2, 1));
    for (folder, mode) in [("/", 0o555), ("/proc", 0o555), ("/sys", 0o555), ("/tmp", 0o1777)] {
        let stat = worker.stat(&Scope::all(), &path(folder)).unwrap().unwrap();
        assert_eq!((stat.mode, stat.uid), (mode, 0), "{folder}");
    }
    // Files of several names are whole, whichever name is laid down first.
    let linked = worker.stat(&Scope::all(), &path("/usr/lib/linked/b")).unwrap().unwrap();
    assert_eq!((linked.links, linked.size), (3, 7));
    assert_eq!(sh(worker, "readlink /bin /lib64 | tr '\\n' ' '"), "usr/bin usr/lib64");
    // Triggers of files and of packages ran.
    let triggered = read(worker, "/var/log/triggered");
    assert!(triggered.contains("capable 1") && triggered.contains("ldconfig"), "{triggered}");
    // Nothing is left of us.
    assert!(names(worker, "/run").is_empty() && names(worker, "/tmp").is_empty());
    for gone in ["/var/lib/rpm", "/root/.rpmdb", "/etc/resolv.conf", "/etc/dnf"] {
        assert!(worker.stat(&Scope::all(), &path(gone)).unwrap().is_none(), "{gone}");
    }
    bench.worker.stop().unwrap();
}

#[test]
fn two_trees_of_the_same_packages_have_the_same_database() {
    let shaped = Shaped::new(&[]);
    let of = || {
        let (mut bench, _) = made(&shaped, &["capable"]);
        let file = path("/usr/lib/sysimage/rpm/rpmdb.sqlite");
        let content = bench.worker.read(&Scope::all(), &file, 0, 8 << 20).unwrap();
        bench.worker.stop().unwrap();
        content
    };
    let (one, two) = (of(), of());
    assert!(one.len() > 100_000 && one == two);
}

#[test]
fn a_tree_that_is_not_empty_is_not_bootstrapped() {
    let shaped = Shaped::new(&[]);
    let (mut bench, mut dnf) = made(&shaped, &[]);
    let error = carry_out(&mut dnf, &mut bench.worker, &first(&[])).unwrap_err();
    assert!(error.to_string().contains("the tree is not empty"), "{error}");
    bench.worker.stop().unwrap();
}

/// What scripts had in their hands is read where programs of the builder are held, which have a time of
/// their own there.
#[test]
fn whoever_reads_the_database_of_a_tree_is_held_as_programs_of_the_builder_are() {
    let shaped = Shaped::new(&[]);
    let folder = folder();
    let host = HostLimits { time: Duration::from_millis(1), ..HostLimits::default() };
    let options = WorkerOptions { host, ..crate::common::options(folder.path(), Some(64 << 20)) };
    let mut worker = Worker::start(&options, &Cancel::new()).unwrap();
    let mut dnf = shaped.manager(folder.path());
    dnf.refresh(&Cancel::new()).unwrap();
    let wanted = install(&["advised"]);
    let error = dnf.resolve(Some(&mut worker), &wanted, &[], &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("--host-timeout"), "{error}");
    // Of an empty tree there is nothing to read.
    dnf.resolve(None, &first(&[]), &[], &Cancel::new()).unwrap();
    worker.stop().unwrap();
}

#[test]
fn a_script_that_fails_is_an_error_that_names_its_package() {
    let shaped = Shaped::new(&[]);
    let (mut bench, mut dnf) = made(&shaped, &[]);
    for (name, script, how) in
        [("failing-post", "%post", "exit status 3"), ("failing-pre", "%prein", "exit status 4")]
    {
        let error = carry_out(&mut dnf, &mut bench.worker, &install(&[name])).unwrap_err();
        assert!(matches!(error, PackageError::Install { .. }), "{error:?}");
        let said = error.to_string();
        let expected =
            format!("the script `{script}` of the package `{name}-1-1.noarch` ended with {how}");
        assert!(said.contains(&expected), "{said}");
        assert!(name != "failing-post" || said.contains("no luck"), "{said}");
    }
    bench.worker.stop().unwrap();
}

#[test]
fn a_tree_that_is_too_small_is_told_as_that() {
    let shaped = Shaped::new(&[]);
    // Too small for what is laid down, and for all that rpm then writes anew.
    for (size, doing) in [(6 << 20, "laying down"), (34 << 20, "installing the packages")] {
        let mut bench = start(Some(size));
        let mut dnf = shaped.manager(bench.folder.path());
        let resolution = solve(&mut dnf, &first(&[])).unwrap();
        fetch(&mut dnf, &resolution).unwrap();
        let error =
            dnf.apply(&mut bench.worker, &resolution, &[], &mut crate::common::ignore).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("full") || matches!(error, PackageError::NoSpace { .. }),
            "{size}: {error:?}"
        );
        assert!(said.contains("full") || said.contains(doing), "{size}: {said}");
        bench.worker.stop().unwrap();
    }
}

#[test]
fn kernels_stand_beside_each_other_and_one_initramfs_is_made_of_each() {
    let shaped = Shaped::new(&[]);
    let (mut bench, mut dnf) = made(&shaped, &[]);
    let worker = &mut bench.worker;
    let older = PackageSpec { name: "kernel-core".to_owned(), version: Some("1".to_owned()) };
    carry_out(&mut dnf, worker, &Wanted { install: vec![older], ..Wanted::default() }).unwrap();
    assert_eq!(dnf.deferred(), ["dracut"]);
    let newer = PackageSpec { name: "kernel-core".to_owned(), version: Some("2".to_owned()) };
    let resolution =
        carry_out(&mut dnf, worker, &Wanted { install: vec![newer], ..Wanted::default() }).unwrap();
    assert_eq!(on_top(&resolution), ["kernel-core 2-1"]);
    assert_eq!(
        sh(worker, "rpm --query kernel-core | tr '\\n' ' '"),
        "kernel-core-1-1.noarch kernel-core-2-1.noarch"
    );
    assert!(worker.stat(&Scope::all(), &path("/var/log/dracut")).unwrap().is_none());
    dnf.run_deferred(worker, &mut crate::common::ignore).unwrap();
    assert_eq!(
        read(worker, "/var/log/dracut"),
        "--force --regenerate-all --no-hostonly --reproducible\n"
    );
    assert!(dnf.deferred().is_empty());
    dnf.run_deferred(worker, &mut crate::common::ignore).unwrap();
    assert_eq!(read(worker, "/var/log/dracut").lines().count(), 1);
    bench.worker.stop().unwrap();
}

#[test]
fn a_stream_stays_enabled_in_the_tree() {
    let shaped = Shaped::new(&[]);
    let mut bench = start(Some(512 << 20));
    let mut dnf = shaped.manager(bench.folder.path());
    let modules = vec!["streamed:one".to_owned()];
    let wanted = Wanted { modules, ..first(&["streamed"]) };
    carry_out(&mut dnf, &mut bench.worker, &wanted).unwrap();
    assert_eq!(
        read(&mut bench.worker, "/etc/dnf/modules.d/streamed.module"),
        "[streamed]\nname=streamed\nstream=one\nprofiles=\nstate=enabled\n\n"
    );
    // The newer one is of the other stream.
    let all = Wanted { upgrade_all: true, ..Wanted::default() };
    assert!(carry_out(&mut dnf, &mut bench.worker, &all).unwrap().is_empty());
    carry_out(
        &mut dnf,
        &mut bench.worker,
        &Wanted { remove: vec!["streamed".to_owned()], ..Wanted::default() },
    )
    .unwrap();
    let again = carry_out(&mut dnf, &mut bench.worker, &install(&["streamed"])).unwrap();
    assert_eq!(on_top(&again), ["streamed 1-1.module_one"]);
    bench.worker.stop().unwrap();
}

#[test]
fn documentation_and_languages_are_left_out_where_that_is_said() {
    let shaped = Shaped::new(&[]);
    let files =
        "ls /usr/share/words.* /usr/share/doc/documented/* 2>/dev/null | tr '\\n' ' '; true";
    let (mut bench, _) = made(&shaped, &["documented"]);
    assert_eq!(
        sh(&mut bench.worker, files),
        "/usr/share/doc/documented/README /usr/share/words.de /usr/share/words.fr"
    );
    bench.worker.stop().unwrap();
    for (languages, expected) in [(vec!["fr".to_owned()], "/usr/share/words.fr"), (Vec::new(), "")]
    {
        let mut bench = start(Some(512 << 20));
        let mut options = shaped.options(bench.folder.path());
        options.docs = false;
        options.languages = Some(languages);
        let mut dnf = Dnf::new(options).unwrap();
        carry_out(&mut dnf, &mut bench.worker, &first(&["documented"])).unwrap();
        assert_eq!(sh(&mut bench.worker, files), expected);
        bench.worker.stop().unwrap();
    }
}

#[test]
fn what_was_renamed_takes_the_place_of_the_old_one() {
    let shaped = Shaped::new(&[]);
    let (mut bench, mut dnf) = made(&shaped, &["old-name"]);
    let all = Wanted { upgrade_all: true, ..Wanted::default() };
    let resolution = carry_out(&mut dnf, &mut bench.worker, &all).unwrap();
    assert_eq!(on_top(&resolution), ["new-name 2-1"]);
    let there = dnf.installed(&mut bench.worker).unwrap();
    assert!(
        there.iter().any(|p| p.name == "new-name") && there.iter().all(|p| p.name != "old-name")
    );
    bench.worker.stop().unwrap();
}

#[test]
fn what_is_kept_of_a_build_says_what_came_as_a_dependency() {
    let shaped = Shaped::new(&[Offer::new("tool", "1", &["gear"]), Offer::new("gear", "1", &[])]);
    let (mut bench, mut dnf) = made(&shaped, &[]);
    let wanted = Wanted { build_only: specs(&["tool"]), ..Wanted::default() };
    carry_out(&mut dnf, &mut bench.worker, &wanted).unwrap();
    let mut later = shaped.manager(bench.folder.path());
    later.resume(dnf.state().clone());
    let gone = later.remove_unneeded(
        &mut bench.worker,
        &["tool".to_owned()],
        &Cancel::new(),
        &mut crate::common::ignore,
    );
    assert_eq!(gone.unwrap(), ["gear", "tool"]);
    assert!(later.state().automatic.is_empty());
    bench.worker.stop().unwrap();
}

#[test]
fn an_answer_for_debconf_is_refused() {
    let shaped = Shaped::new(&[]);
    let (mut bench, mut dnf) = made(&shaped, &[]);
    let resolution =
        dnf.resolve(Some(&mut bench.worker), &install(&["advised"]), &[], &Cancel::new()).unwrap();
    let answer = Selection {
        package: "locales".to_owned(),
        question: "locales/default".to_owned(),
        kind: "select".to_owned(),
        value: "C".to_owned(),
    };
    let error = dnf
        .apply(&mut bench.worker, &resolution, &[answer], &mut crate::common::ignore)
        .unwrap_err();
    assert!(error.to_string().contains("RPM packages ask nothing"), "{error}");
    bench.worker.stop().unwrap();
}

#[test]
fn an_added_repository_reaches_the_image_with_its_key() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let source = |name: &str, url: &str| PackageSource {
        name: name.to_owned(),
        url: url.to_owned(),
        suites: Vec::new(),
        components: Vec::new(),
        priority: Some(50),
        key: shaped.key.clone(),
        cost: None,
        module_hotfixes: false,
        build_only: false,
    };
    let mut options = shaped.options(folder.path());
    options.sources = vec![
        source("tool", "https://tool.example/$releasever/$basearch/"),
        source("here", "copy:/srv/here"),
        PackageSource { build_only: true, ..source("bench", "https://bench.example/os") },
    ];
    options.unsigned_indexes.insert("tool".to_owned());
    let mut dnf = Dnf::new(options).unwrap();
    let programs = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
    let mut tree = SimulatedTarget::new(0, programs).unwrap();
    dnf.write_sources(&mut tree).unwrap();
    let read = |path: &str| std::fs::read_to_string(tree.tree().join(path)).unwrap();
    assert_eq!(
        read("etc/yum.repos.d/tool.repo"),
        "[tool]\nname=tool\nbaseurl=https://tool.example/$releasever/$basearch\nenabled=1\n\
         gpgcheck=1\nrepo_gpgcheck=0\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-tool\npriority=50\n"
    );
    assert_eq!(read("etc/pki/rpm-gpg/RPM-GPG-KEY-tool").trim(), shaped.key.trim());
    for folder in ["etc/yum.repos.d", "etc/pki/rpm-gpg"] {
        assert_eq!(std::fs::read_dir(tree.tree().join(folder)).unwrap().count(), 1, "{folder}");
    }
    let mut suites = shaped.options(folder.path());
    suites.sources = vec![PackageSource {
        suites: vec!["stable".to_owned()],
        ..source("x", "https://x.example")
    }];
    let error = Dnf::new(suites).unwrap_err();
    assert!(error.to_string().contains("neither suites nor components"), "{error}");
}
