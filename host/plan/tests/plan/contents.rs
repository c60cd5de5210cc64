//! What the definition says in its own keys: who carries it out, with which rights, and where it was
//! said.

use std::path::Path;

use dibhost_definition::{Definition, Diagnostics};
use dibhost_inputs::{Inputs, Known};
use dibhost_plan::description::ParameterKind;
use dibhost_plan::planner::StepAnswer;
use dibhost_plan::wish::{PackageWish, UnitState, Want, Wish};
use dibhost_plan::{Phase, Plan, PlanInputs, lock};
use serde_json::json;
use tempfile::TempDir;

use crate::elements::*;

const ARGUMENT: &str = "dib:boot/kernel-argument@1";

/// Asks for what the real one asks for, and wishes for what its parameters say, of some of them.
fn own() -> Element {
    let mut own = element("definition");
    for name in ["packages", "repositories", "users", "files", "units", "commands", "sysctl"] {
        own = own.parameter(name, ParameterKind::Json(json!({})), Some(json!([])));
    }
    for name in ["hostname", "locale", "timezone"] {
        own = own.parameter(name, ParameterKind::Text, Some(json!(null)));
    }
    own = own.parameter("kernel-arguments", ParameterKind::TextList, Some(json!([])));
    for (capability, scope) in [
        ("accounts", "*"),
        ("accounts-sudo", "*"),
        ("exec", "*"),
        ("exec", "network"),
        ("facts", ARGUMENT),
        ("inputs", "definition.*"),
        ("packages", "*"),
        ("repositories", "* key:*"),
        ("rootfs", "write /"),
        ("secret", "place password-*"),
        ("services", "*"),
        ("services-define", "*"),
    ] {
        own = own.requests(capability, scope);
    }
    own = own.step(Phase::Install).plan_only(Phase::Install).provides(Phase::Install, ARGUMENT);
    own = own.step(Phase::PostInstall).plan_only(Phase::PostInstall);
    own = own.named(Phase::PostInstall, "place").named(Phase::PostInstall, "settle");
    for phase in ["install", "post-install", "finalise"] {
        own = own.named(phase.parse().unwrap(), &format!("run-{phase}"));
    }
    own.answers(|call| {
        let mut answer = StepAnswer::default();
        let texts = |name: &str, field: &str| -> Vec<String> {
            let list = call.parameters[name].as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|v| v[field].as_str().map(str::to_owned)).collect()
        };
        if call.step == "install" {
            for name in texts("packages", "name") {
                let (reason, want) = (String::new(), Want::Install);
                answer.wishes.push(Wish::Package(PackageWish {
                    name,
                    version: None,
                    want,
                    reason,
                }));
            }
            for name in texts("users", "name") {
                answer.wishes.push(Wish::User(user(&name)));
            }
            for (user, parameter) in
                texts("users", "name").into_iter().zip(texts("users", "password"))
            {
                assert!(call.description.parameters.iter().any(|p| p.name == parameter));
                answer.wishes.push(Wish::Password { user, parameter });
            }
            for argument in call.parameters["kernel-arguments"].as_array().unwrap() {
                let (slot, key) = (ARGUMENT.to_owned(), argument.to_string());
                answer.facts.push((slot, key, json!({"argument": argument})));
            }
        }
        if call.step == "post-install" {
            for path in texts("files", "path") {
                answer.wishes.push(file(&path, "of the definition"));
            }
            for unit in texts("units", "name") {
                answer.wishes.push(service(&unit, UnitState::Enabled));
            }
        }
        Ok(answer)
    })
}

const HEAD: &str = "[image]\nname = \"x\"\nelements = [\"debian-minimal\"]\n";

/// A definition's folder with a key, a script and a folder.
fn beside() -> TempDir {
    let base = TempDir::new().unwrap();
    let at = |name: &str| base.path().join(name);
    std::fs::create_dir(at("www")).unwrap();
    std::fs::write(at("www/index.html"), "hello").unwrap();
    std::fs::write(at("key.asc"), include_str!("../debian-release-bookworm.asc")).unwrap();
    std::fs::write(at("x.sh"), "#!/bin/sh -e\ntrue\n").unwrap();
    base
}

