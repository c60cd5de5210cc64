//! What a person reads first: who can log in, what is set, what is advised.

use dibhost_plan::Phase;
use dibhost_plan::description::ParameterKind;
use dibhost_plan::wish::{Sudo, UnitState, User, Wish};
use serde_json::json;

use crate::elements::*;

const IN: Phase = Phase::Install;
const IMAGE: &str = "[image]\nname = \"x\"\nelements = [\"debian-minimal\", \"a\"]\n";

fn logins(wishes: &[Wish]) -> Vec<String> {
    let plan = plan_text(IMAGE, &[debian(), element("a").wishes(IN, wishes)]).unwrap();
    plan.logins().into_iter().map(|login| format!("{} {}", login.user, login.how)).collect()
}

fn with_key(name: &str) -> User {
    User {
        authorized_keys: vec![
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP me"
                .to_owned(),
        ],
        ..user(name)
    }
}

#[test]
fn who_can_log_in_is_who_has_a_key_or_a_password() {
    assert!(logins(&[Wish::User(user("me"))]).is_empty());
    // What a package depends on is not known while planning.
    assert_eq!(
        logins(&[Wish::User(with_key("me"))]),
        ["me by SSH with 1 key, if a package brings a server of it"]
    );
    let server = install("openssh-server");
    assert_eq!(
        logins(&[Wish::User(with_key("me")), Wish::User(user("other")), server.clone()]),
        ["me by SSH with 1 key"]
    );
    let root = User { sudo: Some(Sudo::Nopasswd), ..with_key("me") };
    assert_eq!(
        logins(&[Wish::User(root), install("sudo"), server]),
        ["me by SSH with 1 key; is root by `sudo`, without a password"]
    );
    assert_eq!(
        logins(&[install("cloud-init")]),
        ["debian with the keys or the password that cloud-init is given where the machine runs"]
    );
    let unit = |state| [service("dibhost-dynamic-login.service", state)];
    assert_eq!(
        logins(&unit(UnitState::Enabled)),
        ["root with the key or the password that the kernel's command line names"]
    );
    assert!(logins(&unit(UnitState::Masked)).is_empty());
}

#[test]
fn whoever_may_be_root_and_cannot_log_in_is_told_of() {
    let told = |user: User| {
        let wishes = [Wish::User(user), install("sudo")];
        let plan = plan_text(IMAGE, &[debian(), element("a").wishes(IN, &wishes)]).unwrap();
        plan.findings.iter().any(|finding| finding.message.starts_with("`me` may be root by"))
    };
    let sudo = Some(Sudo::Nopasswd);
    assert!(told(User { sudo, ..user("me") }));
    assert!(!told(User { sudo, ..with_key("me") }));
    assert!(!told(user("me")));
}

#[test]
fn a_password_by_a_secret_lets_in() {
    let wish = Wish::Password { user: "root".to_owned(), parameter: "password".to_owned() };
    let a = element("a")
        .parameter("password", ParameterKind::Secret, None)
        .wishes(IN, &[wish])
        .requests("secret", "place password");
    let text = format!(
        "{IMAGE}[secrets]\nword = {{ environment = \"WORD\" }}\n[parameters.a]\npassword = \"word\"\n"
    );
    let plan = plan_text(&text, &[debian(), a]).unwrap();
    let login = &plan.logins()[0];
    assert_eq!(
        (login.user.as_str(), login.how.as_str()),
        ("root", "with the password that the secret `word` is")
    );
}

#[test]
fn an_image_that_nobody_can_log_in_to_says_so_in_its_head() {
    let plan = plan_text(IMAGE, &[debian(), element("a")]).unwrap();
    let head = plan.to_overview();
    let head = head.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(head, @r"
    image x for amd64
      system   debian 12 (bookworm), by apt from the builder's own mirror
      outputs  x.qcow2 (compression: zstd)
      disk     as large as its content, without partitions
               /  ext4, the whole disk
      boots    not by itself: no element is a boot loader
      log in   nobody: no user is given a key or a password, and no element brings cloud-init
    ");
}

#[test]
fn what_the_definition_sets_is_told_and_a_default_is_not() {
    let a = || {
        element("a")
            .parameter("colour", ParameterKind::Text, Some(json!("red")))
            .parameter("size", ParameterKind::Integer, Some(json!(3)))
            .requests("packages", "*")
    };
    let text = format!("{IMAGE}[parameters.a]\ncolour = \"red\"\n");
    let plan = plan_text(&text, &[debian(), a()]).unwrap();
    let told = plan.to_overview();
    assert!(told.contains("parameter colour  \"red\""), "{told}");
    assert!(!told.contains("parameter size") && !told.contains("grant packages"), "{told}");
    let all = plan.to_text();
    assert!(all.contains("parameter size    3") && all.contains("grant packages *"), "{all}");
    // A default that is written out is the same build.
    assert_eq!(plan_text(IMAGE, &[debian(), a()]).unwrap().digest, plan.digest);
    // Of somebody else's element all is told.
    let told = plan_text(
        &format!("{IMAGE}[grants.a]\npackages = [\"*\"]\n"),
        &[debian(), a().third_party()],
    );
    let told = told.unwrap().to_overview();
    assert!(told.contains("parameter size    3") && told.contains("grant packages *"), "{told}");
}

#[test]
fn advice_that_several_findings_have_in_common_is_given_once() {
    let text =
        format!("{IMAGE}[grants.a]\npackages = [\"x\"]\nservices = [\"y\"]\naccounts = [\"z\"]\n");
    let a = element("a").third_party();
    let plan = plan_text(&text, &[debian(), a]).unwrap();
    let told = plan.to_overview();
    assert_eq!(told.matches("and never asks for it").count(), 3, "{told}");
    assert_eq!(told.matches("help: take the grant away").count(), 1, "{told}");
}
