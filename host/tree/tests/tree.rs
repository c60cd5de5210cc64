//! Looking at the tree and changing it. Every test runs on the real target and on its simulated
//! twin.

mod common;

use std::path::Path;

use common::{EPOCH, on_both, on_twin, path, read};
use dibhost_tree::{
    Attributes, Change, Kind, ListedNode, Room, Scope, Scoped, TargetError, TargetPath, Tree as _,
    Walk, Workshop, Written,
};

fn all() -> Scope {
    Scope::all()
}

fn scope(read: &[&str], write: &[&str]) -> Scope {
    let paths = |texts: &[&str]| texts.iter().map(|t| path(t)).collect();
    Scope::within(paths(read), paths(write))
}

fn write(at: &str, content: &str) -> Change {
    let content = content.as_bytes().to_vec();
    Change::Write { path: path(at), content, attributes: Attributes::default() }
}

fn folder(at: &str) -> Change {
    Change::MakeDirectory { path: path(at), attributes: Attributes::default() }
}

fn link(at: &str, to: &str) -> Change {
    Change::Symlink { path: path(at), to: to.to_owned() }
}

fn there(target: &mut (impl dibhost_tree::Tree + ?Sized), at: &str) -> bool {
    target.stat(&all(), &path(at)).unwrap().is_some()
}

/// Everything about the tree, to see whether it is as it was.
fn picture(target: &mut (impl dibhost_tree::Tree + ?Sized)) -> String {
    let walk = Walk { recursive: true };
    let entries = target.walk(&all(), &TargetPath::root(), walk, None, usize::MAX).unwrap();
    let mut picture = String::new();
    for entry in entries {
        let content = match entry.stat.kind {
            Kind::File => read(target, entry.path.as_str()),
            _ => String::new(),
        };
        let mut stat = entry.stat;
        if stat.kind == Kind::Directory {
            // Adding and removing a name is a change of the folder's own time and size.
            (stat.modified, stat.size) = (0, 0);
        }
        picture.push_str(&format!("{} {stat:?} {content}\n", entry.path));
    }
    picture
}

#[test]
fn parts_reach_each_as_far_as_it_may_and_are_made_together_or_not_at_all() {
    let part = |scope: Scope, changes: &[Change]| Scoped { scope, changes: changes.to_vec() };
    on_both(|target| {
        target.apply(&all(), &[folder("/a"), folder("/b"), link("/a/to-b", "../b")]).unwrap();
        let (a, b) = (|| scope(&["/a"], &["/a"]), || scope(&["/b"], &["/b"]));
        target
            .apply_each(&[part(a(), &[write("/a/x", "1")]), part(b(), &[write("/b/x", "2")])])
            .unwrap();
        assert_eq!((read(target, "/a/x"), read(target, "/b/x")), ("1".into(), "2".into()));
        let before = picture(target);
        let replaced = [Change::Remove { path: path("/a/x") }, write("/a/new", "3")];
        let through = part(a(), &[write("/a/y", "4"), write("/a/to-b/x", "5")]);
        let refused = target
            .apply_each(&[part(a(), &replaced), part(b(), &[folder("/b/c")]), through])
            .unwrap_err();
        assert_eq!(refused.at, Some(2));
        let out = TargetError::OutOfScope { path: "/b/x".to_owned(), write: true };
        assert_eq!(refused.error, out);
        assert_eq!(picture(target), before);
    });
}

#[test]
fn what_the_host_writes_goes_through_no_link() {
    let given = |at: &str| Change::MakeDirectory {
        path: path(at),
        attributes: Attributes { mode: Some(0o700), ..Attributes::default() },
    };
    on_both(|target| {
        let links = [link("/home/me/.ssh", "/etc"), link("/srv", "home"), link("/opt", "/nowhere")];
        target.apply(&all(), &[folder("/etc"), folder("/home/me")]).unwrap();
        target.apply(&all(), &links).unwrap();
        let before = picture(target);
        for (change, named) in [
            (given("/home/me/.ssh"), "`/home/me/.ssh` is a symbolic link to `/etc`"),
            (write("/home/me/.ssh/keys", "x"), "`/home/me/.ssh` is a symbolic link to `/etc`"),
            (folder("/srv/me/new"), "`/srv` is a symbolic link to `home`"),
            (write("/srv/me/x", "x"), "`/srv` is a symbolic link to `home`"),
            (folder("/opt/new"), "`/opt` is a symbolic link to `/nowhere`"),
            (Change::Remove { path: path("/srv/me") }, "`/srv` is a symbolic link to `home`"),
        ] {
            let refused = target.apply(&Scope::own(), &[change]).unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
            assert_eq!(picture(target), before);
        }
        // A link itself is replaced, as a file is.
        target.apply(&Scope::own(), &[write("/home/me/.ssh", "x"), folder("/home/you")]).unwrap();
        assert_eq!(read(target, "/home/me/.ssh"), "x");
    });
}