/// Plans as the program does: inputs are read first.
fn plan_at(base: &Path, text: &str, elements: &[Element]) -> Result<Plan, Diagnostics> {
    let definition = Definition::parse(text, "image.toml", base)?;
    let places = definition.all_inputs();
    let places: Vec<_> =
        places.values().map(|i| (i.name.value.clone(), base.join(&i.path.value))).collect();
    let places = places.iter().map(|(n, p)| (n.as_str(), p.as_path()));
    let inputs = Inputs::open(places, &mut Known::default());
    let inputs = PlanInputs { inputs, ..PlanInputs::for_arch("amd64") };
    dibhost_plan::plan(&definition, &Shelf::new(elements.iter().cloned()), &inputs)
}

const WHOLE: &str = r#"
packages = ["nginx", "!snapd"]
hostname = "web"
locale = "de_DE.UTF-8"
timezone = "Europe/Berlin"

[image]
name = "x"
elements = ["debian-minimal"]

[[files]]
path = "/srv/www"
source = "www"

[[files]]
path = "/lib/x"
content = ""

[[users]]
name = "deploy"
groups = ["adm"]
sudo = "nopasswd"
password = "deploy"

[[units]]
name = "hello.service"
content = "[Unit]"
state = "enabled"

[[repositories]]
name = "vendor"
url = "https://packages.example/debian"
suites = ["stable"]
key = "key.asc"

[[commands]]
run = ["systemctl", "preset-all"]

[[commands]]
phase = "finalise"
script = "x.sh"
network = true

[sysctl]
"a.b" = "1"

[kernel]
arguments = ["quiet"]

[secrets]
deploy = { environment = "DEPLOY" }
"#;

fn held(plan: &Plan) -> Vec<String> {
    let own = plan.element("definition").unwrap();
    own.grants.iter().map(|grant| grant.right.to_string()).collect()
}

#[test]
fn it_holds_what_the_definition_says_whatever_is_trusted() {
    let base = beside();
    let explicit = format!("{WHOLE}\n[trust]\nfirst-party = \"explicit\"\n");
    for text in [WHOLE, &explicit] {
        let mut base_system = debian();
        if text.len() > WHOLE.len() {
            base_system = base_system.third_party();
        }
        let text = match text.len() > WHOLE.len() {
            true => format!(
                "{text}\n[grants.debian-minimal]\nbootstrap = true\nfacts = [\"dib:os/distribution@1\"]\n"
            ),
            false => text.to_owned(),
        };
        let plan = plan_at(base.path(), &text, &[base_system, own()]).unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(held(&plan).join("\n"), @r#"
            accounts adm
            accounts deploy
            accounts-sudo deploy
            exec /bin/sh
            exec network
            exec systemctl
            facts dib:boot/kernel-argument@1
            inputs definition.key.asc
            inputs definition.www
            inputs definition.x.sh
            packages locales
            packages nginx
            packages snapd
            packages tzdata
            repositories https://packages.example/debian key:4D64FEC119C2029067D6E791F8D2585B8783D481
            rootfs read /usr/share/zoneinfo
            rootfs write /etc/default/locale
            rootfs write /etc/hostname
            rootfs write /etc/hosts
            rootfs write /etc/localtime
            rootfs write /etc/sysctl.d/90-dibhost.conf
            rootfs write /etc/timezone
            rootfs write /lib/x
            rootfs write /srv/www
            rootfs write /usr/lib/x
            rootfs write /var/tmp/dibhost-definition
            secret place password-deploy
            services hello.service
            services-define hello.service
            "#);
        }
    }
}

#[test]
fn steps_without_anything_to_do_are_not_there() {
    let base = beside();
    let steps = |text: &str| -> Vec<String> {
        let plan = plan_at(base.path(), text, &[debian(), own()]).unwrap();
        let own = plan.steps.iter().filter(|s| s.element == "definition");
        own.map(|s| format!("{} {}", s.phase, s.name())).collect()
    };
    let little = format!("packages = [\"nginx\"]\n{HEAD}");
    assert_eq!(steps(&little), ["install install", "post-install post-install"]);
    let all = [
        "install install",
        "post-install post-install",
        "post-install settle",
        "post-install run-post-install",
        "finalise run-finalise",
    ];
    assert_eq!(steps(WHOLE), all);
    assert!(
        !held(&plan_at(base.path(), &little, &[debian(), own()]).unwrap())
            .iter()
            .any(|g| g.contains("facts"))
    );
}

