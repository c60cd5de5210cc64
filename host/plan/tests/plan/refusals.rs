//! What is refused, and in which words.

use dibhost_block_device::{Node, NodeKind};
use dibhost_plan::Phase;
use dibhost_plan::description::{Arity, Extension, ParameterKind, Timing};
use dibhost_plan::planner::{ElementFailure, Finding, StepAnswer};
use dibhost_plan::wish::{UnitState, User, Wish};
use serde_json::{Value, json};

use crate::elements::*;

const IN: Phase = Phase::Install;

#[test]
fn an_unknown_element() {
    insta::assert_snapshot!(refused_text("[image]\nname = \"x\"\nelements = [\"debain-minimal\", \"zzz\"]\n", &[debian()]), @r#"
    image.toml:3:13: there is no element `debain-minimal`
      3 | elements = ["debain-minimal", "zzz"]
        |             ^^^^^^^^^^^^^^^^
      help: did you mean `debian-minimal`?
    image.toml:3:31: there is no element `zzz`
      3 | elements = ["debain-minimal", "zzz"]
        |                               ^^^^^
      help: see `dibhost element list`
    "#);
}

#[test]
fn an_unknown_element_that_another_requires() {
    let vm = element("vm").requires("bootloader", "");
    let bootloader = element("bootloader").requires("krenel", "");
    let text = "[image]\nname = \"x\"\nelements = [\"vm\"]\n";
    insta::assert_snapshot!(refused_text(text, &[vm, bootloader, element("kernel")]), @r#"
    image.toml:3:13: there is no element `krenel`
      3 | elements = ["vm"]
        |             ^^^^
      while taking in `krenel`, which `bootloader` requires
      while taking in `bootloader`, which `vm` requires
      help: did you mean `kernel`?
    "#);
}

#[test]
fn a_version_that_does_not_fit() {
    insta::assert_snapshot!(refused(&[element("vm").requires("kernel", "^2"), element("kernel").version("1.4.0")]), @r#"
    image.toml:3:13: `vm` requires `kernel` ^2, and `kernel` 1.4.0 is here
      3 | elements = ["vm", "kernel"]
        |             ^^^^
      help: take a `kernel` whose version fits `^2`, or another `vm`
    "#);
}

#[test]
fn elements_that_exclude_one_another() {
    let ubuntu =
        element("ubuntu").conflicts_with("operating-system").stands_in_for("operating-system");
    insta::assert_snapshot!(refused(&[debian(), ubuntu]), @r#"
    image.toml:3:31: `ubuntu` cannot be in an image with `debian-minimal`, which stands in for `operating-system`
      3 | elements = ["debian-minimal", "ubuntu"]
        |                               ^^^^^^^^
      help: leave one of the two out
    "#);
}

#[test]
fn an_element_under_another_name() {
    let mut liar = element("motd");
    liar.description.name = "debian-minimal".to_owned();
    let shelf = [liar];
    let text = "[image]\nname = \"x\"\nelements = [\"./e/motd.wasm\"]\n";
    let definition =
        dibhost_definition::Definition::parse(text, "image.toml", ".".as_ref()).unwrap();
    struct Renamed(Shelf);
    impl dibhost_plan::planner::Planner for Renamed {
        fn describe(
            &self,
            _: &str,
            base: &std::path::Path,
        ) -> Result<dibhost_plan::planner::Described, ElementFailure> {
            self.0.describe("debian-minimal", base)
        }
        fn known_names(&self) -> Vec<String> {
            Vec::new()
        }
        fn plan_step(
            &self,
            call: &dibhost_plan::planner::StepCall<'_>,
        ) -> Result<StepAnswer, ElementFailure> {
            self.0.plan_step(call)
        }
    }
    let inputs = dibhost_plan::PlanInputs::for_arch("amd64");
    let error = dibhost_plan::plan(&definition, &Renamed(Shelf::new(shelf)), &inputs).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    image.toml:3:13: the element found as `./e/motd.wasm` calls itself `debian-minimal`
      3 | elements = ["./e/motd.wasm"]
        |             ^^^^^^^^^^^^^^^
      help: a name is no proof of what is in a file: name the file `debian-minimal.wasm`, or write `debian-minimal`
    "#);
}

#[test]
fn unsound_descriptions() {
    let mut bad = element("bad")
        .version("one")
        .parameter("x", ParameterKind::Choice(Vec::new()), None)
        .parameter("x", ParameterKind::Secret, Some(json!("y")))
        .requests("telepathy", "all")
        .requests("rootfs", "write etc")
        .requests("bootstrap", "now")
        .provides_as(IN, "dib:boot/kernal@1", Arity::Many, Timing::Planned, None)
        .provides_as(IN, "dib:boot/kernel@1", Arity::One, Timing::Planned, None)
        .provides_as(IN, "dib:block-device/layout@1", Arity::One, Timing::Planned, None)
        .provides_as(IN, "Acme/x", Arity::One, Timing::Planned, None)
        .provides_as(IN, "acme:x/y@1", Arity::One, Timing::Planned, Some(json!({"type": "strin"})))
        .reads_as(IN, "dib:net/nothing@1", Arity::One, true)
        .provides(Phase::Finalise, "dib:boot/kernel@1")
        .plan_only(Phase::Finalise);
    let beyond = |of: &str, key: &str| Extension {
        of: of.to_owned(),
        key: key.to_owned(),
        value: "{}".to_owned(),
    };
    bad.description.extensions =
        vec![beyond("", "!quantum"), beyond("its step `install`", "!fast")];
    insta::assert_snapshot!(refused(&[bad, element("Bad_Name"), element("host")]), @r#"
    image.toml:3:13: the element `bad` (/shelf/bad.wasm) is unsound
      3 | elements = ["bad", "Bad_Name", "host"]
        |             ^^^^^
      help: whoever wrote the element has to mend that
        its version `one` is no semantic version: unexpected character 'o' while parsing major version number
        it declares the parameter `x` twice
        its parameter `x` is a choice of nothing
        its parameter `x` is a secret with a default
        "Acme/x" is no name of a slot, as `acme:net/interface@1` is
        its slot `Acme/x` has no schema: only those of `dib:` go without
        the schema of its slot `acme:x/y@1` is none: "strin" is not valid under any of the schemas listed in the 'anyOf' keyword (at `/type`)
        it reads `dib:net/nothing@1`, and this host has no such slot: it may need a newer one
        it provides `dib:boot/kernal@1`, and this host has no such slot: it may need a newer one
        it declares `dib:boot/kernel@1` as one and planned; it is many and observed
        it provides `dib:block-device/layout@1`, which is the host's alone
        its step `finalise` only plans, and what `dib:boot/kernel@1` holds is observed while building
        it requests the capability "telepathy", which this host does not know
        it requests `rootfs` with the path "etc", which is not absolute
        it requests `bootstrap` with the scope "now", and it has none
        it needs `!quantum`, which this host does not know: it may need a newer one
        it needs `!fast` for its step `install`, which this host does not know: it may need a newer one
    image.toml:3:20: the element `Bad_Name` (/shelf/Bad_Name.wasm) is unsound
      3 | elements = ["bad", "Bad_Name", "host"]
        |                    ^^^^^^^^^^
      help: whoever wrote the element has to mend that
        "Bad_Name" is no name of an element: lower-case letters and digits with single `-` between them
    image.toml:3:32: the element `host` (/shelf/host.wasm) is unsound
      3 | elements = ["bad", "Bad_Name", "host"]
        |                                ^^^^^^
      help: whoever wrote the element has to mend that
        `host` is the name of the host itself
    "#);
}

#[test]
fn parameters() {
    let debian = debian()
        .parameter(
            "release",
            ParameterKind::Choice(vec!["bookworm".to_owned(), "trixie".to_owned()]),
            Some(json!("bookworm")),
        )
        .parameter("mirror", ParameterKind::Text, None)
        .parameter("locales", ParameterKind::TextList, Some(json!([])))
        .parameter("size", ParameterKind::Integer, Some(json!(1)))
        .parameter("fast", ParameterKind::Boolean, Some(json!(true)))
        .parameter(
            "extra",
            ParameterKind::Json(json!({"type": "object", "required": ["a"]})),
            Some(json!({"a": 1})),
        )
        .parameter("password", ParameterKind::Secret, Some(json!(null)));
    let text = r#"[image]
name = "x"
elements = ["debian-minimal"]

[parameters.debian-minimal]
release = "bookwurm"
locales = ["de", 1]
size = "big"
fast = 1
extra = {}
password = "hunter2"
mirrer = "x"

[parameters.debian-minimum]
x = 1
"#;
    insta::assert_snapshot!(refused_text(text, &[debian]), @r#"
    image.toml:6:11: the parameter `release` of `debian-minimal` cannot be "bookwurm" (did you mean `bookworm`?)
      6 | release = "bookwurm"
        |           ^^^^^^^^^^
      help: `release` is one of `bookworm` and `trixie`: what release is
    image.toml:7:11: the parameter `locales` of `debian-minimal` has entries that are no texts
      7 | locales = ["de", 1]
        |           ^^^^^^^^^
      help: `locales` is a list of texts: what locales is
    image.toml:8:8: the parameter `size` of `debian-minimal` has to be a whole number; this is a text
      8 | size = "big"
        |        ^^^^^
      help: `size` is a whole number: what size is
    image.toml:9:8: the parameter `fast` of `debian-minimal` has to be `true` or `false`; this is the number 1
      9 | fast = 1
        |        ^
      help: `fast` is `true` or `false`: what fast is
    image.toml:10:9: the parameter `extra` of `debian-minimal` does not fit its schema: "a" is a required property
      10 | extra = {}
         |         ^^
      help: `extra` is a value that its schema describes: what extra is
    image.toml:11:12: the parameter `password` of `debian-minimal` takes the name of a secret, and `[secrets]` has none of the name it is set to
      help: a secret never stands in a definition; say where it is
        [secrets]
        password = { file = "…" }
        and set `password` to that name
    image.toml:12:1: `debian-minimal` has no parameter `mirrer`
      12 | mirrer = "x"
         | ^^^^^^
      help: did you mean `mirror`?
    image.toml:14:13: `[parameters.debian-minimum]` is about an element that is not in the image
      14 | [parameters.debian-minimum]
         |             ^^^^^^^^^^^^^^
      help: did you mean `debian-minimal`?
    "#);
}

#[test]
fn grants_that_are_missing_come_with_the_lines_to_add() {
    let motd = element("motd")
        .third_party()
        .requests("rootfs", "write /etc/motd")
        .requests("packages", "figlet")
        .requests("packages", "lolcat")
        .requests("bootstrap", "");
    let other = element("other").third_party().requests("exec", "ls").requests("exec", "true");
    let text = r#"[image]
name = "x"
elements = ["motd", "other", "debian-minimal"]

[grants.other]
exec = ["ls"]
rootfs = ["read etc"]

[grants.debain-minimal]
exec = ["*"]
"#;
    insta::assert_snapshot!(refused_text(text, &[motd, other, debian()]), @r#"
    image.toml:3:13: `motd` asks for what the definition does not grant: `rootfs` `write /etc/motd` (for rootfs), `packages` `figlet` (for packages), `packages` `lolcat` (for packages), `bootstrap` (for bootstrap)
      3 | elements = ["motd", "other", "debian-minimal"]
        |             ^^^^^^
      help: if you trust it with that, add
        [grants.motd]
        bootstrap = true
        packages = ["figlet", "lolcat"]
        rootfs = ["write /etc/motd"]
    image.toml:5:9: `other` asks for what the definition does not grant: `exec` `true` (for exec)
      5 | [grants.other]
        |         ^^^^^
      help: if you trust it with that, replace the section by
        [grants.other]
        exec = ["ls", "true"]
        rootfs = ["read etc"]
    image.toml:7:11: this grants `rootfs` with the path "etc", which is not absolute
      7 | rootfs = ["read etc"]
        |           ^^^^^^^^^^
    image.toml:9:9: `[grants.debain-minimal]` is about an element that is not in the image
      9 | [grants.debain-minimal]
        |         ^^^^^^^^^^^^^^
      help: did you mean `debian-minimal`?
    "#);
}

#[test]
fn first_party_elements_can_be_put_under_the_same_rule() {
    let text = "[trust]\nfirst-party = \"explicit\"\n";
    insta::assert_snapshot!(refused_text(text, &[debian()]), @r#"
    image.toml:3:13: `debian-minimal` asks for what the definition does not grant: `bootstrap` (for bootstrap), `facts` `dib:os/distribution@1` (it provides this slot in `root`)
      3 | elements = ["debian-minimal"]
        |             ^^^^^^^^^^^^^^^^
      help: if you trust it with that, add
        [grants.debian-minimal]
        bootstrap = true
        facts = ["dib:os/distribution@1"]
    "#);
    let granted =
        format!("{text}[grants.debian-minimal]\nbootstrap = true\nfacts = [\"dib:os/*\"]\n");
    plan_text(&granted, &[debian()]).unwrap();
}

#[test]
fn circles() {
    let a = element("a").provides(IN, "x:a/v@1").reads(IN, "x:c/v@1");
    let b = element("b").provides(IN, "x:b/v@1").reads(IN, "x:a/v@1");
    let c = element("c").provides(IN, "x:c/v@1").reads(IN, "x:b/v@1");
    let d = element("d").provides(IN, "x:d/v@1").after(IN, "c").reads(IN, "x:c/v@1");
    let lead_in = element("aaa").reads(IN, "x:d/v@1");
    insta::assert_snapshot!(refused(&[a, b, c, d, lead_in]), @r#"
    image.toml:3:13: the steps of the phase `install` wait for one another: `a` → `x:a/v@1` → `b` → `x:b/v@1` → `c` → `x:c/v@1` → `a`
      3 | elements = ["a", "b", "c", "d", "aaa"]
        |             ^^^
      help: leave one of these elements out, or have one of its slots provided or read by another step, or in another phase
    "#);
    insta::assert_snapshot!(refused(&[element("x").after(IN, "y"), element("y").after(IN, "x")]), @r#"
    image.toml:3:13: the steps of the phase `install` wait for one another: `x` → `after` → `y` → `after` → `x`
      3 | elements = ["x", "y"]
        |             ^^^
      help: leave one of these elements out, or have one of its slots provided or read by another step, or in another phase
    "#);
}

#[test]
fn an_unknown_element_to_run_after() {
    let a = element("a").after(IN, "bootlaoder").after(IN, "kernel");
    let text = "[image]\nname = \"x\"\nelements = [\"a\"]\n";
    insta::assert_snapshot!(refused_text(text, &[a, element("bootloader"), element("kernel")]), @r#"
    image.toml:3:13: `a` runs after `bootlaoder` in the phase `install`, and no such element is known
      3 | elements = ["a"]
        |             ^^^
      help: did you mean `bootloader`?
    "#);
}

#[test]
fn a_parameter_by_the_name_of_an_older_definition() {
    let mut old = element("debian")
        .parameter("release", ParameterKind::Text, Some(json!("bookworm")))
        .parameter("mirror", ParameterKind::Text, Some(Value::Null));
    old.description.parameters[0].aliases = vec!["DIB_RELEASE".to_owned()];
    let text = "[parameters.debian]\nDIB_RELEASE = \"trixie\"\n";
    insta::assert_snapshot!(refused_text(text, &[old]), @r#"
    image.toml:5:1: `debian` has no parameter `DIB_RELEASE`
      5 | DIB_RELEASE = "trixie"
        | ^^^^^^^^^^^
      help: did you mean `release`? `DIB_RELEASE` is what an older definition calls it
    "#);
}

#[test]
fn an_unknown_step_to_run_before() {
    let b = element("b").named(IN, "ask").named(IN, "hear");
    let a = element("a").before(IN, "b/haer").before(IN, "b/ask").before(IN, "absent/x");
    let text = "[image]\nname = \"x\"\nelements = [\"a\", \"b\"]\n";
    insta::assert_snapshot!(refused_text(text, &[a, b, element("absent")]), @r#"
    image.toml:3:13: `a` runs before `b/haer` in the phase `install`, and `b` has no such step in it
      3 | elements = ["a", "b"]
        |             ^^^
      help: did you mean `b/hear`?
    "#);
}

#[test]
fn names_of_steps_that_are_none() {
    let mut bad = element("bad").named(IN, "finalise").named(IN, "Two words").after(IN, "x/y z");
    let again = bad.description.steps[0].clone();
    bad.description.steps.push(again);
    insta::assert_snapshot!(refused(&[bad]), @r#"
    image.toml:3:13: the element `bad` (/shelf/bad.wasm) is unsound
      3 | elements = ["bad"]
        |             ^^^^^
      help: whoever wrote the element has to mend that
        it declares the step `finalise` twice
        its step `finalise` is one of the phase `install`: the name of a phase is for a step of it
        "Two words" is no name of a step
        "y z" is no name of a step
        its step `finalise` is one of the phase `install`: the name of a phase is for a step of it
    "#);
}

#[test]
fn a_step_that_fails_is_named_where_its_element_has_several() {
    let fails =
        element("fails").named(IN, "ask").named(IN, "hear").answers(|call| match call.step {
            "hear" => Err(ElementFailure::new("nothing was said")),
            _ => Ok(StepAnswer::default()),
        });
    insta::assert_snapshot!(refused(&[fails]), @r#"
    image.toml:3:13: `fails/hear` fails while it plans the phase `install`: nothing was said
      3 | elements = ["fails"]
        |             ^^^^^^^
    "#);
}

#[test]
fn wishes_that_are_not_granted_or_cannot_be() {
    let package = |name: &str| install(name);
    let sneaky = element("sneaky").requests("packages", "figlet").wishes(IN, &[package("sudo")]);
    insta::assert_snapshot!(refused(&[debian(), sneaky]), @r#"
    image.toml:3:31: `sneaky` wishes for what it may not: it holds no grant `packages` that covers `sudo`
      3 | elements = ["debian-minimal", "sneaky"]
        |                               ^^^^^^^^
    "#);
    let odd = element("odd").wishes(IN, &[package("-o=Dpkg::Pre-Invoke::=reboot")]);
    insta::assert_snapshot!(refused(&[debian(), odd]), @r#"
    image.toml:3:31: `odd` wishes for what cannot be: the package name "-o=Dpkg::Pre-Invoke::=reboot" has '=' in it
      3 | elements = ["debian-minimal", "odd"]
        |                               ^^^^^
    "#);
    let mut late = debian();
    late.description.name = "late".to_owned();
    let wish = Wish::Nodes(vec![Node {
        name: "d".to_owned(),
        on: Vec::new(),
        kind: NodeKind::PhysicalVolume,
    }]);
    insta::assert_snapshot!(refused(&[debian(), element("late").wishes(IN, &[wish])]), @r#"
    image.toml:3:31: `late` wishes for block-device nodes in the phase `install`: the layout is settled when `block-device` is planned
      3 | elements = ["debian-minimal", "late"]
        |                               ^^^^^^
    "#);
}

#[test]
fn failures_and_fatal_findings_of_elements() {
    let fails = element("fails").step(IN).provides(IN, "x:y/z@1").answers(|_| {
        Err(ElementFailure {
            message: "the wind was wrong".to_owned(),
            context: vec!["asking the wind".to_owned()],
            help: Some("wait".to_owned()),
        })
    });
    // Depends on the one that fails: nothing more is said of it.
    let follows = element("follows")
        .reads(IN, "x:y/z@1")
        .answers(|_| Err(ElementFailure::new("not to be seen")));
    let warns = element("warns")
        .parameter("p", ParameterKind::Integer, Some(json!(1)))
        .step(IN)
        .answers(|_| {
            Ok(StepAnswer {
                findings: vec![Finding {
                    parameter: Some("p".to_owned()),
                    message: "seven is unlucky".to_owned(),
                    help: Some("take eight".to_owned()),
                    fatal: true,
                }],
                ..StepAnswer::default()
            })
        });
    insta::assert_snapshot!(refused_text("[parameters.warns]\np = 7\n", &[fails, follows, warns]), @r#"
    image.toml:3:13: `fails` fails while it plans the phase `install`: the wind was wrong
      3 | elements = ["fails", "follows", "warns"]
        |             ^^^^^^^
      while asking the wind
      help: wait
    image.toml:5:5: `warns`, of its parameter `p`: seven is unlucky
      5 | p = 7
        |     ^
      help: take eight
    "#);
}

#[test]
fn contradicting_wishes_name_both_elements() {
    let uid = |name: &str, uid| Wish::User(User { uid: Some(uid), ..user(name) });
    let unit = |text: &str| Wish::ServiceDefinition {
        unit: "x.service".to_owned(),
        content: text.to_owned(),
    };
    let group = |name: &str, gid| Wish::Group { name: name.to_owned(), gid: Some(gid) };
    let a = element("a").wishes(
        IN,
        &[
            install("curl"),
            version("tar", "1.0"),
            service("ssh.service", UnitState::Enabled),
            unit("[Unit]\n"),
            uid("me", 1000),
            group("us", 1000),
            answer("asks", "x/y", "yes"),
        ],
    );
    let b = element("b").wishes(
        Phase::PostInstall,
        &[
            remove("curl"),
            remove("dbus"),
            version("tar", "2.0"),
            service("ssh.service", UnitState::Masked),
            unit("[Service]\n"),
            uid("me", 1001),
            uid("you", 1000),
            group("us", 1001),
            answer("asks", "x/y", "no"),
        ],
    );
    let mut second = debian();
    second.description.name = "devuan".to_owned();
    let second = second.answers(|_| {
        Ok(StepAnswer {
            wishes: vec![Wish::Bootstrap(dibhost_plan::wish::Bootstrap::Container(
                "x/y:1".to_owned(),
            ))],
            ..StepAnswer::default()
        })
    });
    insta::assert_snapshot!(refused(&[a, b, debian(), second]), @r"
    the package `curl`: `a` (`install`) wants it installed, and `b` (`post-install`) wants it removed
      help: set a parameter of one of the two so that they agree, or leave one out
    the package `dbus`: `debian-minimal` (`root`) wants it in the first tree, and `b` (`post-install`) wants it removed
      help: set a parameter of one of the two so that they agree, or leave one out
    the package `tar`: `a` (`install`) wants the version 1.0, and `b` (`post-install`) wants the version 2.0
      help: set a parameter of one of the two so that they agree, or leave one out
    both `debian-minimal` and `devuan` make the first tree
      help: an image starts from one tree: leave one of the elements out
    the question `x/y` of the package `asks`: `a` (`install`) wants `string yes`, and `b` (`post-install`) wants `string no`
      help: set a parameter of one of the two so that they agree, or leave one out
    the group `us`: `a` (`install`) wants the number 1000, and `b` (`post-install`) wants the number 1001
      help: set a parameter of one of the two so that they agree, or leave one out
    the user number 1000: `a` (`install`) wants it for `me`, and `b` (`post-install`) wants it for `you`
      help: set a parameter of one of the two so that they agree, or leave one out
    the user `me`: `a` (`install`) wants the number `1000`, and `b` (`post-install`) wants the number `1001`
      help: set a parameter of one of the two so that they agree, or leave one out
    the text of the unit `x.service`: `a` (`install`) wants one, and `b` (`post-install`) wants another
      help: set a parameter of one of the two so that they agree, or leave one out
    the unit `ssh.service`: `a` (`install`) wants it enabled, and `b` (`post-install`) wants it masked
      help: set a parameter of one of the two so that they agree, or leave one out
    ");
}

#[test]
fn packages_without_a_tree_to_put_them_in() {
    insta::assert_snapshot!(refused(&[element("a").wishes(IN, &[install("curl")])]), @r"
    packages are wished for in the phase `install`, and no element makes the first tree
      help: add an element that does, such as `debian-minimal`
    ");
}

#[test]
fn block_devices_that_make_no_sense() {
    let mount = Node {
        name: "mount".to_owned(),
        on: vec!["nothing".to_owned()],
        kind: NodeKind::Mount { at: "/".to_owned(), options: Vec::new(), in_fstab: true },
    };
    let vm =
        |name: &str| element(name).wishes(Phase::BlockDevice, &[Wish::Nodes(vec![mount.clone()])]);
    insta::assert_snapshot!(refused(&[vm("vm")]), @r"
    the block-device node `mount` makes no sense: it stands on `nothing`, which is no node
      while putting together the nodes, of which `vm` adds this one
      help: there is no other node
    ");
    insta::assert_snapshot!(refused(&[vm("vm"), vm("wm")]), @r#"
    image.toml:3:19: `vm` and `wm` both add a block-device node `mount`
      3 | elements = ["vm", "wm"]
        |                   ^^^^
    "#);
    let replaces = element("a").wishes(Phase::BlockDevice, &[Wish::ReplaceNode(mount.clone())]);
    insta::assert_snapshot!(refused(&[vm("vm"), replaces]), @r#"
    image.toml:3:19: `a` replaces the block-device node `mount`, and no element that it runs after adds one
      3 | elements = ["vm", "a"]
        |                   ^^^
    "#);
}

#[test]
fn an_image_whose_programs_this_machine_does_not_run() {
    let definition = |elements: &str| {
        let text = format!("[image]\nname = \"x\"\narch = \"arm64\"\nelements = [{elements}]\n");
        dibhost_definition::Definition::parse(&text, "image.toml", ".".as_ref()).unwrap()
    };
    let shelf = Shelf::new([debian(), element("idle").step(IN)]);
    let mut inputs = dibhost_plan::PlanInputs::for_arch("amd64");
    let able = dibhost_plan::plan(&definition("\"debian-minimal\""), &shelf, &inputs).unwrap();
    inputs.cannot_run = Some("the kernel has no interpreter".to_owned());
    let unable = dibhost_plan::plan(&definition("\"debian-minimal\""), &shelf, &inputs).unwrap();
    let told = |plan: &dibhost_plan::Plan| {
        let said = plan.findings.iter().map(|finding| finding.message.clone());
        said.filter(|message| message.contains("interpreter")).collect::<Vec<_>>()
    };
    assert_eq!(told(&able), <[&str; 0]>::default());
    assert_eq!(told(&unable), ["a build here would be refused: the kernel has no interpreter"]);
    assert_eq!(able.digest, unable.digest);
    // What starts no program can be built anywhere.
    let idle = dibhost_plan::plan(&definition("\"idle\""), &shelf, &inputs).unwrap();
    assert_eq!(told(&idle), <[&str; 0]>::default());
}
