//! Bootstrap and packages, from the mirror that this machine uses; and mirrors that fail.
//!
//! These tests need a network (the builder's own mirror), `apt`, `dpkg` and
//! `debian-archive-keyring`. Downloads are kept between runs below `CARGO_TARGET_TMPDIR`.

#[path = "../../tree/tests/common/mod.rs"]
mod common;
mod served;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use common::{names, path, sh};
use dibhost_packages::apt::{Apt, AptOptions, builder_mirror};
use dibhost_packages::{
    Batch, PackageError, PackageManager as _, PackageSpec, Resolution, Selection, Wanted,
};
use dibhost_sys::{Cancel, Program};
use dibhost_tree::{Output, Scope, SimulatedTarget, Tree as _};
use served::serve;

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("apt-cache")
}

fn arch() -> String {
    let said = Program::new("dpkg").arg("--print-architecture").run(&Cancel::new()).unwrap();
    said.text().trim().to_owned()
}

fn options(work: &Path) -> AptOptions {
    AptOptions {
        suite: "bookworm".to_owned(),
        mirror: None,
        components: Vec::new(),
        keys: Vec::new(),
        arch: arch(),
        cache: cache(),
        work: work.join("build"),
        packages: work.join("tree/packages"),
        sources: Vec::new(),
    }
}

fn specs(names: &[&str]) -> Vec<PackageSpec> {
    names.iter().map(|n| PackageSpec::newest(n)).collect()
}

/// For an empty tree.
fn first(names: &[&str]) -> Wanted {
    Wanted { bootstrap: true, install: specs(names), ..Wanted::default() }
}

/// What is chosen for an empty tree, at which nobody looks.
fn solve(apt: &mut Apt, wanted: &Wanted) -> Result<Resolution, PackageError> {
    let no_programs = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
    let mut tree = SimulatedTarget::new(0, no_programs).unwrap();
    apt.resolve(Some(&mut tree), wanted, &[], &Cancel::new())
}

#[test]
fn a_tree_is_bootstrapped_and_takes_more_packages() {
    let mut bench = common::start(Some(2 << 30));
    let cancel = Cancel::new();
    let mut apt = Apt::new(options(bench.folder.path())).unwrap();
    apt.refresh(&cancel).unwrap();
    let worker = &mut bench.worker;
    let wanted = first(&["debconf", "tzdata"]);
    let first = apt.resolve(Some(worker), &wanted, &[], &cancel).unwrap();
    assert!(first.packages.iter().any(|p| p.name == "libc6" && p.essential));
    assert!(first.packages.iter().any(|p| p.name == "apt" && !p.essential && p.requested));
    assert!(!first.packages.iter().any(|p| p.name == "usrmerge"));
    let mut last = (0, 0);
    apt.fetch(&first, &cancel, &mut |done, total| last = (done, total)).unwrap();
    assert_eq!(last, (first.size(), first.size()));
    let answer = Selection {
        package: "debconf".into(),
        question: "debconf/priority".into(),
        kind: "select".into(),
        value: "critical".into(),
    };
    let mut lines = 0;
    let installed = apt.apply(worker, &first, &[answer], &mut |_| lines += 1).unwrap();
    assert!(lines > 100 && installed.deferred.is_empty(), "{lines}");

    assert_eq!(sh(worker, "dpkg --audit"), "");
    let left =
        sh(worker, "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | grep -v '^ii ' || true");
    assert_eq!(left, "");
    assert_eq!(sh(worker, "dpkg-query -W | wc -l"), first.packages.len().to_string());
    assert_eq!(sh(worker, "readlink /bin /sbin /lib | tr '\\n' ' '"), "usr/bin usr/sbin usr/lib");
    assert_eq!(sh(worker, "echo get debconf/priority | debconf-communicate"), "0 critical");
    assert!(sh(worker, "apt-mark showauto").lines().any(|l| l == "libapt-pkg6.0"));
    assert!(sh(worker, "apt-mark showmanual").lines().any(|l| l == "apt"));
    assert_eq!(
        sh(worker, "su daemon -s /bin/sh -c id"),
        "uid=1(daemon) gid=1(daemon) groups=1(daemon)"
    );
    let setuid = worker.stat(&Scope::all(), &path("/usr/bin/passwd")).unwrap().unwrap();
    assert_eq!(setuid.mode, 0o4755);
    clean(worker);

    // A second transaction goes on from what is there, and one package goes.
    let wanted = Wanted {
        install: specs(&["netbase", "initramfs-tools"]),
        remove: vec!["tzdata".to_owned()],
        ..Wanted::default()
    };
    let second = apt.resolve(Some(worker), &wanted, &[], &cancel).unwrap();
    let again = apt.resolve(Some(worker), &wanted, &[], &cancel).unwrap();
    assert_eq!(again, second);
    assert!(second.packages.iter().any(|p| p.name == "netbase" && !p.essential));
    assert!(!second.packages.iter().any(|p| p.name == "libc6"));
    assert_eq!(second.removals, ["tzdata"]);
    let mut early = second.order.iter().filter(|b| matches!(b, Batch::Configure(_)));
    assert!(early.next().is_none(), "{:?}", second.order);
    apt.fetch(&second, &cancel, &mut |_, _| ()).unwrap();
    let installed = apt.apply(worker, &second, &[], &mut common::ignore).unwrap();
    assert_eq!(installed.deferred, ["update-initramfs"]);
    assert_eq!(sh(worker, "dpkg-query -W -f '${Status}' netbase"), "install ok installed");
    assert_eq!(sh(worker, "dpkg-query -W -f x tzdata 2>/dev/null || true"), "");
    clean(worker);
    apt.run_deferred(worker, &mut common::ignore).unwrap();
    assert!(apt.deferred().is_empty());

    // Asked again, nothing is left to do for what is there.
    assert!(apt.resolve(Some(worker), &wanted, &[], &cancel).unwrap().is_empty());
    bench.worker.stop().unwrap();
}

