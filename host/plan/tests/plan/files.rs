//! Files as wishes: merged, in the order in which they are placed, and what contradicts.

use dibhost_plan::Phase;
use dibhost_plan::action::Work;
use dibhost_plan::diff::Difference;
use dibhost_plan::file::{Content, FileAttributes, FileNode};
use dibhost_plan::planner::StepAnswer;

use crate::elements::*;

const IN: Phase = Phase::Install;

fn attributes(mode: u32, owner: &str) -> FileAttributes {
    FileAttributes { mode: Some(mode), owner: Some(owner.to_owned()), ..Default::default() }
}

fn owned(path: &str, text: &str, mode: u32, owner: &str) -> dibhost_plan::wish::Wish {
    let content = Content::new(text.as_bytes());
    at(path, FileNode::File { content, attributes: attributes(mode, owner) })
}

fn link(path: &str, to: &str) -> dibhost_plan::wish::Wish {
    at(path, FileNode::Symlink { to: to.to_owned() })
}

fn gone(path: &str) -> dibhost_plan::wish::Wish {
    at(path, FileNode::Removed)
}

/// A line for each, as they are placed.
fn placed(plan: &dibhost_plan::Plan) -> Vec<String> {
    let shown = plan
        .files
        .iter()
        .map(|f| format!("{} {}, by {}", f.phase, f.node.at(&f.path), f.wanted_by.join("+")));
    shown.collect()
}

#[test]
fn equal_wishes_are_one_and_stand_in_the_order_in_which_they_are_placed() {
    let a = element("a")
        .wishes(IN, &[file("/etc/b/x", "1"), folder("/etc/b"), folder("/etc/b/c"), gone("/etc/z")]);
    let b = element("b")
        .wishes(IN, &[owned("/etc/b/x", "1", 0o644, "root"), link("/etc/a", "b"), gone("/etc/z")]);
    let c = element("c").wishes(Phase::PreInstall, &[owned("/late", "2", 0o600, "daemon")]);
    let d = element("d").wishes(Phase::Finalise, &[file("/etc/b/x", "1")]);
    let plan = plan_of(&[debian(), a, b, c, d]).unwrap();
    assert_eq!(
        placed(&plan),
        [
            "pre-install file /late, 0600, of daemon: \"2\", by c",
            "install nothing at /etc/z, by a+b",
            "install folder /etc/b, by a",
            "install folder /etc/b/c, by a",
            "install link /etc/a to b, by b",
            "install file /etc/b/x: \"1\", by a+b+d",
        ]
    );
    let text = plan.to_text();
    assert!(text.contains("    file /etc/b/x: \"1\", by a, b, d\n"), "{text}");
    assert!(text.contains("wishes for the link /etc/a to b\n"), "{text}");
    let names: Vec<_> = plan.actions.iter().map(|a| a.name.as_str()).collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    assert!(at("place files in `pre-install`") < at("place files in `install`"));
    assert!(at("place files in `install`") < at("run `a` in `install`"));
}

#[test]
fn files_come_after_the_packages_of_their_phase_and_divide_no_transaction() {
    let early = element("early")
        .wishes(Phase::PreInstall, &[file("/etc/early", "x")])
        .plan_only(Phase::PreInstall);
    let late = element("late").wishes(IN, &[install("tar"), file("/etc/late", "x")]).plan_only(IN);
    let plan = plan_of(&[debian(), early, late]).unwrap();
    assert_eq!(plan.transactions.len(), 1);
    let work: Vec<_> = plan.actions.iter().map(|a| &a.work).collect();
    let at = |work_of: &Work| work.iter().position(|w| *w == work_of).unwrap();
    let packages = at(&Work::Packages { phase: Phase::Root });
    assert!(packages < at(&Work::Files { phase: Phase::PreInstall }));
    // What is installed in its own phase is there before it too.
    let looks = element("looks").requests("exec", "ls").step(Phase::PreInstall);
    let late = element("late").wishes(IN, &[install("tar"), file("/etc/late", "x")]);
    let plan = plan_of(&[debian(), looks, late]).unwrap();
    let work: Vec<_> = plan.actions.iter().map(|a| &a.work).collect();
    let at = |work_of: &Work| work.iter().position(|w| *w == work_of).unwrap();
    assert!(at(&Work::Packages { phase: IN }) < at(&Work::Files { phase: IN }));
}

