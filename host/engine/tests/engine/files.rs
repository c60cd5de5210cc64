//! Files that elements wish for, in the tree.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use dibhost_plan::Phase;
use dibhost_plan::file::{Content, FileAttributes, FileNode};

use crate::bench::{Bench, run, write};

const IN: Phase = Phase::Install;

fn file(text: &str, attributes: FileAttributes) -> FileNode {
    FileNode::File { content: Content::new(text.as_bytes()), attributes }
}

fn mode(mode: u32) -> FileAttributes {
    FileAttributes { mode: Some(mode), ..FileAttributes::default() }
}

#[test]
fn what_is_wished_for_is_there_before_the_steps_of_its_phase_and_after_what_the_host_does() {
    let mut bench = Bench::new();
    bench.transaction(IN).install.push(crate::bench::want("app"));
    bench.user(IN, "me", &[]).enable(IN, "a.service");
    bench.file(IN, "/srv/deep/er/a", "one");
    bench.step("looks", IN, &[("rootfs", "write /"), ("exec", "true")], |scene| {
        run(scene, "look")?;
        write(scene, "/srv/deep/er/b", "of a step")?;
        Ok(dibhost_element::RunAnswer::done())
    });
    let built = bench.build().ok();
    assert_eq!(built.read("/srv/deep/er/a").unwrap(), "one");
    assert_eq!(built.read("/srv/deep/er/b").unwrap(), "of a step");
    let placed = "apply each makedirectory, write /srv/deep/er/a";
    assert!(built.before("exec useradd", placed));
    assert!(built.before(placed, "exec systemctl"));
    assert!(built.before(placed, "exec look"));
    let calls = built.only(&["install", "apply"]);
    let install = calls.iter().rposition(|call| call.starts_with("install")).unwrap();
    assert!(calls[install..].contains(&placed), "{calls:?}");
}

#[test]
fn files_folders_links_and_removals_of_a_phase_are_one_change() {
    let mut bench = Bench::new();
    let unit = Phase::PreInstall;
    bench.unit(unit, "old.service");
    // As the plan orders them.
    bench.wished(IN, "files", "/etc/systemd/system/old.service", FileNode::Removed);
    bench.wished(IN, "files", "/srv/private", FileNode::Directory { attributes: mode(0o700) });
    bench.wished(IN, "files", "/srv/link", FileNode::Symlink { to: "private".to_owned() });
    bench.wished(IN, "files", "/srv/private/key", file("k", mode(0o4600)));
    let built = bench.build().ok();
    let tree = built.tree.inner.tree();
    assert!(!tree.join("etc/systemd/system/old.service").exists());
    assert!(tree.join("etc/systemd/system").exists());
    let bits = |path: &str| tree.join(path).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((bits("srv/private"), bits("srv/private/key")), (0o700, 0o4600));
    assert_eq!(std::fs::read_link(tree.join("srv/link")).unwrap().to_str(), Some("private"));
    assert_eq!(built.only(&["apply"]).iter().filter(|c| c.starts_with("apply each")).count(), 1);
}

#[test]
fn a_file_reaches_no_further_than_its_own_element_may_write() {
    for (grants, says) in [
        // The folder is another's, who may write both; whoever wishes may not.
        (&[("rootfs", "write /srv/mine")][..], true),
        (&[("rootfs", "write /srv")][..], false),
    ] {
        let mut bench = Bench::new();
        bench.step("other", Phase::PreInstall, &[("rootfs", "write /srv")], |scene| {
            write(scene, "/srv/marker", "x")?;
            let tree = scene.effects.ask(|target, _| {
                use dibhost_tree::{Attributes, Change, Scope, TargetPath};
                let path = |text: &str| TargetPath::new(text).unwrap();
                let folder = |at| Change::MakeDirectory {
                    path: path(at),
                    attributes: Attributes::default(),
                };
                let link = Change::Symlink { path: path("/srv/mine/out"), to: "../theirs".into() };
                target.apply(&Scope::all(), &[folder("/srv/mine"), folder("/srv/theirs"), link])
            });
            tree.unwrap().unwrap();
            Ok(dibhost_element::RunAnswer::done())
        });
        bench.file(IN, "/srv/first", "x");
        bench.element("hostile", grants);
        bench.wished(IN, "hostile", "/srv/mine/out/passwd", file("x", FileAttributes::default()));
        let built = bench.build();
        assert_eq!(built.read("/srv/theirs/passwd").is_none(), says);
        // All of the phase or nothing.
        assert_eq!(built.read("/srv/first").is_none(), says);
        if says {
            let failure = built.failure().to_string();
            assert_eq!(
                failure,
                "element `hostile` in phase install: `/srv/theirs/passwd` is outside of what it may \
                 write, and a link of the tree leads there\n  while placing `/srv/mine/out/passwd`, \
                 which `hostile` wishes for\n  help: when the element has to reach there, it requests it \
                 and the image definition grants it:\n        [grants.hostile]\n        \
                 rootfs = [\"write /srv/theirs/passwd\"]"
            );
        }
    }
}

#[test]
fn a_link_that_leads_out_of_the_tree_leads_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().to_owned();
    let mut bench = Bench::new();
    let link = to.clone();
    bench.step("other", Phase::PreInstall, &[("rootfs", "write /")], move |scene| {
        let link = link.clone();
        let made = scene.effects.ask(move |target, _| {
            use dibhost_tree::{Change, Scope, TargetPath};
            let to = link.to_str().unwrap().to_owned();
            let path = TargetPath::new("/srv/out").unwrap();
            target.apply(&Scope::all(), &[Change::Symlink { path, to }])
        });
        made.unwrap().unwrap();
        Ok(dibhost_element::RunAnswer::done())
    });
    bench.file(IN, "/srv/out/file", "x");
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("placing `/srv/out/file`"), "{failure}");
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0);
    let _ = symlink("x", to.join("the folder can be written to"));
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 1);
}

#[test]
fn an_owner_is_of_the_image_and_one_that_it_has_not_is_named() {
    let mut bench = Bench::new();
    let owner =
        |name: &str| FileAttributes { owner: Some(name.to_owned()), ..FileAttributes::default() };
    // The twin does not give files away; names are looked up in the image all the same.
    bench.user(IN, "me", &[]).wished(IN, "files", "/srv/a", file("x", owner("me")));
    bench.build().ok();
    bench.wished(IN, "files", "/srv/b", file("x", owner("nobody-here")));
    let built = bench.build();
    let failure = built.failure().to_string();
    assert!(failure.contains("the target has no user `nobody-here` (`/etc/passwd`)"), "{failure}");
    assert!(failure.contains("while placing `/srv/b`, which `files` wishes for"), "{failure}");
    bench.plan.places.insert("file:/srv/b".to_owned(), "image.toml:5:8".to_owned());
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("placing `/srv/b`, which image.toml:5:8 asks for"), "{failure}");
    assert!(built.read("/srv/a").is_none(), "what was placed before it is taken back");
}

#[test]
fn a_plan_that_was_written_down_has_no_contents_to_place() {
    let mut bench = Bench::new();
    bench.file(IN, "/srv/a", "x");
    let text = serde_json::to_string(&bench.plan).unwrap();
    bench.plan = serde_json::from_str(&text).unwrap();
    let failure = bench.build().failure().to_string();
    assert!(failure.contains("has no contents of files: plan again"), "{failure}");
}