#[test]
fn commands_come_after_the_steps_of_other_elements() {
    let base = beside();
    let late = element("zeta").step(Phase::PostInstall);
    let text = WHOLE.replace("[\"debian-minimal\"]", "[\"debian-minimal\", \"zeta\"]");
    let plan = plan_at(base.path(), &text, &[debian(), own(), late]).unwrap();
    let order: Vec<String> = plan.steps_of(Phase::PostInstall).map(|s| s.label()).collect();
    assert_eq!(order.last().unwrap(), "definition/run-post-install", "{order:?}");
}

#[test]
fn a_component_of_another_origin_gets_nothing_of_it() {
    let base = beside();
    let refused = |text: &str, elements: &[Element]| {
        plan_at(base.path(), text, elements).map(|plan| plan.to_text()).unwrap_err().to_string()
    };
    let said = format!("packages = [\"nginx\"]\n{HEAD}");
    insta::assert_snapshot!(refused(&said, &[debian(), own().third_party()]), @r#"
    image.toml:1:13: the element `definition` found at /shelf/definition.wasm is not the one that was shipped with this host, and what the definition says in keys of its own is given to no other
      1 | packages = ["nginx"]
        |             ^^^^^^^
      help: move that file away, or install dibhost with the elements that belong to it
    "#);
    for named in ["definition", "./own/definition.wasm"] {
        for (of, first_party) in [(own(), true), (own().third_party(), false)] {
            let text =
                HEAD.replace("\"debian-minimal\"", &format!("\"debian-minimal\", \"{named}\""));
            let wrong = refused(&text, &[debian(), of]);
            assert!(
                wrong.contains("is the name of the element that carries out"),
                "{first_party} {wrong}"
            );
            assert!(wrong.starts_with("image.toml:3:31"), "{wrong}");
        }
    }
    let needy = element("needy").requires("definition", "");
    let text = HEAD.replace("\"debian-minimal\"", "\"debian-minimal\", \"needy\"");
    let wrong = refused(&text, &[debian(), needy, own()]);
    assert!(wrong.contains("is the name of the element that carries out"), "{wrong}");
    assert!(wrong.contains("which `needy` requires"), "{wrong}");
    // Nothing said, and it is not there.
    let plan = plan_at(base.path(), HEAD, &[debian(), own()]).unwrap();
    assert!(plan.element("definition").is_none());
}

#[test]
fn why_names_the_line() {
    let base = beside();
    let plan = plan_at(base.path(), WHOLE, &[debian(), own()]).unwrap();
    let told: Vec<String> = [
        "package:nginx",
        "file:/srv/www",
        "user:deploy",
        "unit:hello.service",
        "kernel-argument:quiet",
        "element:definition",
    ]
    .map(|subject| plan.why(subject).unwrap().to_text())
    .to_vec();
    insta::assert_snapshot!(told.join("\n"), @r#"
    package:nginx
      installed before the steps of `root`
      the definition (image.toml:2:13) wants it installed

    file:/srv/www
      placed before the steps of `post-install`: file /srv/www: "of the definition"
      the definition (image.toml:12:8) wants the file /srv/www: "of the definition"

    user:deploy
      made before the steps of `install`: deploy
      the definition (image.toml:20:8) wants the account deploy
      the definition (image.toml:20:8) wants the password that its parameter `password-deploy` names

    unit:hello.service
      enabled before the steps of `post-install`
      the definition (image.toml:26:8) wants it enabled

    kernel-argument:quiet
      a fact of `dib:boot/kernel-argument@1`, read by nobody
      the definition (image.toml:48:14) gives quiet

    element:definition
      1.0.0, found at /shelf/definition.wasm
    "#);
}

#[test]
fn what_contradicts_an_element_names_both() {
    let base = beside();
    let other = element("other")
        .wishes(Phase::Install, &[remove("nginx"), file("/lib/x", "another")])
        .wishes(Phase::Install, &[service("hello.service", UnitState::Disabled)])
        .provides(Phase::Install, ARGUMENT)
        .gives(&[(ARGUMENT, "", json!({"argument": "quiet=0"}))]);
    let text = WHOLE.replace("[\"debian-minimal\"]", "[\"debian-minimal\", \"other\"]");
    let wrong = plan_at(base.path(), &text, &[debian(), own(), other]).unwrap_err();
    insta::assert_snapshot!(wrong, @r#"
    image.toml:2:13: the package `nginx`: the definition (image.toml:2:13) wants it installed, and `other` (`install`) wants it removed
      2 | packages = ["nginx", "!snapd"]
        |             ^^^^^^^
      help: change the line of the definition, set a parameter of `other` so that they agree, or leave one of the two out
    image.toml:16:8: the path `/lib/x`: `other` (`install`) wants a file with "another", and the definition (image.toml:16:8) wants a file with "of the definition"
      16 | path = "/lib/x"
         |        ^^^^^^^^
      help: change the line of the definition, set a parameter of `other` so that they agree, or leave one of the two out
    image.toml:26:8: the unit `hello.service`: `other` (`install`) wants it disabled, and the definition (image.toml:26:8) wants it enabled
      26 | name = "hello.service"
         |        ^^^^^^^^^^^^^^^
      help: change the line of the definition, set a parameter of `other` so that they agree, or leave one of the two out
    image.toml:48:14: the kernel argument `quiet`: the definition (image.toml:48:14) wants `quiet`, and `other` (`install`) wants `quiet=0`
      48 | arguments = ["quiet"]
         |              ^^^^^^^
      help: change the line of the definition, set a parameter of `other` so that they agree, or leave one of the two out
    "#);
}

#[test]
fn files_beside_the_definition_are_what_they_are_for() {
    let base = beside();
    let at = |name: &str| base.path().join(name);
    std::fs::write(at("none.sh"), "true\n").unwrap();
    std::fs::write(at("dos.sh"), "#!/bin/sh\r\ntrue\r\n").unwrap();
    std::fs::write(at("bare.sh"), "#!sh\n").unwrap();
    std::fs::write(at("no.asc"), "no key").unwrap();
    let script = |name: &str| format!("{HEAD}[[commands]]\nscript = \"{name}\"\n");
    let key = |name: &str| {
        format!(
            "{HEAD}[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = [\"s\"]\nkey = \"{name}\"\n"
        )
    };
    let file = |name: &str| format!("{HEAD}[[files]]\npath = \"/a\"\nsource = \"{name}\"\n");
    for (text, place, says) in [
        (script("none.sh"), "image.toml:5:10", "the script `none.sh` does not begin with `#!`"),
        (script("dos.sh"), "image.toml:5:10", "lines that end as on Windows"),
        (script("bare.sh"), "image.toml:5:10", "names no interpreter by its path"),
        (script("www"), "image.toml:5:10", "the script `www` is a folder"),
        (script("gone.sh"), "image.toml:5:10", "`gone.sh` cannot be read"),
        (key("no.asc"), "image.toml:8:7", "the key `no.asc` "),
        (key("www"), "image.toml:8:7", "the key `www` is a folder"),
        (key("gone.asc"), "image.toml:8:7", "`gone.asc` cannot be read"),
        (file("gone"), "image.toml:6:10", "`gone` cannot be read"),
    ] {
        let wrong = plan_at(base.path(), &text, &[debian(), own()]).unwrap_err().to_string();
        assert!(wrong.starts_with(place), "{place} {wrong}");
        assert!(wrong.contains(says), "{says} {wrong}");
    }
}

#[test]
fn nobody_has_to_agree_to_what_the_definition_says() {
    let base = beside();
    let plan = plan_at(base.path(), WHOLE, &[debian(), own()]).unwrap();
    let locked = lock::locked(&plan);
    assert!(locked["definition"].requests.is_empty());
    let definition = Definition::parse(
        &format!("{WHOLE}\n[trust]\nfirst-party = \"explicit\"\n"),
        "image.toml",
        base.path(),
    )
    .unwrap();
    let mut older = locked.clone();
    older.get_mut("definition").unwrap().digest = "sha256:0".to_owned();
    assert!(lock::grown(&older, &definition, &plan).iter().all(|g| g.element != "definition"));
}

#[test]
fn places_are_no_part_of_the_digest() {
    let base = beside();
    let plan = |text: &str| plan_at(base.path(), text, &[debian(), own()]).unwrap();
    let (one, other) = (plan(WHOLE), plan(&format!("\n\n# moved\n{WHOLE}")));
    assert_ne!(one.places, other.places);
    assert_eq!(one.digest, other.digest);
    assert_eq!(one.places["package:nginx"], "image.toml:2:13");
}