#[test]
fn what_is_written_is_there_with_its_attributes_and_time() {
    on_both(|target| {
        let attributes = Attributes {
            mode: Some(0o4750),
            owner: Some("daemon".into()),
            group: Some("7".into()),
            xattrs: vec![("user.note".into(), b"x".to_vec())],
        };
        target
            .apply(
                &all(),
                &[
                    folder("/etc"),
                    write("/etc/passwd", "root:x:0:0::/:\ndaemon:x:1:1::/:\n"),
                    Change::Write { path: path("/etc/a"), content: b"one".to_vec(), attributes },
                    write("/etc/a b", ""),
                ],
            )
            .unwrap();
        let stat = target.stat(&all(), &path("/etc/a")).unwrap().unwrap();
        assert_eq!((stat.kind, stat.mode, stat.uid, stat.gid), (Kind::File, 0o4750, 1, 7));
        assert_eq!((stat.size, stat.modified), (3, i64::try_from(EPOCH).unwrap()));
        assert_eq!(stat.xattrs, [("user.note".to_owned(), b"x".to_vec())]);
        let stat = target.stat(&all(), &path("/etc/passwd")).unwrap().unwrap();
        assert_eq!((stat.mode, stat.uid), (0o644, 0));
        let unknown = Attributes { owner: Some("nobody-here".into()), ..Attributes::default() };
        let error = target
            .apply(&all(), &[Change::SetAttributes { path: path("/etc/a"), attributes: unknown }])
            .unwrap_err();
        assert!(error.to_string().contains("no user `nobody-here`"), "{error}");
    });
}

#[test]
fn all_other_changes_do_what_they_say() {
    on_both(|target| {
        let changes = [
            folder("/a/b/c"),
            write("/a/f", "one\n"),
            Change::Append { path: path("/a/f"), content: b"two\n".to_vec() },
            Change::Copy { source: path("/a/f"), destination: path("/a/copy") },
            Change::HardLink { source: path("/a/f"), destination: path("/a/hard") },
            link("/a/soft", "/a/f"),
            Change::Rename { source: path("/a/copy"), destination: path("/a/b/moved") },
            write("/a/gone", "x"),
            Change::Remove { path: path("/a/gone") },
            Change::Remove { path: path("/a/never/was") },
            Change::Remove { path: path("/a/b/c") },
        ];
        target.apply(&all(), &changes).unwrap();
        assert_eq!(read(target, "/a/soft"), "one\ntwo\n");
        assert_eq!(read(target, "/a/b/moved"), "one\ntwo\n");
        assert_eq!(target.stat(&all(), &path("/a/hard")).unwrap().unwrap().links, 2);
        let soft = target.stat(&all(), &path("/a/soft")).unwrap().unwrap();
        assert_eq!((soft.kind, soft.link_target.as_deref()), (Kind::Symlink, Some("/a/f")));
        assert!(!there(target, "/a/gone") && !there(target, "/a/copy") && !there(target, "/a/b/c"));
        // A link is replaced, not followed.
        target.apply(&all(), &[write("/a/soft", "new")]).unwrap();
        assert_eq!(read(target, "/a/f"), "one\ntwo\n");
        assert_eq!(target.read(&all(), &path("/a/f"), 4, 3).unwrap(), b"two");
        assert_eq!(target.read(&all(), &path("/a/f"), 100, 3).unwrap(), b"");
    });
}

#[test]
fn links_and_dots_stay_inside() {
    on_both(|target| {
        target
            .apply(
                &all(),
                &[
                    folder("/etc"),
                    write("/etc/hostname", "inside"),
                    link("/abs", "/etc"),
                    link("/up", "../../../../../../etc"),
                ],
            )
            .unwrap();
        for at in ["/abs/hostname", "/up/hostname", "/../../etc/hostname", "/etc/../etc/hostname"] {
            assert_eq!(read(target, at), "inside", "{at}");
        }
        target.apply(&all(), &[write("/up/new", "x"), link("/proc", "/proc/self/root")]).unwrap();
        assert!(there(target, "/etc/new"));
        assert!(target.read(&all(), &path("/proc/etc/hostname"), 0, 10).is_err());
    });
}