#[test]
fn an_element_may_want_another_thing_later() {
    let one = element("one")
        .wishes(Phase::PreInstall, &[file("/a", "1")])
        .wishes(IN, &[file("/a", "2"), gone("/d"), file("/d/x", "1")])
        .wishes(Phase::Cleanup, &[gone("/a")]);
    let plan = plan_of(&[debian(), one]).unwrap();
    assert_eq!(
        placed(&plan),
        [
            "pre-install file /a: \"1\", by one",
            "install nothing at /d, by one",
            "install file /a: \"2\", by one",
            "install file /d/x: \"1\", by one",
            "cleanup nothing at /a, by one",
        ]
    );
}

#[test]
fn what_contradicts_names_both_the_path_and_the_difference() {
    let said = |a: &[dibhost_plan::wish::Wish], b: &[dibhost_plan::wish::Wish]| {
        let (a, b) = (element("a").wishes(IN, a), element("b").wishes(Phase::Finalise, b));
        let said = refused(&[debian(), a, b]);
        said.lines().next().unwrap().to_owned()
    };
    let both = "`a` (`install`) wants";
    for (a, b, says) in [
        (
            file("/x", "1"),
            file("/x", "2"),
            "the path `/x`: A a file with \"1\", and B a file with \"2\"",
        ),
        (
            file("/x", "1"),
            owned("/x", "1", 0o600, "root"),
            "the path `/x`: A the usual mode, and B the mode 0600",
        ),
        (
            owned("/x", "1", 0o644, "me"),
            owned("/x", "1", 0o644, "you"),
            "the path `/x`: A the owner `me`, and B the owner `you`",
        ),
        (link("/x", "1"), link("/x", "2"), "the path `/x`: A a link to `1`, and B a link to `2`"),
        (file("/x", "1"), gone("/x"), "the path `/x`: A a file, and B nothing"),
        (folder("/x"), file("/x", "1"), "the path `/x`: A a folder, and B a file"),
    ] {
        let says = says.replace('A', both).replace('B', "`b` (`finalise`) wants");
        assert_eq!(said(&[a], &[b]), says);
    }
    assert_eq!(
        said(&[file("/x", "1")], &[file("/x/y", "1")]),
        "the path `/x/y`: `b` (`finalise`) wants something there, and `a` (`install`) wants `/x`, \
         above it, to be a file"
    );
    assert_eq!(
        said(&[folder("/x/y/z")], &[gone("/x")]),
        "the path `/x/y/z`: `a` (`install`) wants something there, and `b` (`finalise`) wants `/x`, \
         above it, to be nothing"
    );
    // A name that begins alike is none below.
    let apart = [
        element("a").wishes(IN, &[file("/x", "1")]),
        element("b").wishes(IN, &[file("/x-y", "1"), folder("/w")]),
        element("c").wishes(IN, &[file("/w/x", "1")]),
    ];
    plan_of(&[&[debian()], apart.as_slice()].concat()).unwrap();
    let alone = element("a").wishes(IN, &[file("/x", "1"), gone("/x")]);
    let said = refused(&[debian(), alone]);
    assert!(said.contains("wants a file and `a` (`install`) nothing"), "{said}");
    assert!(said.contains("for whoever wrote the element"), "{said}");
}

