//! What comes before what.

use dibhost_element::RunAnswer;
use dibhost_plan::Phase;

use crate::bench::{Bench, want, write};

#[test]
fn nothing_that_is_wished_for_makes_an_image_all_the_same() {
    let built = Bench::empty().build().ok();
    assert_eq!(built.only(&["step", "exec", "install"]), Vec::<&str>::new());
    assert!(built.read("/etc/fstab").unwrap().contains(" / "));
    assert_eq!(built.files.into_iter().collect::<Vec<_>>(), ["image.tree", "image.tree.sha256"]);
}

#[test]
fn phases_run_in_their_order_whatever_the_plan_lists_first() {
    let mut bench = Bench::new();
    for phase in Phase::ALL.into_iter().rev() {
        bench.idle(&format!("of-{phase}"), phase);
    }
    let built = bench.build().ok();
    let expected: Vec<_> = Phase::ALL.iter().map(|p| format!("step of-{p} {p}")).collect();
    assert_eq!(built.only(&["step"]), expected);
}

#[test]
fn packages_come_before_accounts_units_and_steps_of_their_phase() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Install).install.push(want("app"));
    bench.user(Phase::Install, "me", &[]).group(Phase::Install, "staff");
    bench.unit(Phase::Install, "a.service").enable(Phase::Install, "a.service");
    bench.idle("x", Phase::Install);
    let built = bench.build().ok();
    let install = "exec configure app";
    for (first, second) in [
        (install, "exec groupadd"),
        ("exec groupadd", "exec useradd"),
        ("exec useradd", "apply makedirectory, write /etc/systemd/system/a.service"),
        ("apply makedirectory, write /etc/systemd/system/a.service", "exec systemctl enable"),
        ("exec systemctl enable", "step x install"),
    ] {
        assert!(built.before(first, second), "{first} … {second}: {:#?}", built.calls);
    }
}

#[test]
fn the_first_tree_is_begun_before_its_packages_are_resolved() {
    let built = Bench::new().build().ok();
    let calls = built.only(&["base", "refresh", "resolve", "fetch", "install", "sources"]);
    assert_eq!(calls, ["base", "refresh", "resolve", "fetch", "install", "sources"]);
}

#[test]
fn a_later_transaction_goes_on_with_the_same_package_manager() {
    let mut bench = Bench::new();
    bench.transaction(Phase::PostInstall).install.push(want("late"));
    let built = bench.build().ok();
    let calls = built.only(&["base", "refresh", "sources"]);
    assert_eq!(calls, ["base", "refresh", "sources", "refresh"]);
    assert!(built.read("/usr/share/packages/late").is_some());
}

#[test]
fn users_get_their_groups_their_keys_and_then_their_password() {
    let mut bench = Bench::new();
    bench.user(Phase::Install, "me", &["staff"]).password(Phase::Install, "me");
    let built = bench.build().ok();
    assert!(built.before("exec groupadd -- staff", "exec useradd"));
    assert!(built.before("exec useradd", "apply makedirectory, write /home/me/.ssh"));
    assert!(built.before("apply makedirectory, write /home/me/.ssh", "exec chpasswd"));
    assert_eq!(built.read("/home/me/.ssh/authorized_keys").unwrap(), "ssh-ed25519 AAAA me\n");
}

#[test]
fn a_group_that_is_there_is_not_made_again() {
    let mut bench = Bench::new();
    bench.group(Phase::Install, "staff").group(Phase::PostInstall, "staff");
    let built = bench.build().ok();
    assert_eq!(built.only(&["exec"]).iter().filter(|c| c.contains("groupadd")).count(), 1);
}

#[test]
fn a_user_that_is_there_gets_what_is_added() {
    let mut bench = Bench::new();
    bench.user(Phase::Install, "me", &[]).user(Phase::PostInstall, "me", &["staff"]);
    let built = bench.build().ok();
    let made = |call: &&&str| call.contains("useradd");
    assert_eq!(built.only(&["exec"]).iter().filter(made).count(), 1);
    assert!(built.before("exec useradd", "exec usermod --append --groups staff -- me"));
}

#[test]
fn units_of_one_state_are_set_in_one_call() {
    let mut bench = Bench::new();
    bench.enable(Phase::Install, "a.service").enable(Phase::Install, "b.service");
    let built = bench.build().ok();
    let calls: Vec<_> =
        built.only(&["exec"]).into_iter().filter(|c| c.contains("systemctl")).collect();
    assert_eq!(calls, ["exec systemctl enable -- a.service b.service"]);
}

#[test]
fn fstab_is_there_when_the_steps_of_block_device_run() {
    let mut bench = Bench::new();
    bench.idle("x", Phase::BlockDevice);
    let built = bench.build().ok();
    assert!(built.before("apply makedirectory, write /etc/fstab", "step x block-device"));
}

#[test]
fn what_only_the_build_needed_goes_after_the_last_step() {
    let mut bench = Bench::new();
    bench.transaction(Phase::Root).build_only.push(want("tool"));
    bench.idle("last", Phase::Cleanup);
    let built = bench.build().ok();
    assert!(built.before("step last cleanup", "unneeded tool"));
    assert!(built.before("unneeded tool", "installed"));
}

#[test]
fn times_are_clamped_when_nothing_changes_the_tree_any_more() {
    let mut bench = Bench::new();
    bench.step("x", Phase::Cleanup, &[("rootfs", "write /")], |scene| {
        write(scene, "/srv/x", "x")?;
        Ok(RunAnswer::done())
    });
    let built = bench.build().ok();
    assert!(built.before("apply write /srv/x", "clamp"));
    assert!(built.before("clamp", "make"));
    let applied = built.calls.iter().rposition(|c| c.starts_with("apply")).unwrap();
    assert!(applied < built.calls.iter().position(|c| c == "clamp").unwrap());
}