#[test]
fn scope_is_checked_where_a_path_really_leads() {
    on_both(|target| {
        target
            .apply(
                &all(),
                &[
                    folder("/etc/mine"),
                    folder("/etc/minenot"),
                    write("/etc/shadow", "secret"),
                    link("/etc/mine/out", "../.."),
                    link("/etc/mine/shadow", "/etc/shadow"),
                    link("/short", "/etc/mine"),
                ],
            )
            .unwrap();
        let mine = scope(&["/etc/mine"], &["/etc/mine"]);
        let outside = |error: TargetError| matches!(error, TargetError::OutOfScope { .. });
        for at in
            ["/etc/shadow", "/etc/mine/../shadow", "/etc/mine/out/etc/shadow", "/etc/mine/shadow"]
        {
            assert!(outside(target.read(&mine, &path(at), 0, 10).unwrap_err()), "{at}");
        }
        for at in ["/etc/x", "/etc/minenot/x", "/etc/mine/out/x", "/etc/mine/../x"] {
            assert!(outside(target.apply(&mine, &[write(at, "x")]).unwrap_err()), "{at}");
            assert!(outside(target.stat(&mine, &path(at)).unwrap_err()), "{at}");
        }
        let walk = |target: &mut dyn Workshop, at: &str| {
            target.walk(&mine, &path(at), Walk { recursive: true }, None, 10)
        };
        assert!(outside(walk(target, "/etc").unwrap_err()));
        assert!(outside(walk(target, "/etc/mine/out").unwrap_err()));
        assert_eq!(walk(target, "/etc/mine").unwrap().len(), 2);
        // Through a link *into* the scope is fine; and what is written replaces the link.
        target.apply(&mine, &[write("/short/ok", "x"), write("/etc/mine/shadow", "x")]).unwrap();
        assert_eq!(read(target, "/etc/shadow"), "secret");
        // A second name would make a file writable that is not.
        for change in [
            Change::HardLink { source: path("/etc/shadow"), destination: path("/etc/mine/h") },
            Change::Rename { source: path("/etc/shadow"), destination: path("/etc/mine/h") },
            Change::Copy { source: path("/etc/shadow"), destination: path("/etc/mine/h") },
            Change::Rename { source: path("/etc/mine/ok"), destination: path("/etc/h") },
            Change::MakeDirectory { path: path("/etc/new"), attributes: Attributes::default() },
            Change::Remove { path: path("/etc/mine/out/etc") },
        ] {
            assert!(
                outside(target.apply(&mine, std::slice::from_ref(&change)).unwrap_err()),
                "{change:?}"
            );
        }
        // Reading is not writing.
        let reading = scope(&["/etc"], &[]);
        assert_eq!(target.read(&reading, &path("/etc/shadow"), 0, 10).unwrap(), b"secret");
        assert!(outside(target.apply(&reading, &[write("/etc/x", "x")]).unwrap_err()));
    });
}

#[test]
fn a_failed_change_takes_all_back() {
    on_both(|target| {
        target
            .apply(
                &all(),
                &[
                    folder("/d/full/of/things"),
                    write("/d/full/of/things/x", "x"),
                    write("/d/f", "before"),
                    write("/d/log", "line\n"),
                    link("/d/l", "f"),
                ],
            )
            .unwrap();
        let before = picture(target);
        let mode = Attributes {
            mode: Some(0o600),
            xattrs: vec![("user.a".into(), b"b".to_vec())],
            ..Attributes::default()
        };
        let error = target
            .apply(
                &all(),
                &[
                    write("/d/f", "after"),
                    Change::Append { path: path("/d/log"), content: b"more".to_vec() },
                    Change::Remove { path: path("/d/full") },
                    write("/d/full", "a file now"),
                    folder("/new/folder"),
                    write("/new/folder/x", "x"),
                    Change::SetAttributes { path: path("/d/log"), attributes: mode },
                    Change::Rename { source: path("/d/l"), destination: path("/d/f") },
                    Change::HardLink { source: path("/d/log"), destination: path("/d/hard") },
                    link("/d/hard", "x"),
                    write("/nowhere/to/be/found", "x"),
                ],
            )
            .unwrap_err();
        assert!(matches!(&error, TargetError::NotFound(p) if p == "/nowhere/to/be"), "{error}");
        assert_eq!(picture(target), before);
    });
}