/// Nothing of a transaction is left in the tree.
fn clean(worker: &mut dibhost_tree::Worker) {
    assert!(!names(worker, "/var/cache/apt/archives").iter().any(|n| n.ends_with(".deb")));
    assert!(names(worker, "/run").iter().all(|n| !n.contains("dibhost")));
    for gone in ["/usr/sbin/policy-rc.d", "/etc/resolv.conf"] {
        assert!(worker.stat(&Scope::all(), &path(gone)).unwrap().is_none(), "{gone}");
    }
    assert!(!sh(worker, "dpkg-divert --list").contains("initramfs"));
    assert!(!sh(worker, "dpkg-divert --list").contains("start-stop"));
}

#[test]
fn a_tree_that_is_too_small_is_told_as_that() {
    let mut bench = common::start(Some(48 << 20));
    let cancel = Cancel::new();
    let mut apt = Apt::new(options(bench.folder.path())).unwrap();
    apt.refresh(&cancel).unwrap();
    let resolution = solve(&mut apt, &first(&[])).unwrap();
    apt.fetch(&resolution, &cancel, &mut |_, _| ()).unwrap();
    let error = apt.apply(&mut bench.worker, &resolution, &[], &mut common::ignore).unwrap_err();
    assert!(matches!(error, PackageError::NoSpace { .. }), "{error:?}");
    let said = error.to_string();
    assert!(
        said.contains("laying down the essential packages") && said.contains("tmpfs"),
        "{said}"
    );
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let cancel = Cancel::new();
    let mut apt = Apt::new(options(folder.path())).unwrap();
    apt.refresh(&cancel).unwrap();
    let error = solve(&mut apt, &first(&["no-such-package"])).unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(error, PackageError::Unresolvable(_)) && said.contains("no-such-package"),
        "{said}"
    );
    // A name is a name and no pattern.
    for pattern in ["libc.", "?all"] {
        assert!(solve(&mut apt, &first(&[pattern])).is_err(), "{pattern}");
    }
    let both = Wanted { remove: vec!["hello".to_owned()], ..first(&["hello"]) };
    let both = solve(&mut apt, &both).unwrap_err();
    assert!(both.to_string().contains("`hello` is to be installed and to be removed"), "{both}");
}

#[test]
fn a_cached_package_that_was_changed_is_fetched_again() {
    let folder = tempfile::TempDir::new().unwrap();
    let cancel = Cancel::new();
    let mut own = options(folder.path());
    own.cache = folder.path().join("cache");
    let mut apt = Apt::new(own).unwrap();
    apt.refresh(&cancel).unwrap();
    let mut resolution = solve(&mut apt, &first(&["hostname"])).unwrap();
    resolution.packages.retain(|p| p.name == "hostname");
    apt.fetch(&resolution, &cancel, &mut |_, _| ()).unwrap();
    let deb = &resolution.packages[0];
    let kept = folder.path().join("cache/packages").join(format!("{}.deb", deb.sha256));
    let good = std::fs::read(&kept).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    std::fs::remove_file(&kept).unwrap();
    std::fs::write(&kept, &bad).unwrap();
    apt.fetch(&resolution, &cancel, &mut |_, _| ()).unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), good);
    assert_eq!(std::fs::read(folder.path().join("tree/packages").join(&deb.file)).unwrap(), good);
    // What the lists promise decides, not what the mirror has.
    resolution.packages[0].sha256 = "0".repeat(64);
    let error = apt.fetch(&resolution, &cancel, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, PackageError::Corrupt(_)), "{error:?}");
}

fn update_from(mirror: &str) -> PackageError {
    let folder = tempfile::TempDir::new().unwrap();
    let mut options = options(folder.path());
    options.mirror = Some(mirror.to_owned());
    options.cache = folder.path().join("cache");
    Apt::new(options).unwrap().refresh(&Cancel::new()).unwrap_err()
}

