//! Wishes by family of packages, and what is more to units and accounts: merged, told, keyed, and
//! refused where they contradict one another or the image.

use dibhost_definition::Definition;
use dibhost_plan::description::ParameterKind;
use dibhost_plan::diff::Difference;
use dibhost_plan::wish::{
    Bootstrap, Distribution, ModuleStream, PackageGroup, PresetAction, Repository, RpmDistribution,
    RpmLocation, RpmOrigin, RpmRepository, Sudo, User, Want, Wish,
};
use dibhost_plan::{PasswordHash, Phase, Plan, PlanInputs};
use serde_json::json;

use crate::elements::*;

const IN: Phase = Phase::Install;
const LATER: Phase = Phase::PostInstall;
/// Of `secret`.
const HASH: &str = "$5$Rm5sUgD/y3cqEVaq$8e71ksAFiFM7X480NjBLHNccFwf/w0tY3WAMItzeBU1";

/// A first tree by another package manager.
fn system(manager: &str) -> Element {
    system_of(manager, (manager != "apt").then(rpm_distribution))
}

fn system_of(manager: &str, rpm: Option<RpmDistribution>) -> Element {
    let first = Bootstrap::Distribution(Distribution {
        package_manager: manager.to_owned(),
        release: "42".to_owned(),
        rpm,
        ..Distribution::default()
    });
    element("system").wishes(Phase::Root, &[Wish::Bootstrap(first)])
}

fn rpm_distribution() -> RpmDistribution {
    let origin = RpmOrigin {
        name: "os".to_owned(),
        url: "https://mirror.example/42/os".to_owned(),
        keys: vec![include_str!("../debian-release-bookworm.asc").to_owned()],
        index_unsigned: true,
    };
    RpmDistribution {
        origins: vec![origin],
        base: vec!["rpm".to_owned()],
        module_platform: None,
        weak_dependencies: false,
        documentation: true,
        languages: None,
    }
}

fn rpm_repository(cost: Option<u32>) -> Wish {
    Wish::Repository(Repository::Rpm(RpmRepository {
        name: "epel".to_owned(),
        url: "https://mirrors.example/metalink?repo=epel-9".to_owned(),
        location: RpmLocation::Metalink,
        keys: vec![include_str!("../two-keys.asc").to_owned()],
        priority: Some(90),
        cost,
        module_hotfixes: cost.is_some(),
        build_only: false,
    }))
}

fn module(stream: &str) -> Wish {
    let (name, stream) = ("nodejs".to_owned(), stream.to_owned());
    Wish::Module(ModuleStream { name, stream, reason: "the newest".to_owned() })
}

fn group(id: &str) -> Wish {
    Wish::PackageGroup(PackageGroup { id: id.to_owned(), reason: "what is usual".to_owned() })
}

fn for_the_build(name: &str) -> Wish {
    let mut wanted = deb_repository(name);
    wanted.build_only = true;
    Wish::Repository(Repository::Deb(wanted))
}

fn drop_in(unit: &str, name: &str, content: &str) -> Wish {
    let (unit, name, content) = (unit.to_owned(), name.to_owned(), content.to_owned());
    Wish::DropIn { unit, name, content }
}

fn preset(number: u8, unit: &str, action: PresetAction) -> Wish {
    Wish::Preset { number, unit: unit.to_owned(), action }
}

