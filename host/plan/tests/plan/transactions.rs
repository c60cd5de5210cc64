//! Wishes merged, and as few transactions as no step can tell from one for each phase.

use dibhost_plan::wish::{UnitState, User, Want, Wish};
use dibhost_plan::{Phase, Plan, Transaction};

use crate::elements::*;

fn shape(plan: &Plan) -> Vec<String> {
    let names = |packages: &[dibhost_plan::PackageWant]| {
        packages.iter().map(|p| p.name.clone()).collect::<Vec<_>>().join("+")
    };
    let told = |t: &Transaction| {
        let phases: Vec<&str> = t.phases.iter().map(|p| p.name()).collect();
        let tree = if t.bootstrap.is_some() { "tree " } else { "" };
        format!("{}: {tree}+{} -{}", phases.join(","), names(&t.install), names(&t.remove))
    };
    plan.transactions.iter().map(told).collect()
}

#[test]
fn wishes_of_several_phases_are_one_transaction_when_nothing_looks() {
    let early = element("early").wishes(Phase::PreInstall, &[install("curl")]);
    let late = element("late").wishes(Phase::Install, &[install("tar"), install("curl")]);
    let quiet = element("quiet").step(Phase::PreInstall).step(Phase::Root);
    let plan = plan_of(&[debian(), early, late, quiet]).unwrap();
    assert_eq!(shape(&plan), ["root,pre-install,install: tree +curl+tar -"]);
    let curl = &plan.transactions[0].install[0];
    let by: Vec<&str> = curl.wanted_by.iter().map(|w| w.element.as_str()).collect();
    assert_eq!(by, ["early", "late"]);
    assert_eq!(plan.transaction_before(Phase::Root), plan.transactions.first());
    assert_eq!(plan.transaction_before(Phase::Install), None);
    assert_eq!(plan.deferred_triggers.len(), 1);
}

#[test]
fn a_step_that_can_look_at_the_target_separates_transactions() {
    let early = element("early").wishes(Phase::PreInstall, &[install("curl")]);
    let late = element("late").wishes(Phase::Install, &[install("tar")]);
    for (phase, capability, scope, transactions) in [
        (Phase::Root, "exec", "ls", 2),
        (Phase::ExtraData, "rootfs", "read /", 2),
        (Phase::PreInstall, "rootfs", "write /etc", 2),
        (Phase::Install, "rootfs", "write /etc", 1),
        (Phase::Root, "fetch", "example.org", 1),
    ] {
        let looks = element("looks").requests(capability, scope).step(phase);
        let plan = plan_of(&[debian(), early.clone(), late.clone(), looks]).unwrap();
        assert_eq!(
            plan.transactions.len(),
            transactions,
            "{phase} {capability}: {:?}",
            shape(&plan)
        );
    }
}

#[test]
fn a_step_that_only_plans_separates_nothing() {
    let looks = element("looks").requests("exec", "ls");
    let late = element("late").wishes(Phase::Install, &[install("tar")]);
    let plan =
        plan_of(&[debian(), late.clone(), looks.clone().plan_only(Phase::ExtraData)]).unwrap();
    assert_eq!(plan.transactions.len(), 1);
    assert!(plan.to_text().contains("step looks (planned only)"));
    let plan = plan_of(&[debian(), late, looks.step(Phase::ExtraData)]).unwrap();
    assert_eq!(plan.transactions.len(), 2);
}

#[test]
fn a_package_that_is_there_opens_no_second_transaction() {
    let looks = element("looks").requests("exec", "ls").step(Phase::Install);
    let early = element("early").wishes(Phase::Install, &[install("curl")]);
    let again = element("again").wishes(Phase::Finalise, &[install("curl")]);
    let plan = plan_of(&[debian(), early.clone(), looks.clone(), again]).unwrap();
    assert_eq!(shape(&plan), ["root,install: tree +curl -"]);
    let new = element("new").wishes(Phase::Finalise, &[install("tar")]);
    let plan = plan_of(&[debian(), early, looks, new]).unwrap();
    assert_eq!(shape(&plan), ["root,install: tree +curl -", "finalise: +tar -"]);
}

#[test]
fn an_element_may_remove_later_what_it_installed() {
    let own = element("own")
        .wishes(Phase::Install, &[install("gcc")])
        .wishes(Phase::Cleanup, &[remove("gcc")]);
    let plan = plan_of(&[debian(), own]).unwrap();
    assert_eq!(shape(&plan), ["root,install: tree +gcc -", "cleanup: + -gcc"]);
}

#[test]
fn what_one_wants_for_the_build_and_another_for_good_stays() {
    let build_only = |name: &str| Wish::Package(package_wish(name, Want::BuildOnly));
    let a = element("a").wishes(Phase::Install, &[build_only("gcc"), build_only("make")]);
    let b = element("b").wishes(Phase::PostInstall, &[install("gcc")]);
    let plan = plan_of(&[debian(), a, b]).unwrap();
    assert_eq!(plan.build_only_packages(), ["make"]);
    assert_eq!(plan.transactions[0].install[0].name, "gcc");
}

#[test]
fn versions_answers_and_repositories_come_along() {
    let a = element("a")
        .wishes(Phase::PreInstall, &[repository("extra"), version("tar", "1.34+dfsg-1.2")]);
    let b = element("b").wishes(
        Phase::Install,
        &[repository("extra"), install("tar"), answer("tzdata", "tz/area", "Etc")],
    );
    let plan = plan_of(&[debian(), a, b]).unwrap();
    let [transaction] = plan.transactions.as_slice() else { panic!("{:?}", shape(&plan)) };
    assert_eq!(transaction.install[0].version.as_deref(), Some("1.34+dfsg-1.2"));
    assert_eq!(transaction.repositories[0].wanted_by, ["a", "b"]);
    assert_eq!(transaction.answers[0].value, "Etc");
}

#[test]
fn users_and_states_are_told_phase_by_phase() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP me";
    let me = User { uid: Some(1000), ..user("me") };
    let more = User {
        groups: vec!["sudo".to_owned()],
        authorized_keys: vec![key.to_owned()],
        ..user("me")
    };
    let a = element("a")
        .wishes(Phase::PreInstall, &[Wish::User(me), service("x.timer", UnitState::Masked)]);
    let b = element("b").wishes(
        Phase::Install,
        &[Wish::User(more.clone()), service("x.timer", UnitState::Disabled)],
    );
    let a = a.wishes(Phase::Finalise, &[Wish::User(user("me"))]);
    let plan = plan_of(&[a, b]).unwrap();
    let users: Vec<_> = plan
        .users
        .iter()
        .map(|u| (u.phase, u.user.uid, u.user.groups.len(), u.wanted_by.join("+")))
        .collect();
    assert_eq!(
        users,
        [
            (Phase::PreInstall, Some(1000), 0, "a".to_owned()),
            (Phase::Install, Some(1000), 1, "a+b".to_owned())
        ]
    );
    let states: Vec<_> = plan.unit_states.iter().map(|u| (u.phase, u.state)).collect();
    assert_eq!(states, [(Phase::PreInstall, UnitState::Masked)], "masked is disabled and more");
}
