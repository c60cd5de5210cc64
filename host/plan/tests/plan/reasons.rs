//! `why`: who asked for something, and how those came into the image.

use dibhost_plan::wish::{UnitState, Wish};
use dibhost_plan::{Phase, Plan};
use serde_json::json;

use crate::elements::*;

const ARGUMENT: &str = "dib:boot/kernel-argument@1";

fn plan() -> Plan {
    let unit = Wish::ServiceDefinition {
        unit: "x.service".to_owned(),
        content: "[Unit]\n[Service]\n".to_owned(),
    };
    let console = element("serial-console").provides(Phase::Install, ARGUMENT).gives(&[(
        ARGUMENT,
        "console",
        json!({"argument": "console=ttyS0,115200", "reason": "to see the boot"}),
    )]);
    let vm = element("vm")
        .requires("serial-console", "")
        .requires("loader", "")
        .wishes(Phase::Install, &[install("curl"), remove("figlet")])
        .wishes(Phase::Install, &[service("x.service", UnitState::Enabled), unit]);
    let loader = element("loader")
        .reads(Phase::Finalise, ARGUMENT)
        .provides(Phase::Install, "dib:boot/loader@1")
        .wishes(Phase::PreInstall, &[install("curl"), Wish::User(user("me"))])
        .wishes(Phase::Root, &[Wish::Group { name: "us".to_owned(), gid: Some(7) }]);
    let text = "[image]\nname = \"x\"\nelements = [\"debian-minimal\", \"vm\"]\n";
    plan_text(text, &[debian(), console, vm, loader]).unwrap()
}

#[test]
fn all_who_asked_are_told_with_their_reasons() {
    let plan = plan();
    let told: Vec<String> = [
        "package:curl",
        "package:figlet",
        "package:dbus",
        "service:x.service",
        "user:me",
        "group:us",
        "node:root",
        "fact:dib:boot/kernel-argument@1",
        "fact:dib:boot/loader@1",
        "kernel-argument:console",
        "element:serial-console",
        "element:vm",
    ]
    .iter()
    .map(|subject| plan.why(subject).unwrap().to_text())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    package:curl
      installed before the steps of `root`
      `loader` (`pre-install`) wants it installed: curl is needed
      `vm` (`install`) wants it installed: curl is needed
      `loader` is in the image: `vm` requires it, which the definition names
      `vm` is in the image: the definition names it

    package:figlet
      removed before the steps of `root`
      `vm` (`install`) wants it removed: figlet is needed
      `vm` is in the image: the definition names it

    package:dbus
      in the first tree: apt bookworm main from the builder's own mirror (the image's package source too) with dbus
      `debian-minimal` (`root`) wants it in the first tree: for bootstrap
      `debian-minimal` is in the image: the definition names it

    unit:x.service
      written before the steps of `install`
      enabled before the steps of `install`
      `vm` (`install`) wants it enabled: for services
      `vm` (`install`) wants it with a text of 2 lines: for services-define
      `vm` is in the image: the definition names it

    user:me
      made before the steps of `pre-install`: me
      `loader` (`pre-install`) wants the account me: for accounts
      `loader` is in the image: `vm` requires it, which the definition names

    group:us
      made before the steps of `root`
      `loader` (`root`) wants it with the number 7: for accounts
      `loader` is in the image: `vm` requires it, which the definition names

    node:root
      root on disk: ext4 labelled cloudimg-rootfs
      `host` (`block-device`) wants root on disk: ext4 labelled cloudimg-rootfs: no element wishes for a node

    fact:dib:boot/kernel-argument@1
      many, planned: read by `loader` (`finalise`)
      `serial-console` (`install`) gives console: {"argument":"console=ttyS0,115200","reason":"to see the boot"}
      `serial-console` is in the image: `vm` requires it, which the definition names

    fact:dib:boot/loader@1
      optional, planned: read by nobody
      `loader` (`install`) gives no value
      `loader` is in the image: `vm` requires it, which the definition names

    kernel-argument:console
      a fact of `dib:boot/kernel-argument@1`, read by `loader` (`finalise`)
      `serial-console` (`install`) gives console=ttyS0,115200: to see the boot
      `serial-console` is in the image: `vm` requires it, which the definition names

    element:serial-console
      1.0.0, found at /shelf/serial-console.wasm
      `vm` wants it, for it requires it
      `vm` is in the image: the definition names it

    element:vm
      1.0.0, found at /shelf/vm.wasm
      the definition wants it by its name
    "#);
}

#[test]
fn a_subject_that_is_not_there_is_answered_with_what_may_be_meant() {
    let plan = plan();
    let told: Vec<String> = [
        "package:crul",
        "package:vm",
        "pakage:curl",
        "curl",
        "",
        "repository:x",
        "node:zzz",
        "user:\u{1b}[31mme\nroot",
    ]
    .iter()
    .map(|subject| plan.why(subject).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    no element wishes for the package `crul`; what packages depend on is known when they are resolved, while building
      help: did you mean `package:curl`? Else: a build lists all that is installed in `x.manifest.json`; in the image, `apt-cache rdepends --installed crul` says what needs it
    nothing in the plan is called `package:vm`
      help: did you mean `element:vm`?
    `pakage:curl` does not say what kind of thing it is
      help: did you mean `package:curl`?
    `curl` does not say what kind of thing it is
      help: did you mean `package:curl`?
    `` does not say what kind of thing it is
      help: write the kind before it, as in `package:openssh-server`; kinds are `command`, `element`, `fact`, `file`, `group`, `kernel-argument`, `node`, `package`, `repository`, `unit` and `user`
    nothing in the plan is called `repository:x`
      help: the plan has no repository
    nothing in the plan is called `node:zzz`
      help: those of the plan are `disk`, `mount-root` and `root`
    nothing in the plan is called `user:[31mme root`
      help: those of the plan are `me`
    ");
}

#[test]
fn a_circle_of_requirements_ends() {
    let a = element("a").requires("b", "");
    let b = element("b")
        .requires("a", "")
        .wishes(Phase::Install, &[service("x.timer", UnitState::Masked)]);
    let plan = plan_text("[image]\nname = \"x\"\nelements = [\"a\"]\n", &[a, b]).unwrap();
    insta::assert_snapshot!(plan.why("unit:x.timer").unwrap().to_text(), @r"
    unit:x.timer
      masked before the steps of `install`
      `b` (`install`) wants it masked: for services
      `b` is in the image: `a` requires it, which the definition names
    ");
}
