//! Accounts and units, and what is said of secrets.

use dibhost_engine::Event;
use dibhost_plan::Phase;

use crate::bench::Bench;

#[test]
fn a_password_goes_by_standard_input_and_nowhere_else() {
    let mut bench = Bench::new();
    bench.user(Phase::Install, "me", &[]).password(Phase::Install, "me");
    let built = bench.build().ok();
    let chpasswd = built.commands.iter().find(|c| c.program == "chpasswd").unwrap();
    assert_eq!(chpasswd.stdin.as_deref(), Some(b"me:pass phrase\n".as_slice()));
    assert!(built.calls.iter().all(|call| !call.contains("pass phrase")));
}

#[test]
fn a_secret_is_told_to_nobody() {
    let mut bench = Bench::new();
    bench.user(Phase::Install, "me", &[]).password(Phase::Install, "me");
    bench.idle("pass phrase", Phase::Install);
    let built = bench.build().ok();
    let texts = built.events.iter().map(|event| match event {
        Event::Started(a) | Event::Ended { activity: a, .. } => a.name.clone(),
        Event::Line { text, source, .. } => format!("{source} {text}"),
        Event::Progress { .. } => String::new(),
    });
    assert!(texts.into_iter().all(|text| !text.contains("pass phrase")));
}

#[test]
fn a_secret_that_is_not_there_is_named_with_what_it_is_for() {
    let mut bench = Bench::new();
    bench.user(Phase::Install, "me", &[]).password(Phase::Install, "me");
    bench.plan.passwords[0].secret = "other".to_owned();
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("the secret `other` is not in the definition"), "{failure}");
    assert!(failure.contains("while setting the password of `me`"), "{failure}");
}

#[test]
fn a_tool_of_the_tree_that_fails_is_told_with_its_words() {
    for (program, doing) in [
        ("groupadd", "making the group `staff`"),
        ("useradd", "making the user `me`"),
        ("chpasswd", "making the password of `me`"),
        ("systemctl", "setting the states of units"),
    ] {
        let mut bench = Bench::new();
        bench.group(Phase::Install, "staff").user(Phase::Install, "me", &[]);
        bench.password(Phase::Install, "me").enable(Phase::Install, "a.service");
        bench.statuses.insert(program.to_owned(), 9);
        let failure = bench.build().failure().to_string();
        assert!(failure.contains("no such luck"), "{failure}");
        assert!(failure.contains(doing), "{failure}");
        assert!(failure.starts_with("phase install: "), "{failure}");
    }
}

#[test]
fn a_unit_is_written_before_it_is_enabled_in_a_later_phase() {
    let mut bench = Bench::new();
    bench.unit(Phase::Install, "a.service").enable(Phase::PostInstall, "a.service");
    let built = bench.build().ok();
    assert_eq!(built.read("/etc/systemd/system/a.service").unwrap(), "[Service]\n");
    assert!(built.before("apply write /etc/systemd/system/a.service", "exec systemctl"));
}