/// What of a plan's text begins so.
fn told(plan: &Plan, beginnings: &[&str]) -> String {
    let text = plan.to_text();
    let lines = text.lines().map(str::trim_start);
    let wanted = |line: &&str| beginnings.iter().any(|beginning| line.starts_with(beginning));
    lines.filter(wanted).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_first_tree_of_rpm_packages_says_what_it_is_made_of_and_no_other_does() {
    let none = RpmDistribution { origins: Vec::new(), ..rpm_distribution() };
    let empty = RpmDistribution { base: Vec::new(), ..rpm_distribution() };
    for (manager, rpm, wrong) in [
        ("dnf", None, "makes the first tree by `dnf`, and names no repository to make it from"),
        ("zypper", Some(none), "names no repository to make it from"),
        ("dnf", Some(empty), "names no package to make it of"),
        ("apt", Some(rpm_distribution()), "names repositories of RPM packages, which it knows"),
    ] {
        let said = refused(&[system_of(manager, rpm)]);
        assert!(said.contains(wrong), "{said}");
    }
    let mut unkeyed = rpm_distribution();
    unkeyed.origins[0].keys.clear();
    let said = refused(&[system_of("dnf", Some(unkeyed))]);
    assert!(said.contains("names no key"), "{said}");

    let plan = plan_of(&[system("dnf"), element("x").wishes(IN, &[install("NetworkManager")])]);
    let plan = plan.unwrap();
    let text = plan.to_text();
    // Where it is from, and by which key.
    for told in [
        "by dnf from https://mirror.example/42/os",
        "https://mirror.example/42/os (`os`, key 4D64FEC119C2029067D6E791F8D2585B8783D481, its index unsigned)",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn what_the_builder_needs_is_the_package_managers() {
    for (manager, programs, deferred) in [
        ("apt", ["apt-cache", "apt-get", "dpkg-deb"], "update-initramfs"),
        ("dnf", ["apt-get", "dnf", "rpm"], "dracut"),
        ("zypper", ["apt-get", "rpm", "zypper"], "dracut"),
    ] {
        let plan = plan_of(&[system(manager)]).unwrap();
        let first =
            plan.actions.iter().find(|a| a.name == "make the first tree in `root`").unwrap();
        assert_eq!(first.programs, programs);
        assert_eq!(plan.deferred_triggers[0].program, deferred);
    }
    // What the first tree is made from is what its key is made of.
    let key = |url: &str| {
        let mut rpm = rpm_distribution();
        rpm.origins[0].url = url.to_owned();
        let plan = plan_of(&[system_of("dnf", Some(rpm))]).unwrap();
        plan.actions.iter().find(|a| a.name == "make the first tree in `root`").unwrap().key.clone()
    };
    assert_ne!(key("https://a.example/os"), key("https://b.example/os"));
}

#[test]
fn a_name_that_no_package_of_debians_has_is_refused_where_apt_makes_the_tree() {
    let odd =
        element("odd").wishes(IN, &[Wish::Package(package_wish("Network_Manager", Want::Install))]);
    insta::assert_snapshot!(refused(&[debian(), odd.clone()]), @r"
    `odd` (`install`) wishes for the package `Network_Manager`, which has 'N' in it: no package of Debian's has
      help: did you mean `network-manager`?
    ");
    assert!(plan_of(&[system("dnf"), odd]).is_ok());
}

#[test]
fn what_the_package_manager_does_not_know_is_refused_with_who_made_the_tree() {
    let all = element("all").wishes(
        IN,
        &[
            rpm_repository(Some(500)),
            repository("extra"),
            module("20"),
            group("core"),
            answer("tzdata", "tzdata/Areas", "Etc"),
        ],
    );
    insta::assert_snapshot!(refused(&[debian(), all.clone()]), @r"
    `all` (`install`) wishes for the repository `epel` of RPM packages, which `apt` knows nothing of, and `debian-minimal` (`root`) makes the first tree by that
      help: that is for images of `dnf` and `zypper`: leave `all` out, or have it look at `dib:os/distribution@1` before it wishes
    `all` (`install`) wishes for the cost of the repository `epel`, which `apt` knows nothing of, and `debian-minimal` (`root`) makes the first tree by that
      help: that is for images of `dnf`: leave `all` out, or have it look at `dib:os/distribution@1` before it wishes
    `all` (`install`) wishes for hot fixes of modules of the repository `epel`, which `apt` knows nothing of, and `debian-minimal` (`root`) makes the first tree by that
      help: that is for images of `dnf`: leave `all` out, or have it look at `dib:os/distribution@1` before it wishes
    `all` (`install`) wishes for the module `nodejs:20`, which `apt` knows nothing of, and `debian-minimal` (`root`) makes the first tree by that
      help: that is for images of `dnf`: leave `all` out, or have it look at `dib:os/distribution@1` before it wishes
    `all` (`install`) wishes for the group of packages `core`, which `apt` knows nothing of, and `debian-minimal` (`root`) makes the first tree by that
      help: that is for images of `dnf`: leave `all` out, or have it look at `dib:os/distribution@1` before it wishes
    ");
    let refused_by = |manager: &str| {
        let text = refused(&[system(manager), all.clone()]);
        let subject = |line: &str| {
            let line = line.strip_prefix("`all` (`install`) wishes for ")?;
            line.split(", which").next().map(str::to_owned)
        };
        text.lines().filter_map(subject).collect::<Vec<_>>().join("; ")
    };
    insta::assert_snapshot!(refused_by("dnf"), @"the repository `extra` of Debian packages; an answer to the question `tzdata/Areas` of the package `tzdata`");
    insta::assert_snapshot!(refused_by("zypper"), @"the cost of the repository `epel`; hot fixes of modules of the repository `epel`; the repository `extra` of Debian packages; the module `nodejs:20`; the group of packages `core`; an answer to the question `tzdata/Areas` of the package `tzdata`");
    // Of a tree that somebody else made, the system tells.
    let container = element("container")
        .wishes(Phase::Root, &[Wish::Bootstrap(Bootstrap::Container("x/y:1".to_owned()))])
        .provides(Phase::Root, "dib:os/distribution@1")
        .gives(&[(
            "dib:os/distribution@1",
            "",
            json!({
                "id": "fedora", "version-id": "42", "codename": "", "family": "fedora",
                "package-manager": "dnf", "init": "systemd", "default-user": "fedora"
            }),
        )]);
    let wants = element("wants").wishes(IN, &[repository("extra")]);
    let refusal = refused(&[container.clone(), wants]);
    assert!(
        refusal.contains("`container` says that it is the system's package manager"),
        "{refusal}"
    );
    let fits = element("fits").wishes(IN, &[rpm_repository(Some(1)), module("20"), group("core")]);
    plan_of(&[container, fits]).unwrap();
}

#[test]
fn rpm_things_are_planned_told_and_keyed() {
    let make = |stream: &str, id: &str, cost: u32| {
        let wants =
            element("wants").wishes(IN, &[rpm_repository(Some(cost)), module(stream), group(id)]);
        let again = element("again").wishes(LATER, &[rpm_repository(Some(cost)), module(stream)]);
        plan_of(&[system("dnf"), wants, again]).unwrap()
    };
    let plan = make("20", "^minimal-environment", 500);
    let lines = told(
        &plan,
        &["transaction", "repository", "enable", "install the", "again (post", "wishes"],
    );
    insta::assert_snapshot!(lines, @r"
    transaction for root, install
    repository epel: RPM packages by the metalink https://mirrors.example/metalink?repo=epel-9, priority 90, cost 500, before modules, by again, wants
    enable the module nodejs:20  wants (install)       the newest
    again (post-install)  the newest
    install the group ^minimal-environment  wants (install)  what is usual
    wishes for the first tree: dnf 42 from https://mirror.example/42/os (`os`, key 4D64FEC119C2029067D6E791F8D2585B8783D481, its index unsigned)
    wishes for the repository epel: https://mirrors.example/metalink?repo=epel-9
    wishes for the module nodejs:20
    wishes for the group of packages ^minimal-environment
    wishes for the repository epel: https://mirrors.example/metalink?repo=epel-9
    wishes for the module nodejs:20
    ");
    for other in [
        make("18", "^minimal-environment", 500),
        make("20", "core", 500),
        make("20", "^minimal-environment", 501),
    ] {
        let difference = Difference::between(&plan, &other);
        assert!(!difference.equal);
        assert_ne!(plan.actions[1].key, other.actions[1].key);
    }
    let why = |subject: &str| plan.why(subject).unwrap().to_text();
    insta::assert_snapshot!(why("package:@nodejs:20") + &why("package:@^minimal-environment"), @r"
    package:@nodejs:20
      enabled before the steps of `root`
      `wants` (`install`) wants the module enabled: the newest
      `again` (`post-install`) wants the module enabled: the newest
      `again` is in the image: the definition names it
      `wants` is in the image: the definition names it
    package:@^minimal-environment
      installed before the steps of `root`
      `wants` (`install`) wants the group installed: what is usual
      `wants` is in the image: the definition names it
    ");
    assert!(plan.to_svg().contains("nodejs:20"));
    let a = element("a").wishes(IN, &[module("20")]);
    let b = element("b").wishes(LATER, &[module("18")]);
    insta::assert_snapshot!(refused(&[system("dnf"), a, b]), @r"
    the module `nodejs`: `a` (`install`) wants its stream `20`, and `b` (`post-install`) wants its stream `18`
      help: set a parameter of one of the two so that they agree, or leave one out
    ");
}

#[test]
fn a_repository_is_for_the_build_only_when_all_want_it_so() {
    let a = element("a").wishes(Phase::PreInstall, &[for_the_build("extra")]);
    let b = element("b").wishes(IN, &[for_the_build("extra")]);
    let c = element("c").wishes(IN, &[repository("extra")]);
    let of = |plan: &Plan| plan.transactions[0].repositories[0].clone();
    let plan = plan_of(&[debian(), a.clone(), b]).unwrap();
    assert!(of(&plan).repository.build_only());
    assert_eq!(of(&plan).wanted_by, ["a", "b"]);
    insta::assert_snapshot!(told(&plan, &["repository"]), @"repository extra: https://repository.example/debian bookworm main, for the build only, by a, b");
    let kept = plan_of(&[debian(), a.clone(), c]).unwrap();
    assert!(!of(&kept).repository.build_only());
    assert_ne!(plan.actions[1].key, kept.actions[1].key, "the image's sources are others");
    let mut other = deb_repository("extra");
    other.suites = vec!["sid".to_owned()];
    let d = element("d").wishes(IN, &[Wish::Repository(Repository::Deb(other))]);
    assert!(refused(&[debian(), a, d]).contains(
        "the repository `extra`: `a` (`pre-install`) wants one, and `d` (`install`) wants another"
    ));
}

#[test]
fn a_repository_of_a_later_transaction_is_in_the_key_of_the_first_tree_too() {
    // The image's sources are written with it, and what it is resolved from are all of them.
    let looks = element("looks").requests("exec", "ls").step(Phase::PreInstall);
    let late = |name: &str| element("late").wishes(LATER, &[repository(name), install("tar")]);
    let plan = |name: &str| plan_of(&[debian(), looks.clone(), late(name)]).unwrap();
    assert_eq!(plan("a").transactions.len(), 2);
    assert_ne!(plan("a").actions[1].key, plan("b").actions[1].key);
}

#[test]
fn answers_go_with_the_package_or_before_all() {
    let looks = element("looks").requests("exec", "ls").step(IN);
    let early = element("early").wishes(Phase::PreInstall, &[install("curl")]);
    let late = element("late").wishes(LATER, &[install("tzdata")]);
    let answers = element("answers")
        .wishes(IN, &[answer("tzdata", "tzdata/Areas", "Etc"), answer("lib", "lib/x", "")])
        .wishes(Phase::Cleanup, &[answer("curl", "curl/x", "yes")]);
    let also = element("also").wishes(LATER, &[answer("tzdata", "tzdata/Areas", "Etc")]);
    let plan = plan_of(&[debian(), looks, early, late, answers, also]).unwrap();
    let shown: Vec<_> = plan
        .transactions
        .iter()
        .flat_map(|t| t.answers.iter().map(move |a| format!("{} {}", t.before, a.package)))
        .collect();
    assert_eq!(shown, ["root curl", "root lib", "post-install tzdata"]);
    assert_eq!(plan.transactions[1].answers[0].wanted_by, ["also", "answers"]);
    insta::assert_snapshot!(plan.why("package:tzdata").unwrap().to_text(), @r#"
    package:tzdata
      installed before the steps of `post-install`
      `tzdata/Areas` answered before the steps of `post-install`
      `answers` (`install`) wants `tzdata/Areas` answered with "Etc": for packages
      `also` (`post-install`) wants `tzdata/Areas` answered with "Etc": for packages
      `late` (`post-install`) wants it installed: tzdata is needed
      `also` is in the image: the definition names it
      `answers` is in the image: the definition names it
      `late` is in the image: the definition names it
    "#);
    let alone = element("alone").wishes(IN, &[answer("tzdata", "tzdata/Areas", "Etc")]);
    assert!(refused(&[alone]).contains("no element makes the first tree"));
}

#[test]
fn drop_ins_and_presets_are_planned_and_told() {
    use PresetAction::{Disable, Enable};
    let limits = "[Service]\nLimitNOFILE=4096\n";
    let a = element("a").wishes(
        IN,
        &[
            drop_in("ssh.service", "10-limits", limits),
            preset(99, "*", Disable),
            preset(99, "ssh.service", Enable),
            preset(99, "ssh-*", Disable),
        ],
    );
    let b = element("b").wishes(
        LATER,
        &[
            drop_in("ssh.service", "10-limits", limits),
            drop_in("ssh.service", "20-more", ""),
            preset(99, "ssh.service", Enable),
            preset(99, "cron.service", Enable),
            preset(5, "cron.service", Disable),
        ],
    );
    let plan = plan_of(&[a.clone(), b.clone()]).unwrap();
    insta::assert_snapshot!(told(&plan, &["unit", "preset", "wishes"]), @r"
    unit ssh.service with the drop-in 10-limits of 2 lines, by a, b
    preset 99: enable ssh.service, by a, b
    preset 99: disable ssh-*, by a
    preset 99: disable *, by a
    wishes for the drop-in 10-limits of the unit ssh.service
    wishes for the preset 99 to disable *
    wishes for the preset 99 to enable ssh.service
    wishes for the preset 99 to disable ssh-*
    unit ssh.service with the drop-in 20-more of 0 lines, by b
    preset 05: disable cron.service, by b
    preset 99: enable cron.service, by b
    preset 99: enable ssh.service, by a, b
    preset 99: disable ssh-*, by a
    preset 99: disable *, by a
    wishes for the drop-in 10-limits of the unit ssh.service
    wishes for the drop-in 20-more of the unit ssh.service
    wishes for the preset 99 to enable ssh.service
    wishes for the preset 99 to enable cron.service
    wishes for the preset 05 to disable cron.service
    ");
    insta::assert_snapshot!(plan.why("unit:ssh.service").unwrap().to_text(), @r"
    unit:ssh.service
      added to by `10-limits` before the steps of `install`
      added to by `20-more` before the steps of `post-install`
      preset 99 to enable it before the steps of `install`
      preset 99 to enable it before the steps of `post-install`
      `a` (`install`) wants it with the drop-in `10-limits` of 2 lines: for services-define
      `a` (`install`) wants the preset 99 to enable it: for services
      `b` (`post-install`) wants it with the drop-in `10-limits` of 2 lines: for services-define
      `b` (`post-install`) wants it with the drop-in `20-more` of 0 lines: for services-define
      `b` (`post-install`) wants the preset 99 to enable it: for services
      `a` is in the image: the definition names it
      `b` is in the image: the definition names it
    ");
    // Of the steps nothing is told that differs, so what follows of the wishes is.
    let without = plan_of(&[a.clone(), element("b").step(LATER)]).unwrap();
    let difference = Difference::between(&without, &plan).to_text();
    for line in [
        "+ post-install drop-in 20-more of ssh.service: \"\"",
        "+ post-install preset 05: [\"disable cron.service\"]",
        "+ set units in `post-install`",
    ] {
        assert!(difference.contains(line), "{difference}");
    }
    let same = |wish: &[Wish]| {
        let plan = plan_of(&[element("x").wishes(IN, wish)]).unwrap();
        plan.actions.iter().find(|a| a.name == "set units in `install`").unwrap().key.clone()
    };
    let keys = [
        same(&[drop_in("a.service", "a", "x")]),
        same(&[drop_in("a.service", "a", "y")]),
        same(&[drop_in("a.service", "b", "x")]),
        same(&[preset(1, "a.service", Enable)]),
        same(&[preset(1, "a.service", Disable)]),
        same(&[preset(2, "a.service", Enable)]),
    ];
    let different: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    let c = element("c")
        .wishes(LATER, &[drop_in("ssh.service", "10-limits", ""), preset(99, "*", Enable)]);
    insta::assert_snapshot!(refused(&[a, c]), @r"
    the drop-in `10-limits` of the unit `ssh.service`: `a` (`install`) wants one, and `c` (`post-install`) wants another
      help: set a parameter of one of the two so that they agree, or leave one out
    the preset 99 for `*`: `a` (`install`) wants `disable`, and `c` (`post-install`) wants `enable`
      help: set a parameter of one of the two so that they agree, or leave one out
    ");
}

/// One who says all there is to say.
fn somebody() -> User {
    User {
        comment: Some("Some Body".to_owned()),
        sudo: Some(Sudo::Nopasswd),
        password_hash: Some(PasswordHash::new(HASH)),
        expires: Some("2030-12-31".to_owned()),
        change_password: true,
        ..user("me")
    }
}

#[test]
fn what_is_more_to_an_account_is_merged_told_and_keyed() {
    let a = element("a").wishes(IN, &[Wish::User(user("me"))]);
    let b = element("b").wishes(LATER, &[Wish::User(somebody())]);
    let plan = plan_of(&[a.clone(), b]).unwrap();
    insta::assert_snapshot!(told(&plan, &["user", "wishes"]), @r#"
    user me, by a
    wishes for the user me
    user me called "Some Body" root by sudo without a password password by sha256crypt password to be changed until 2030-12-31, by a, b
    wishes for the user me called "Some Body" root by sudo without a password password by sha256crypt password to be changed until 2030-12-31
    "#);
    assert_eq!(plan.users[1].user, somebody());
    assert_eq!(plan.passwords_to_change(IN), Vec::<&str>::new());
    assert_eq!(plan.passwords_to_change(LATER), ["me"]);
    let key = |user: User| {
        let plan = plan_of(&[element("x").wishes(IN, &[Wish::User(user)])]).unwrap();
        plan.actions.iter().find(|a| a.name == "make accounts in `install`").unwrap().key.clone()
    };
    let keys = [
        user("me"),
        somebody(),
        User { comment: None, ..somebody() },
        User { sudo: Some(Sudo::Password), ..somebody() },
        User { sudo: Some(Sudo::None), ..somebody() },
        User { password_hash: None, ..somebody() },
        User { password_hash: Some(PasswordHash::new(HASH.replace("Rm5s", "Rm5t"))), ..somebody() },
        User { expires: Some("2031-12-31".to_owned()), ..somebody() },
        User { change_password: false, ..somebody() },
    ]
    .map(key);
    let different: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    let other = User {
        comment: Some("Any Body".to_owned()),
        sudo: Some(Sudo::None),
        password_hash: Some(PasswordHash::new(HASH.replace("Rm5s", "Rm5t"))),
        expires: Some("2031-01-01".to_owned()),
        ..user("me")
    };
    let c = element("c").wishes(IN, &[Wish::User(somebody())]);
    let d = element("d").wishes(LATER, &[Wish::User(other)]);
    let said = refused(&[c, d]);
    assert!(!said.contains("Rm5"), "{said}");
    let told = said.lines().filter(|line| !line.starts_with("  help: ")).collect::<Vec<_>>();
    insta::assert_snapshot!(told.join("\n"), @r"
    the user `me`: `c` (`install`) wants the comment `Some Body`, and `d` (`post-install`) wants the comment `Any Body`
    the user `me`: `c` (`install`) wants the rule of sudo `nopasswd`, and `d` (`post-install`) wants the rule of sudo `none`
    the user `me`: `c` (`install`) wants the expiry `2030-12-31`, and `d` (`post-install`) wants the expiry `2031-01-01`
    the user `me`: `c` (`install`) wants the password hash `sha256crypt sha256:160ee64f71ae5a09fbd25e46e32ec6085bf82e6d9bb6ad9ff7b2f56128c4a2b9`, and `d` (`post-install`) wants the password hash `sha256crypt sha256:a65bdd0d1f4d60d53124f9e03b25b75f7cab2ce0a67b9fe8958e8d8ac405bef8`
    ");
}

#[test]
fn an_account_that_will_not_do_what_is_expected_of_it_is_remarked_on() {
    let remarks = |user: User, more: &[Wish]| {
        let wants = element("wants").wishes(IN, &[&[Wish::User(user)], more].concat());
        let plan = plan_of(&[debian(), wants]).unwrap();
        let told = plan.findings.iter().map(|f| f.message.clone()).collect::<Vec<_>>();
        told.join("\n")
    };
    assert_eq!(remarks(somebody(), &[install("sudo")]), "");
    assert_eq!(remarks(User { sudo: Some(Sudo::None), ..somebody() }, &[]), "");
    insta::assert_snapshot!(remarks(User { password_hash: None, ..somebody() }, &[]), @r"
    `me` is to be root by `sudo`, and nobody wishes for the package `sudo` in `install` or before it: the build fails there, unless another package brings it
    the password of `me` is to be changed at the first login, and nobody gives it one: nobody can log in with it, not by a key either
    `me` may be root by `sudo` and has neither key nor password
    ");
    let late = element("late").requests("exec", "ls").step(IN).wishes(LATER, &[install("sudo")]);
    let early = element("early").wishes(IN, &[Wish::User(somebody())]);
    let plan = plan_of(&[debian(), late, early]).unwrap();
    assert_eq!(plan.findings.len(), 1, "{:?}", plan.findings);
}

#[test]
fn a_password_is_a_hash_or_a_secret_and_not_both() {
    let secret =
        element("b").requests("secret", "place pw").parameter("pw", ParameterKind::Secret, None);
    let wish = Wish::Password { user: "me".to_owned(), parameter: "pw".to_owned() };
    let secret = secret.wishes(IN, &[wish]);
    let hash = element("a").wishes(LATER, &[Wish::User(somebody())]);
    let text = "[secrets]\nroot = { file = \"x\" }\n[parameters.b]\npw = \"root\"\n";
    insta::assert_snapshot!(refused_text(text, &[hash, secret]), @r"
    the password of `me`: `a` (`post-install`) wants a hash, and `b` (`install`) wants the secret `root`
      help: set a parameter of one of the two so that they agree, or leave one out
    ");
}

#[test]
fn a_hash_is_in_no_form_of_a_plan() {
    let make = |hash: &str| {
        let who = User { password_hash: Some(PasswordHash::new(hash)), ..somebody() };
        let owner = element("owner")
            .parameter("hash", ParameterKind::Text, None)
            .wishes(IN, &[Wish::User(who)]);
        let text = format!(
            "[image]\nname = \"x\"\nelements = [\"owner\"]\n[parameters.owner]\nhash = \"{hash}\"\n"
        );
        let definition = Definition::parse(&text, "x.toml", std::path::Path::new(".")).unwrap();
        dibhost_plan::plan(&definition, &Shelf::new([owner]), &PlanInputs::for_arch("amd64"))
            .unwrap()
    };
    let other = HASH.replace("Rm5s", "Rm5t");
    let (whole, whole_other) = (make(HASH), make(&other));
    // Its parameter has it: who carries the plan out needs that.
    assert_eq!(whole.elements[0].parameters["hash"], json!(HASH));
    let (plan, other_plan) = (whole.to_be_shown().unwrap(), whole_other.to_be_shown().unwrap());
    let forms = [
        plan.to_text(),
        serde_json::to_string(&plan).unwrap(),
        plan.to_svg(),
        plan.to_dot(),
        plan.why("user:me").unwrap().to_text(),
        Difference::between(&plan, &other_plan).to_text(),
        serde_json::to_string(&Difference::between(&plan, &other_plan)).unwrap(),
        format!("{:?}", plan.users),
    ];
    for form in forms {
        assert!(!form.contains("Rm5") && !form.contains("8e71ks"), "{form}");
    }
    assert!(plan.to_text().contains("parameter hash  \"sha256crypt sha256:"), "{}", plan.to_text());
    // It is the same plan, and another hash is another one.
    assert_eq!((&plan.digest, &plan.actions), (&whole.digest, &whole.actions));
    assert!(!Difference::between(&plan, &other_plan).equal);
}

#[test]
fn before_and_after_that_wait_for_one_another_are_told_with_both() {
    let a = element("a").before(IN, "b");
    let b = element("b").before(IN, "a");
    insta::assert_snapshot!(refused(&[a.clone(), b]), @r#"
    image.toml:3:13: the steps of the phase `install` wait for one another: `a` → `before` → `b` → `before` → `a`
      3 | elements = ["a", "b"]
        |             ^^^
      help: leave one of these elements out, or have one of its slots provided or read by another step, or in another phase
    "#);
    let circle = |elements: &[Element]| {
        let said = refused(elements);
        let (_, circle) = said.lines().next().unwrap().split_once(": the steps ").unwrap();
        circle.to_owned()
    };
    // Over a third one, and by `after` and `before` of one and the same step.
    let b = element("b").after(IN, "a").before(IN, "c");
    let c = element("c").named(IN, "one").named(IN, "two").before(IN, "a");
    insta::assert_snapshot!(circle(&[element("a").step(IN), b, c]), @"of the phase `install` wait for one another: `a` → `after` → `b` → `before` → `c/two` → `before` → `a`");
    let both = element("a").before(IN, "b").after(IN, "b");
    insta::assert_snapshot!(circle(&[both, element("b").step(IN)]), @"of the phase `install` wait for one another: `a` → `before` → `b` → `after` → `a`");
}

#[test]
fn what_is_for_the_build_stays_apart_from_its_repository() {
    // A package of the image may come from a repository that the image does not know.
    let wants = element("wants").wishes(
        IN,
        &[
            for_the_build("extra"),
            install("tool"),
            Wish::Package(package_wish("gcc", Want::BuildOnly)),
        ],
    );
    let plan = plan_of(&[debian(), wants]).unwrap();
    assert_eq!(plan.build_only_packages(), ["gcc"]);
    assert_eq!(plan.transactions[0].install[0].name, "tool");
}