/// 60,000 changes, of those for which something has to be kept to take them back.
fn many() -> Vec<Change> {
    let turn = |turn: usize| {
        let at = |name: &str| path(&format!("/d{turn}{name}"));
        [
            folder(&format!("/d{turn}")),
            write(&format!("/d{turn}/f"), "x"),
            Change::Append { path: path("/kept/log"), content: b"more".to_vec() },
            match turn % 3 {
                0 => Change::Rename { source: at("/f"), destination: at("/g") },
                1 => Change::Remove { path: at("/f") },
                _ => link(&format!("/d{turn}/g"), "f"),
            },
            match turn % 2 {
                0 => Change::Rename { source: path("/kept/old"), destination: path("/kept/new") },
                _ => Change::Rename { source: path("/kept/new"), destination: path("/kept/old") },
            },
        ]
    };
    (0..12_000).flat_map(turn).collect()
}

/// A worker with what [`many`] changes. It has some thousand descriptors (20,000 as Debian sets it up),
/// and one call applies up to 65,536 changes.
fn to_be_changed() -> common::Bench {
    let mut bench = common::start(Some(1 << 30));
    let before = [folder("/kept"), write("/kept/log", ""), write("/kept/old", "old")];
    bench.worker.apply(&all(), &before).unwrap();
    bench
}

#[test]
fn more_changes_than_there_are_descriptors_are_taken_back() {
    let target = &mut to_be_changed().worker;
    let as_it_was = picture(target);
    let failing = [many(), vec![write("/nowhere/x", "x")]].concat();
    assert_eq!(failing.len(), 60_001);
    let error = target.apply(&all(), &failing).unwrap_err();
    assert_eq!(error, TargetError::NotFound("/nowhere".to_owned()));
    assert_eq!(picture(target), as_it_was);
}

#[test]
fn more_changes_than_there_are_descriptors_are_made() {
    let target = &mut to_be_changed().worker;
    target.apply(&all(), &many()).unwrap();
    assert_eq!(read(target, "/kept/log").len(), 4 * 12_000);
    assert_eq!(read(target, "/kept/old"), "old");
    let last = ["/d11997/g", "/d11998", "/d11999/f", "/d11999/g"];
    assert!(last.iter().all(|at| there(target, at)));
    assert!(["/d11997/f", "/d11998/f"].iter().all(|at| !there(target, at)));
}

#[test]
fn a_link_that_another_process_swaps_is_followed_nowhere() {
    on_twin(|target| {
        target
            .apply(&all(), &[folder("/mine/d"), folder("/secret"), link("/mine/l", "/secret")])
            .unwrap();
        let tree = target.tree().to_owned();
        let (folder, other) = (tree.join("mine/d"), tree.join("mine/l"));
        let over = std::sync::atomic::AtomicBool::new(false);
        let mine = scope(&[], &["/mine"]);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let exchange = rustix::fs::RenameFlags::EXCHANGE;
                    let cwd = rustix::fs::CWD;
                    rustix::fs::renameat_with(cwd, &folder, cwd, &other, exchange).unwrap();
                }
            });
            // Both must be seen, or nothing was swapped between two calls.
            let (mut written, mut stopped) = (0, 0);
            while written < 300 || stopped < 300 {
                match target.apply(&mine, &[write("/mine/d/f", "evil")]) {
                    Ok(()) => written += 1,
                    Err(TargetError::OutOfScope { path, .. }) => {
                        assert_eq!(path, "/secret/f");
                        stopped += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(!there(target, "/secret/f"));
    });
}

