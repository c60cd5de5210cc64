//! What an element may ask for, and what it is told when it may not.

use super::*;

#[test]
fn what_is_not_granted_is_denied_with_the_line_to_add() {
    let guest = Guest::new("motd")
        .requests("rootfs", "write /etc/motd")
        .requests("packages", "vim")
        .plan(|m| m.request_package("vim"))
        .run(|m| m.write_file("/etc/motd", "x"));
    let bench = Bench::with(&guest);
    let failure = bench.plan("motd", &none()).unwrap_err();
    assert_eq!(failure.message, "`packages` of `vim` is not granted");
    assert_eq!(
        failure.help.unwrap(),
        "add this to the image definition:\n[grants.motd]\npackages = [\"vim\"]"
    );
    let failure = bench.run("motd", &none()).unwrap_err();
    assert!(failure.message.starts_with("`rootfs` of `read /` is not granted"), "{failure}");

    // Granted there, and written elsewhere.
    let guest = Guest::new("motd").run(|m| m.write_file("/root/x", "x"));
    let bench = Bench::with(&guest);
    let mut target = target();
    for folder in ["etc", "root"] {
        std::fs::create_dir(target.tree().join(folder)).unwrap();
    }
    let held = grants(&[("rootfs", "write /etc")]);
    let failure = bench.run_on("motd", &held, &mut target, &mut Heard::default()).unwrap_err();
    assert!(failure.message.contains("is outside of what it may write"), "{failure}");
    assert!(failure.help.unwrap().contains("rootfs = [\"write /root"));
    assert!(!target.tree().join("root/x").exists());
}

#[test]
fn what_was_never_requested_says_who_has_to_ask() {
    let guest = Guest::new("asks").plan(|m| m.set_service("ssh.service"));
    let failure = Bench::with(&guest).plan("asks", &none()).unwrap_err();
    assert_eq!(
        failure.message,
        "`services` of `ssh.service` is not granted: `asks` requests no `services` in its description"
    );
    assert!(failure.help.unwrap().contains("[grants.asks]\nservices = [\"ssh.service\"]"));
}

#[test]
fn a_wish_is_made_while_planning_and_an_effect_while_running() {
    let held = grants(&[("packages", "*"), ("rootfs", "write /"), ("exec", "*")]);
    let guest =
        Guest::new("x").run(|m| m.request_package("vim")).plan(|m| m.run_program("true", &[]));
    let bench = Bench::with(&guest);
    let failure = bench.run("x", &held).unwrap_err();
    assert!(failure.message.contains("wishes are made in `plan`"), "{failure}");
    let failure = bench.plan("x", &held).unwrap_err();
    assert!(failure.message.contains("only `run` has effects"), "{failure}");
}

#[test]
fn a_wish_with_an_unsound_string_is_refused() {
    let guest = Guest::new("x").plan(|m| m.request_package("-o Dir::Etc=/evil"));
    let failure = Bench::with(&guest).plan("x", &grants(&[("packages", "*")])).unwrap_err();
    assert!(failure.message.contains("-o Dir::Etc=/evil"), "{failure}");
}
