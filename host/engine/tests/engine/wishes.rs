//! Accounts and units, and what is said of secrets.

use std::os::unix::fs::MetadataExt as _;

use dibhost_engine::Event;
use dibhost_plan::Phase;
use dibhost_plan::wish::{Sudo, User};

use crate::bench::{Bench, HASH, somebody};

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
        ("systemctl", "setting the state of `a.service`"),
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
    assert!(
        built.before("apply makedirectory, write /etc/systemd/system/a.service", "exec systemctl")
    );
}

#[test]
fn drop_ins_and_presets_are_in_the_tree_before_states_are_set() {
    let mut bench = Bench::new();
    bench.drop_in(Phase::Install, "a.service", "10-more").enable(Phase::Install, "a.service");
    bench.preset(Phase::Install, 5, &["a.service", "b*", "*"]);
    bench.preset(Phase::Install, 90, &["c.service"]);
    bench.preset(Phase::Finalise, 90, &["c.service", "d.service"]);
    let built = bench.build().ok();
    let read = |path: &str| built.read(path).unwrap_or_default();
    assert_eq!(read("/etc/systemd/system/a.service.d/10-more.conf"), "# 10-more of a.service\n");
    let presets = "/etc/systemd/system-preset";
    assert_eq!(
        read(&format!("{presets}/05-dibhost.preset")),
        "enable a.service\ndisable b*\ndisable *\n"
    );
    // The later phase has what the earlier one had, and more.
    assert_eq!(
        read(&format!("{presets}/90-dibhost.preset")),
        "enable c.service\nenable d.service\n"
    );
    let drop_in = "apply makedirectory, write /etc/systemd/system/a.service.d/10-more.conf";
    assert!(built.before(drop_in, "exec systemctl"));
}

fn line<'a>(text: &'a str, user: &str) -> &'a str {
    text.lines().find(|line| line.split(':').next() == Some(user)).unwrap_or_default()
}

#[test]
fn what_is_said_of_an_account_is_in_its_files() {
    let mut bench = Bench::new();
    bench.account(Phase::Install, somebody("me"));
    let built = bench.build().ok();
    let (passwd, shadow) = (built.read("/etc/passwd").unwrap(), built.read("/etc/shadow").unwrap());
    assert_eq!(line(&passwd, "me"), "me:x:0:0:Some Body:/home/me:/bin/sh");
    // Changed on the first day of all, so to be changed at the next login; 22279 is 2030-12-31.
    assert_eq!(line(&shadow, "me"), format!("me:{HASH}:0:0:99999:7::22279:"));
    // It goes by standard input, and nowhere else.
    let chpasswd = built.commands.iter().find(|c| c.program == "chpasswd").unwrap();
    assert_eq!(chpasswd.stdin, Some(format!("me:{HASH}\n").into_bytes()));
    assert!(built.calls.iter().all(|call| !call.contains("Rm5s")));
}

#[test]
fn a_rule_of_sudo_is_a_file_that_nobody_else_can_change_and_that_visudo_saw() {
    for (sudo, rule) in [
        (Some(Sudo::Password), "me ALL=(ALL:ALL) ALL\n"),
        (Some(Sudo::Nopasswd), "me ALL=(ALL:ALL) NOPASSWD: ALL\n"),
        (Some(Sudo::None), ""),
        (None, ""),
    ] {
        let mut bench = Bench::new();
        bench.account(Phase::Install, User { sudo, ..somebody("me") });
        let built = bench.build().ok();
        let file = "/etc/sudoers.d/dibhost-me";
        assert_eq!(built.read(file).unwrap_or_default(), rule, "{sudo:?}");
        if rule.is_empty() {
            assert!(built.commands.iter().all(|c| c.program != "visudo"));
            continue;
        }
        let mode = std::fs::metadata(built.tree.inner.tree().join(&file[1..])).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o440);
        assert!(built.before(&format!("apply write {file}"), &format!("exec visudo -c -f {file}")));
    }
}

#[test]
fn a_rule_of_sudo_without_sudo_ends_the_build_and_says_what_is_missing() {
    for absent in ["sudo", "visudo"] {
        let mut bench = Bench::new();
        bench.account(Phase::Install, somebody("me"));
        bench.absent.insert(absent.to_owned());
        let failure = bench.build().failure().to_string();
        assert!(failure.contains("`sudo`, which is not in the image"), "{failure}");
        assert!(failure.contains("wish for the package `sudo`"), "{failure}");
        assert!(failure.contains("making the user `me`"), "{failure}");
        // Who has no rule needs none.
        let mut bench = Bench::new();
        bench.account(Phase::Install, User { sudo: None, ..somebody("me") });
        bench.absent.insert(absent.to_owned());
        bench.build().ok();
    }
}

#[test]
fn a_tool_of_accounts_that_fails_is_told_with_its_words() {
    for (program, doing) in [
        ("visudo", "making the user `me`"),
        ("chage", "making the user `me`"),
        ("chpasswd", "making the user `me`"),
    ] {
        let mut bench = Bench::new();
        bench.account(Phase::Install, somebody("me"));
        bench.statuses.insert(program.to_owned(), 9);
        let failure = bench.build().failure().to_string();
        assert!(failure.contains("no such luck") && failure.contains(doing), "{failure}");
    }
}

#[test]
fn a_password_that_is_set_later_is_to_be_changed_all_the_same() {
    let mut bench = Bench::new();
    let user = User { password_hash: None, ..somebody("me") };
    bench.account(Phase::Install, user).password(Phase::Finalise, "me");
    let built = bench.build().ok();
    let shadow = built.read("/etc/shadow").unwrap();
    assert_eq!(line(&shadow, "me"), "me:hashed:0:0:99999:7::22279:");
}

#[test]
fn who_is_there_already_gets_what_was_wished_for() {
    let mut bench = Bench::new();
    let user = User { shell: Some("/bin/zsh".to_owned()), ..somebody("me") };
    bench.user(Phase::Root, "me", &[]).account(Phase::Install, user);
    let built = bench.build().ok();
    let (passwd, shadow) = (built.read("/etc/passwd").unwrap(), built.read("/etc/shadow").unwrap());
    assert_eq!(line(&passwd, "me"), "me:x:0:0:Some Body:/home/me:/bin/zsh");
    assert_eq!(line(&shadow, "me"), format!("me:{HASH}:0:0:99999:7::22279:"));
    assert!(built.read("/etc/sudoers.d/dibhost-me").is_some());
    // A number that files belong to already is another matter.
    let mut bench = Bench::new();
    bench.account(Phase::Install, User { uid: Some(7), ..somebody("root") });
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("`root` is in the image with the number `0`, and `7`"), "{failure}");
}

#[test]
fn a_plan_that_was_read_again_has_no_hash_to_set() {
    let mut bench = Bench::new();
    bench.account(Phase::Install, somebody("me"));
    bench.plan.actions.clear();
    let json = serde_json::to_string(&bench.plan).unwrap();
    assert!(!json.contains("Rm5s"));
    bench.plan = serde_json::from_str(&json).unwrap();
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("it was read from its JSON form, which shows none"), "{failure}");
}