#[test]
fn nothing_but_regular_files_is_read_or_written_to() {
    // A pipe or device would block, or worse.
    let mut bench = common::start(None);
    let program = dibhost_sys::Program::new("sh")
        .args(["-c", "cd \"$1\" && mkfifo pipe && mknod device c 1 5 && mkdir folder", "sh"])
        .arg(bench.folder.path().join("tree/target/tree"));
    // By this process: a program of the builder that works on a tree makes no devices.
    program.run(&dibhost_sys::Cancel::new()).unwrap();
    for at in ["/pipe", "/device", "/folder"] {
        let error = bench.worker.read(&all(), &path(at), 0, 10).unwrap_err();
        assert!(matches!(error, TargetError::Conflict(_)), "{at}: {error}");
        let append = Change::Append { path: path(at), content: b"x".to_vec() };
        assert!(bench.worker.apply(&all(), &[append]).is_err(), "{at}");
    }
    assert_eq!(bench.worker.stat(&all(), &path("/pipe")).unwrap().unwrap().kind, Kind::Fifo);
    // Replaced, not written into.
    bench.worker.apply(&all(), &[write("/pipe", "file")]).unwrap();
    assert_eq!(read(&mut bench.worker, "/pipe"), "file");
    assert!(bench.worker.apply(&all(), &[write("/folder", "x")]).is_err());
    let left = common::names(&mut bench.worker, "/");
    assert_eq!(left, ["/device", "/folder", "/pipe"]);
}

#[test]
fn a_walk_goes_on_where_it_stopped() {
    on_both(|target| {
        let mut changes = vec![folder("/a/b"), folder("/a-b"), folder("/c")];
        for at in ["/a/b/1", "/a/b/2", "/a/z", "/a-b/1", "/b", "/c/1"] {
            changes.push(write(at, "x"));
        }
        target.apply(&all(), &changes).unwrap();
        let walk = Walk { recursive: true };
        let paths = |entries: Vec<dibhost_tree::Entry>| -> Vec<String> {
            entries.into_iter().map(|e| e.path.to_string()).collect()
        };
        let whole = paths(target.walk(&all(), &path("/"), walk, None, 100).unwrap());
        assert_eq!(
            whole,
            ["/a", "/a/b", "/a/b/1", "/a/b/2", "/a/z", "/a-b", "/a-b/1", "/b", "/c", "/c/1"]
        );
        for limit in 1..4 {
            let mut sliced = Vec::new();
            let mut after = None;
            loop {
                let slice = target.walk(&all(), &path("/"), walk, after.as_ref(), limit).unwrap();
                let Some(last) = slice.last() else { break };
                after = Some(last.path.clone());
                sliced.extend(paths(slice));
            }
            assert_eq!(sliced, whole);
        }
        let flat = paths(target.walk(&all(), &path("/"), Walk::default(), None, 100).unwrap());
        assert_eq!(flat, ["/a", "/a-b", "/b", "/c"]);
    });
}

#[test]
fn a_full_tree_says_so_and_is_as_it_was() {
    let mut bench = common::start(Some(1 << 20));
    bench.worker.apply(&all(), &[write("/f", "before")]).unwrap();
    let content = vec![0; 4 << 20];
    let big = Change::Write { path: path("/big"), content, attributes: Attributes::default() };
    let error = bench.worker.apply(&all(), &[write("/f", "after"), big]).unwrap_err();
    assert!(matches!(&error, TargetError::Os { name, .. } if name == "ENOSPC"), "{error:?}");
    assert_eq!(error.to_string(), "writing `/big`: No space left on device");
    assert_eq!(read(&mut bench.worker, "/f"), "before");
    assert_eq!(common::names(&mut bench.worker, "/"), ["/f"]);
}

#[test]
fn no_more_is_written_than_there_is_room_for() {
    on_both(|target| {
        let within = |target: &mut dyn Workshop, changes: &[Change], bytes, files| {
            target.apply_within(&all(), changes, Room { bytes, files })
        };
        // One file of five bytes, its copy, a folder in a folder, a link of each kind.
        let xattrs = vec![("user.n".to_owned(), b"v".to_vec())];
        let changes = [
            write("/a", "five!"),
            Change::Copy { source: path("/a"), destination: path("/b") },
            Change::Append { path: path("/a"), content: b"more".to_vec() },
            folder("/c/d"),
            link("/l", "/a"),
            Change::HardLink { source: path("/a"), destination: path("/h") },
            Change::SetAttributes {
                path: path("/a"),
                attributes: Attributes { xattrs, ..Attributes::default() },
            },
        ];
        let needed = Written { bytes: 5 + 5 + 4 + 7, files: 6 };
        for (bytes, files) in [(needed.bytes - 1, needed.files), (needed.bytes, needed.files - 1)] {
            let error = within(target, &changes, bytes, files).unwrap_err();
            assert_eq!(error, TargetError::NoRoom { files: files < needed.files });
            assert!(["/a", "/b", "/c", "/l", "/h"].iter().all(|p| !there(target, p)));
        }
        assert_eq!(within(target, &changes, needed.bytes, needed.files).unwrap(), needed);
        // What was there stays when there is no room for what replaces it.
        within(target, &[write("/b", "longer")], 5, 1).unwrap_err();
        assert_eq!(read(target, "/b"), "five!");
    });
}