#[test]
fn a_file_needs_the_grant_of_its_path_and_a_path_that_is_one() {
    let element = |scope: &str, path: &str| {
        let wish = file(path, "x");
        element("a").requests("rootfs", scope).step(IN).answers(move |_| {
            Ok(StepAnswer { wishes: vec![wish.clone()], ..StepAnswer::default() })
        })
    };
    plan_of(&[debian(), element("write /etc", "/etc/motd")]).unwrap();
    for (scope, path, says) in [
        ("write /etc/motd", "/etc/issue", "no grant `rootfs` that covers `write /etc/issue`"),
        ("read /etc", "/etc/motd", "no grant `rootfs` that covers `write /etc/motd`"),
        ("write /etc", "/etc/../root", "the path of a file \"/etc/../root\" has an empty part"),
        ("write /", "/", "the path of a file \"/\" is the tree itself"),
    ] {
        let said = refused(&[debian(), element(scope, path)]);
        assert!(said.contains(says), "{said}");
    }
    let deep = "/a".repeat(65);
    let said = refused(&[debian(), element("write /", &deep)]);
    assert!(said.contains("is more than 64 folders deep"), "{said}");
}

#[test]
fn all_files_of_a_plan_together_are_bounded() {
    let large = Content::new(vec![0; 100 << 20]);
    let wish = |n: usize| {
        let attributes = FileAttributes::default();
        at(&format!("/{n}"), FileNode::File { content: large.clone(), attributes })
    };
    let plan = |n: usize| {
        plan_of(&[debian(), element("a").wishes(IN, &(0..n).map(wish).collect::<Vec<_>>())])
    };
    plan(2).unwrap();
    let said = plan(3).map(|_| ()).unwrap_err().to_string();
    assert!(
        said.contains(
            "with the files that `a` wishes for, those of the plan have more than 256 MiB"
        ),
        "{said}"
    );
}

#[test]
fn a_key_has_the_content_and_the_attributes_of_each_path_and_not_who_wants_them() {
    let key = |wishes: &[dibhost_plan::wish::Wish], more: bool| {
        let mut elements = vec![debian(), element("a").wishes(IN, wishes).plan_only(IN)];
        let again = element("b").wishes(IN, wishes).plan_only(IN);
        elements.extend(more.then_some(again));
        let plan = plan_of(&elements).unwrap();
        plan.actions.into_iter().find(|a| a.name == "place files in `install`").unwrap().key
    };
    let (one, folder_too) = (file("/x", "1"), folder("/y"));
    let key_of_one = key(std::slice::from_ref(&one), false);
    insta::assert_snapshot!(key_of_one[..16], @"9bbc2c473c935980");
    assert_eq!(key(std::slice::from_ref(&one), true), key_of_one);
    assert_eq!(key(&[owned("/x", "1", 0o644, "root")], false), key_of_one);
    for other in [
        vec![file("/x", "2")],
        vec![file("/z", "1")],
        vec![owned("/x", "1", 0o600, "root")],
        vec![owned("/x", "1", 0o644, "me")],
        vec![link("/x", "1")],
        vec![one, folder_too],
    ] {
        assert_ne!(key(&other, false), key_of_one);
    }
}

#[test]
fn a_difference_and_why_tell_of_files() {
    let plan =
        |text: &str| plan_of(&[debian(), element("a").wishes(IN, &[file("/x", text)])]).unwrap();
    let (before, after) = (plan("1"), plan("2"));
    let text = Difference::between(&before, &after).to_text();
    assert!(text.contains("files\n  ~ install /x\n"), "{text}");
    assert!(text.contains("file.content.text: \"1\" → \"2\""), "{text}");
    assert!(text.contains("~ place files in `install`: its file /x"), "{text}");
    let why = before.why("file:/x").unwrap().to_text();
    assert_eq!(
        why,
        "file:/x\n  placed before the steps of `install`: file /x: \"1\"\n  \
         `a` (`install`) wants the file /x: \"1\": for rootfs\n  \
         `a` is in the image: the definition names it\n"
    );
    // Written down and read, a plan is the same, without the bytes.
    let written = serde_json::to_value(&before).unwrap();
    let read: dibhost_plan::Plan = serde_json::from_value(written).unwrap();
    assert_eq!(read, before);
}