#[test]
fn a_mirror_without_the_suite_is_told_as_that() {
    let url = serve("debian", |_| ("404 Not Found", Vec::new()));
    let error = update_from(&url);
    assert!(matches!(error, PackageError::NotOnMirror { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("suite `bookworm`") && said.contains("Release file"), "{said}");
}

#[test]
fn a_mirror_that_refuses_is_told_as_unreachable() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = update_from(&format!("http://127.0.0.1:{port}/debian"));
    assert!(matches!(error, PackageError::Unreachable(_)), "{error:?}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

/// The real mirror's own InRelease, by apt's own ways to it.
fn in_release() -> Vec<u8> {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("InRelease");
    let url = format!("{}/dists/bookworm/InRelease", builder_mirror().unwrap().archive);
    let fetch = Program::new("/usr/lib/apt/apt-helper")
        .arg("-oAPT::Sandbox::User=root")
        .args(["download-file", &url])
        .arg(&file);
    fetch.run(&Cancel::new()).unwrap();
    std::fs::read(file).unwrap()
}

#[test]
fn a_changed_archive_is_refused() {
    let mut changed = in_release();
    let at = changed.windows(8).position(|w| w == b"Origin: ").unwrap() + 8;
    changed[at] ^= 1;
    let url = serve("debian", move |path| {
        if path.ends_with("/InRelease") {
            ("200 OK", changed.clone())
        } else {
            ("404 Not Found", Vec::new())
        }
    });
    let error = update_from(&url);
    assert!(matches!(error, PackageError::Signature(_)), "{error:?}");
    assert!(error.to_string().contains("BADSIG"), "{error}");
}

#[test]
fn an_unsigned_archive_is_refused() {
    let url = serve("debian", |path| {
        if path.ends_with("/Release") {
            let text = "Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nComponents: main\nArchitectures: amd64\nSHA256:\n";
            return ("200 OK", text.into());
        }
        ("404 Not Found", Vec::new())
    });
    let error = update_from(&url);
    assert!(matches!(error, PackageError::Signature(_)), "{error:?}");
}

#[test]
fn an_archive_signed_by_another_key_is_refused() {
    let good = in_release();
    let url = serve("debian", move |path| {
        if path.ends_with("/InRelease") {
            ("200 OK", good.clone())
        } else {
            ("404 Not Found", Vec::new())
        }
    });
    let folder = tempfile::TempDir::new().unwrap();
    let mut options = options(folder.path());
    options.mirror = Some(url);
    options.cache = folder.path().join("cache");
    options.keys = vec![OTHER_KEY.to_owned()];
    let error = Apt::new(options).unwrap().refresh(&Cancel::new()).unwrap_err();
    assert!(matches!(error, PackageError::Signature(_)), "{error:?}");
    assert!(error.to_string().contains("NO_PUBKEY"), "{error}");
}

#[test]
fn a_full_disk_under_the_cache_is_told_as_that() {
    // In a mount namespace of its own, so that the host's mounts stay as they are: this test
    // runs itself again there, on a cache of 4 MiB.
    const SMALL: &str = "DIBHOST_TEST_SMALL_CACHE";
    if let Ok(small) = std::env::var(SMALL) {
        let folder = tempfile::TempDir::new().unwrap();
        let mut options = options(folder.path());
        options.cache = small.into();
        let error = Apt::new(options).unwrap().refresh(&Cancel::new()).unwrap_err();
        assert!(matches!(error, PackageError::NoSpace { .. }), "{error:?}");
        assert!(
            error.to_string().contains("make room on the disk that holds the cache"),
            "{error}"
        );
        return;
    }
    let small = tempfile::TempDir::new().unwrap();
    let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" && exec \"$2\" --exact a_full_disk_under_the_cache_is_told_as_that --nocapture";
    let status = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(small.path())
        .arg(std::env::current_exe().unwrap())
        .env(SMALL, small.path())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn two_builds_share_a_cache_at_once() {
    let folder = tempfile::TempDir::new().unwrap();
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        for build in ["one", "two", "three"] {
            let (folder, cancel) = (folder.path(), &cancel);
            scope.spawn(move || {
                let mut options = options(&folder.join(build));
                options.cache = folder.join("cache");
                let mut apt = Apt::new(options).unwrap();
                apt.refresh(cancel).unwrap();
                let mut found = solve(&mut apt, &first(&[])).unwrap();
                found.packages.truncate(5);
                apt.fetch(&found, cancel, &mut |_, _| ()).unwrap();
                let debs = std::fs::read_dir(folder.join(build).join("tree/packages")).unwrap();
                assert_eq!(debs.count(), 5);
            });
        }
    });
}

/// Made for this test with `gpg --quick-gen-key`; its secret part is not kept anywhere.
const OTHER_KEY: &str = include_str!("other-key.asc");