#[test]
fn a_tree_is_shown_in_parts_and_stays_whole() {
    on_both(|target| {
        let changes = [folder("/boot/efi"), write("/boot/efi/x", "loader"), write("/boot/k", "k")];
        target.apply(&all(), &changes).unwrap();
        let before = picture(target);
        let parts = target.split(&[path("/boot"), path("/boot/efi"), path("/")]).unwrap();
        let mut found = Vec::new();
        for (at, folder) in &parts {
            let list = dibhost_sys::Program::new("find").arg(folder).args(["-printf", "%P %y\n"]);
            let text = target.run_on_host(&list).unwrap().text();
            let mut lines: Vec<_> = text.lines().map(|line| format!("{at}: {line}")).collect();
            lines.sort_unstable();
            found.extend(lines);
        }
        assert_eq!(
            found,
            [
                "/:  d",
                "/: boot d",
                "/boot:  d",
                "/boot: efi d",
                "/boot: k f",
                "/boot/efi:  d",
                "/boot/efi: x f",
            ]
        );
        assert_eq!(
            picture(target).replace("links: 2", "links: 1"),
            before.replace("links: 2", "links: 1")
        );
        let error = target.split(&[path("/boot/k")]).unwrap_err();
        assert!(error.to_string().contains("the mount point `/boot/k` is no folder"), "{error}");
        target.apply(&all(), &[link("/short", "/boot")]).unwrap();
        let error = target.split(&[path("/short/efi")]).unwrap_err();
        assert!(error.to_string().contains("leads through a symbolic link"), "{error}");
    });
}

#[test]
fn a_part_is_listed_and_read_as_it_is_seen() {
    on_both(|target| {
        let attributes = Attributes { mode: Some(0o751), ..Attributes::default() };
        let efi = Change::MakeDirectory { path: path("/boot/efi"), attributes };
        let changes = [
            folder("/boot"),
            efi,
            write("/boot/efi/x", "loader"),
            write("/boot/efix", "beside"),
            link("/boot/l", "efix"),
        ];
        target.apply(&all(), &changes).unwrap();
        let root = target.split(&[path("/")]).unwrap()[&path("/")].clone();
        let piece = target.read_part(&root, Path::new("boot/efi/x"), 2, 3).unwrap();
        assert_eq!(piece, b"ade");
        let parts = target.split(&[path("/boot"), path("/boot/efi"), path("/")]).unwrap();
        let mut found = Vec::new();
        for (at, folder) in &parts {
            let mut lines = Vec::new();
            let mut each = |node: ListedNode| {
                lines.push(format!("{at}: {} {:?}", node.path.to_str().unwrap(), node.kind));
                if node.path == "efi" {
                    assert_eq!(node.mode, 0o751);
                }
            };
            target.list(folder, &mut each).unwrap();
            lines.sort_unstable();
            found.extend(lines);
        }
        assert_eq!(
            found,
            [
                "/:  Directory",
                "/: boot Directory",
                "/boot:  Directory",
                "/boot: efi Directory",
                "/boot: efix File",
                "/boot: l Symlink",
                "/boot/efi:  Directory",
                "/boot/efi: x File",
            ]
        );
        let mut read =
            |at: &str, file: &str| target.read_part(&parts[&path(at)], Path::new(file), 0, 99);
        assert_eq!(read("/boot/efi", "x").unwrap(), b"loader");
        assert_eq!(read("/boot", "efix").unwrap(), b"beside");
        for (at, file) in [("/", "boot/efix"), ("/boot", "efi/x"), ("/boot", "l"), ("/boot", "efi")]
        {
            let error = read(at, file).unwrap_err();
            assert!(matches!(error, TargetError::Conflict(_)), "{at} {file}: {error}");
        }
        // What is no part is not listed, wherever on the host it is.
        for other in ["/etc", parts[&path("/boot")].parent().unwrap().to_str().unwrap()] {
            let error = target.list(Path::new(other), &mut |_| {}).unwrap_err();
            assert!(error.to_string().contains("is no part of the tree"), "{error}");
        }
    });
}
