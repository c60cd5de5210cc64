//! What a failure says, and what it leaves.

use dibhost_engine::BuildFailure;
use dibhost_plan::Phase;
use dibhost_plan::wish::Bootstrap;

use crate::bench::Bench;
use crate::journal::Way;

/// The failure of a build in which the first call that begins so fails.
fn failing(bench: &mut Bench, call: &str, way: Way) -> BuildFailure {
    // One step at a time: the calls come in one order.
    bench.jobs = 1;
    let calls = bench.build().ok().calls;
    let at = calls.iter().position(|c| c.starts_with(call)).unwrap();
    bench.fails = Some((at, way));
    let built = bench.build();
    assert!(built.files.is_empty(), "{call}: {:?}", built.files);
    built.failure().clone()
}

#[test]
fn what_was_being_done_is_said_of_each_kind_of_work() {
    for (call, said) in [
        ("base", "while carrying out `begin the first tree`"),
        ("refresh", "while carrying out `fetch package lists`"),
        ("resolve", "while carrying out `resolve packages`"),
        ("fetch", "while carrying out `fetch 6 packages"),
        ("install", "while carrying out `install 6 packages"),
        ("sources", "while writing the image's package sources"),
        ("hold", "while holding lib"),
        ("exec groupadd --gid 900 -- staff", "while making the group `staff`"),
        ("exec useradd --shell /bin/bash --groups staff", "while making the user `me`"),
        ("exec chpasswd", "while making the password of `me`"),
        ("exec chpasswd --encrypted", "while making the user `root-like`"),
        ("exec chage --expiredate 22279", "while making the user `root-like`"),
        ("apply write /etc/sudoers.d/dibhost-root-like", "while making the user `root-like`"),
        ("exec visudo", "while making the user `root-like`"),
        (
            "exec chage --lastday 0",
            "while having the password of `root-like` changed at the first login",
        ),
        (
            "apply makedirectory, write /etc/systemd/system/app.service",
            "while writing the unit `app.service`",
        ),
        (
            "apply makedirectory, write /etc/systemd/system/app.service.d/10-more.conf",
            "while writing the drop-in `10-more` of `app.service`",
        ),
        (
            "apply makedirectory, write /etc/systemd/system-preset/90-dibhost.preset",
            "while writing the presets 90",
        ),
        ("exec systemctl", "while setting the state of `in-root.service`"),
        ("step first", "element `first` in phase install"),
        ("apply makedirectory, write /etc/fstab", "while writing /etc/fstab"),
        ("deferred", "while carrying out `run refresh-images once`"),
        ("unneeded", "while carrying out `remove 1 packages of the build`"),
        ("installed", "while carrying out `list the packages of the image`"),
        ("clamp", "while clamping times"),
        ("make", "while carrying out `make the qcow2 image`"),
        ("publish", "while carrying out `publish`"),
    ] {
        let failure = failing(&mut Bench::full(), call, Way::Error).to_string();
        assert!(failure.contains(said), "{call}: {failure}");
    }
}

#[test]
fn a_full_disk_is_told_as_that() {
    for call in ["fetch", "exec useradd", "apply makedirectory, write /etc/systemd", "publish"] {
        let failure = failing(&mut Bench::full(), call, Way::Full).to_string();
        assert!(failure.contains("No space left on device"), "{call}: {failure}");
    }
}

#[test]
fn a_worker_that_died_is_told_as_that() {
    let failure = failing(&mut Bench::full(), "exec useradd", Way::Death).to_string();
    assert!(failure.contains("the target's worker process ended: killed"), "{failure}");
}

#[test]
fn a_first_tree_that_cannot_be_made_is_refused() {
    let mut bench = Bench::new();
    let first = bench.transaction(Phase::Root).bootstrap.as_mut().unwrap();
    first.source = Bootstrap::Archive("x".to_owned(), "y".to_owned());
    let built = bench.build();
    assert!(built.failure().message.contains("of packages or of layers"), "{}", built.failure());
    assert!(built.files.is_empty());
}

#[test]
fn an_old_output_is_left_by_a_build_that_fails() {
    let mut bench = Bench::full();
    bench.jobs = 1;
    bench.before = vec![("image.tree".to_owned(), "of before".to_owned())];
    let calls = bench.build().ok().calls;
    for call in ["clamp", "make", "publish"] {
        bench.fails = Some((calls.iter().position(|c| c == call).unwrap(), Way::Error));
        let built = bench.build();
        assert!(built.result.is_err());
        let left = std::fs::read_to_string(built.out.path().join("image.tree")).unwrap();
        assert_eq!(left, "of before");
    }
}
