//! The worker's life: namespaces, tmpfs, cutting the tree, cancelling, and its death.

mod common;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{EPOCH, furnished, path, sh, shell};
use dibhost_sys::{Cancel, HeldFolder, Program, ProgramError};
use dibhost_tree::{
    Attributes, Change, HostPrograms as _, Programs as _, Scope, TargetError, Tree as _, Worker,
};

const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn write(at: &str) -> Change {
    Change::Write { path: path(at), content: b"x".to_vec(), attributes: Attributes::default() }
}

fn folder(at: &str, mode: u32) -> Change {
    let attributes = Attributes { mode: Some(mode), ..Attributes::default() };
    Change::MakeDirectory { path: path(at), attributes }
}

/// What any process on this machine has mounted or runs for a work folder.
fn traces(folder: &str) -> Vec<String> {
    let mut traces = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        for file in ["mountinfo", "cmdline"] {
            let text = std::fs::read(entry.path().join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            traces.extend(
                text.lines().filter(|l| l.contains(folder)).map(|l| format!("{pid} {file}: {l}")),
            );
        }
    }
    for entry in std::fs::read_dir("/sys/block").unwrap().flatten() {
        let file = entry.path().join("loop/backing_file");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        traces.extend(text.lines().filter(|l| l.contains(folder)).map(str::to_owned));
    }
    traces
}

fn eventually_no_traces(folder: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let traces = traces(folder);
        if traces.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: {traces:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_tmpfs_is_seen_by_the_worker_alone_and_goes_with_it() {
    let mut bench = common::start(Some(64 << 20));
    bench.worker.apply(&Scope::all(), &[write("/f")]).unwrap();
    let tree = bench.worker.tree().to_owned();
    assert!(!tree.exists(), "the host sees what is in the worker's tmpfs");
    let kind = Program::new("stat").args(["-f", "-c", "%T"]).arg(&tree);
    assert_eq!(bench.worker.run_on_host(&kind).unwrap().text().trim(), "tmpfs");
    let work = bench.folder.path().to_str().unwrap().to_owned();
    assert!(!traces(&work).is_empty());
    let own = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!own.contains(&work), "the host's mounts were touched");
    bench.worker.stop().unwrap();
    assert_eq!(traces(&work), Vec::<String>::new());
}

#[test]
fn owners_labels_and_capabilities_of_the_tree_are_those_of_the_image() {
    for tmpfs in [Some(64 << 20), None] {
        let mut bench = common::start(tmpfs);
        let worker = &mut bench.worker;
        let attributes = Attributes {
            mode: Some(0o4711),
            owner: Some("33".to_owned()),
            group: Some("65534".to_owned()),
            // `cap_net_raw=ep`, as it is kept on disks.
            xattrs: vec![("security.capability".to_owned(), CAPABILITY.to_vec())],
        };
        let file = Change::Write { path: path("/ping"), content: b"x".to_vec(), attributes };
        worker.apply(&Scope::all(), &[file]).unwrap();
        let stat = worker.stat(&Scope::all(), &path("/ping")).unwrap().unwrap();
        assert_eq!((stat.uid, stat.gid, stat.mode), (33, 65534, 0o4711), "{tmpfs:?}");
        let value = stat.xattrs.iter().find(|(name, _)| name == "security.capability").unwrap();
        assert_eq!(value.1, CAPABILITY, "{tmpfs:?}");
        let show = Program::new("stat").args(["-c", "%u %g %a"]).arg(worker.tree().join("ping"));
        assert_eq!(worker.run_on_host(&show).unwrap().text(), "33 65534 4711\n");
        if tmpfs.is_some() {
            let xattrs =
                vec![("security.selinux".to_owned(), b"system_u:object_r:bin_t:s0".to_vec())];
            let attributes = Attributes { xattrs, ..Attributes::default() };
            let label = Change::SetAttributes { path: path("/ping"), attributes };
            worker.apply(&Scope::all(), &[label]).unwrap();
        }
        bench.worker.stop().unwrap();
    }
}

#[test]
fn what_lies_on_the_disk_is_cleared_by_who_has_the_ids() {
    let mut bench = common::start(None);
    bench.worker.apply(&Scope::all(), &[folder("/a/b", 0), write("/c")]).unwrap();
    let base = bench.folder.path().join("tree/target");
    assert!(base.join("tree/c").exists());
    bench.worker.clear().unwrap();
    assert_eq!(std::fs::read_dir(base).unwrap().count(), 0);
}

#[test]
fn programs_of_the_host_see_the_tree_and_fail_with_their_words() {
    let mut bench = common::start(None);
    let worker = &mut bench.worker;
    worker.apply(&Scope::all(), &[write("/f")]).unwrap();
    let list = Program::new("ls").arg(worker.tree()).current_dir("/");
    assert_eq!(worker.run_on_host(&list).unwrap().text(), "f\n");
    let fail = Program::new("sh").args(["-c", "echo oh no >&2; exit 3"]);
    let error = worker.run_on_host(&fail).unwrap_err();
    assert_eq!(error.to_string(), "`sh` failed (exit status: 3):\noh no");
    let missing = Program::new("no-such-program-at-all");
    assert!(matches!(worker.run_on_host(&missing), Err(ProgramError::Start { .. })));
    // Neither the engine's processes nor its network are seen.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    let connect = Program::new("bash").args(["-c", &connect]);
    connect.run(&Cancel::new()).unwrap();
    let error = worker.run_on_host(&connect).unwrap_err().to_string();
    assert!(error.contains("Network is unreachable"), "{error}");
    let interfaces = Program::new("sh").args(["-c", "tail -n +3 /proc/self/net/dev | cut -d: -f1"]);
    assert_eq!(worker.run_on_host(&interfaces).unwrap().text().trim(), "lo");
    let namespace = Program::new("readlink").arg("/proc/self/ns/net");
    let own = namespace.run(&Cancel::new()).unwrap().text();
    assert_ne!(worker.run_on_host(&namespace).unwrap().text(), own);
    let processes =
        worker.run_on_host(&Program::new("sh").args(["-c", "ls -d /proc/[0-9]* | wc -l"]));
    assert!(processes.unwrap().text().trim().parse::<u32>().unwrap() < 6);
}

/// As dibhost itself fills ext4: it need lie nowhere that such a program sees.
#[test]
fn the_program_that_the_worker_is_runs_as_a_program_of_the_host() {
    let mut bench = common::start(None);
    // A worker without a socket: it was started, and said so.
    let error = bench.worker.run_on_host(&Program::new("/proc/self/exe")).unwrap_err();
    assert!(matches!(error, ProgramError::Failed { .. }), "{error}");
}

#[test]
fn a_program_of_the_host_goes_through_a_held_folder_and_has_nothing_else_open() {
    let mut bench = common::start(None);
    let worker = &mut bench.worker;
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir(at("mine")).unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(at("mine"), open).unwrap();
    let held = HeldFolder::new(std::fs::File::open(at("mine")).unwrap()).unwrap();
    worker.hold(&held).unwrap();
    std::fs::rename(at("mine"), at("moved")).unwrap();
    std::fs::create_dir(at("mine")).unwrap();
    worker.split(&[path("/")]).unwrap();
    let run = |worker: &mut Worker, mounting: bool, script: &str| {
        let program = Program::new("bash").args(["-ec", script, "sh"]).arg(held.path());
        let ran =
            if mounting { worker.run_mounting(&program) } else { worker.run_on_host(&program) };
        ran.unwrap().text()
    };
    for mounting in [false, true] {
        let name = if mounting { "by-filler" } else { "boxed" };
        run(worker, mounting, &format!("touch \"$1/{name}\""));
        assert!(at("moved").join(name).exists() && !at("mine").join(name).exists());
        let numbers = run(worker, mounting, "cd /proc/$$/fd; echo *");
        let known = ["0", "1", "2", "255"].map(str::to_owned);
        let others = numbers.split_whitespace().filter(|n| !known.contains(&(*n).to_owned()));
        // The shell's own, of the folder that it lists, is a small number.
        let others: Vec<_> = others.filter(|n| n.parse::<i32>().unwrap() > 9).collect();
        assert_eq!(others, [held.number().to_string()], "{numbers}");
    }
}

#[test]
fn the_tree_is_cut_at_its_mount_points_and_keeps_its_attributes() {
    let mut bench = common::start(None);
    let worker = &mut bench.worker;
    worker
        .apply(
            &Scope::all(),
            &[
                folder("/boot/efi", 0o700),
                folder("/var", 0o751),
                folder("/var/log", 0o750),
                write("/boot/efi/loader"),
                write("/boot/kernel"),
                write("/var/log/messages"),
                write("/var/x"),
            ],
        )
        .unwrap();
    let points = ["/", "/var", "/boot/efi", "/var/log", "/srv/data"].map(path);
    worker.apply(&Scope::all(), &[folder("/srv", 0o755)]).unwrap();
    let parts = worker.split(&points).unwrap();
    assert_eq!(parts.len(), 5);
    assert_eq!(parts[&path("/")], worker.tree());
    let listed = |worker: &mut Worker, at: &str| {
        let list = Program::new("find").arg(&parts[&path(at)]).args([
            "-mindepth",
            "1",
            "-printf",
            "%P %m\n",
        ]);
        let text = worker.run_on_host(&list).unwrap().text();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(
        listed(worker, "/"),
        ["boot 755", "boot/efi 700", "boot/kernel 644", "srv 755", "srv/data 755", "var 751"]
    );
    assert_eq!(listed(worker, "/var"), ["log 750", "x 644"]);
    assert_eq!(listed(worker, "/var/log"), ["messages 644"]);
    assert_eq!(listed(worker, "/boot/efi"), ["loader 644"]);
    assert!(listed(worker, "/srv/data").is_empty());
    let modes = Program::new("stat").args(["-c", "%a"]).arg(&parts[&path("/var")]);
    assert_eq!(worker.run_on_host(&modes).unwrap().text(), "751\n");
    // Nothing was moved: the tree is whole for whoever works on it, in this and the next look.
    for (at, content) in [("/boot/efi/loader", "x"), ("/var/log/messages", "x"), ("/var/x", "x")] {
        let read = worker.read(&Scope::all(), &path(at), 0, 9).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), content, "{at}");
    }
    worker.apply(&Scope::all(), &[write("/var/log/more")]).unwrap();
    assert_eq!(listed(worker, "/var/log"), ["messages 644", "more 644"]);
    let parts = worker.split(&[path("/var")]).unwrap();
    let find = Program::new("find").arg(&parts[&path("/var")]).args(["-name", "messages"]);
    assert!(worker.run_on_host(&find).unwrap().text().ends_with("/log/messages\n"));
    // The engine's own view of the folder has no mounts in it.
    let own = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!own.contains(bench.folder.path().to_str().unwrap()));
}

#[test]
fn a_part_has_the_attributes_of_its_mount_point_where_another_one_begins() {
    let mut bench = common::start(Some(64 << 20));
    let worker = &mut bench.worker;
    let attributes = Attributes {
        mode: Some(0o1750),
        owner: Some("3".to_owned()),
        group: Some("4".to_owned()),
        xattrs: vec![("user.note".to_owned(), b"kept".to_vec())],
    };
    let var = Change::MakeDirectory { path: path("/var"), attributes };
    worker.apply(&Scope::all(), &[var, write("/var/x")]).unwrap();
    worker.clamp_times(i64::try_from(EPOCH).unwrap()).unwrap();
    let parts = worker.split(&[path("/var")]).unwrap();
    for folder in [parts[&path("/")].join("var"), parts[&path("/var")].clone()] {
        let stat = Program::new("stat").args(["-c", "%a %u %g %X %Y"]).arg(&folder);
        let said = worker.run_on_host(&stat).unwrap().text();
        assert_eq!(said, format!("1750 3 4 {EPOCH} {EPOCH}\n"), "{}", folder.display());
        let note = Program::new("getfattr").args(["--only-values", "-n", "user.note"]).arg(&folder);
        assert_eq!(worker.run_on_host(&note).unwrap().text(), "kept", "{}", folder.display());
    }
}

#[test]
fn a_link_that_comes_after_the_cut_leads_no_part_elsewhere() {
    let mut bench = common::start(None);
    let worker = &mut bench.worker;
    worker.apply(&Scope::all(), &[folder("/var", 0o755), folder("/other", 0o755)]).unwrap();
    worker.split(&[path("/var")]).unwrap();
    let swap = [
        Change::Remove { path: path("/var") },
        Change::Symlink { path: path("/var"), to: "other".to_owned() },
    ];
    worker.apply(&Scope::all(), &swap).unwrap();
    let error = worker.run_on_host(&Program::new("true")).unwrap_err();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    assert!(said.contains("showing the tree in its parts"), "{said}");
}

#[test]
fn times_newer_than_the_epoch_are_clamped_and_older_ones_stay() {
    let mut bench = common::start(None);
    let worker = &mut bench.worker;
    let make = "cd \"$1\" && mkdir -p a/b && touch a/b/new && ln -s new a/b/link && touch -d @1000 a/old && touch -d @1000 a && ls a/b >/dev/null";
    // What only reads the tree may not.
    worker.run_mounting(&Program::new("sh").args(["-c", make, "sh"]).arg(worker.tree())).unwrap();
    let epoch = i64::try_from(EPOCH).unwrap();
    worker.clamp_times(epoch).unwrap();
    let list = Program::new("find").arg(worker.tree()).args(["-printf", "%P %Ts %As\n"]);
    let text = worker.run_on_host(&list).unwrap().text();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            " 1700000000 1700000000",
            "a 1000 1000",
            "a/b 1700000000 1700000000",
            "a/b/link 1700000000 1700000000",
            "a/b/new 1700000000 1700000000",
            "a/old 1000 1000",
        ]
    );
}

#[test]
fn cancelling_ends_what_runs_and_all_that_follows() {
    let mut bench = furnished(None);
    let cancel = bench.cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let started = Instant::now();
    let error = bench.worker.exec(&shell("sleep 1000"), &mut common::ignore).unwrap_err();
    assert_eq!(error, TargetError::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(10));
    thread.join().unwrap();
    assert_eq!(bench.worker.stat(&Scope::all(), &path("/")).unwrap_err(), TargetError::Cancelled);
    let work = bench.folder.path().to_str().unwrap().to_owned();
    assert_eq!(bench.worker.stop().unwrap_err(), TargetError::Cancelled);
    eventually_no_traces(&work);
}

#[test]
fn a_worker_that_ends_by_itself_is_missed() {
    let folder = tempfile::TempDir::new().unwrap();
    let options = dibhost_tree::WorkerOptions {
        program: "/bin/false".into(),
        ..common::options(folder.path(), None)
    };
    let error = Worker::start(&options, &Cancel::new()).unwrap_err();
    assert!(matches!(error, TargetError::Gone(_)), "{error}");
}

/// Starts a worker by a script, which has its program as `$0`, as root of a container.
fn in_a_container(script: &str) -> TargetError {
    let folder = tempfile::TempDir::new().unwrap();
    let options = common::options(folder.path(), Some(64 << 20));
    let args = ["--user", "--map-root-user", "--", "sh", "-c", script];
    let args = args.iter().map(Into::into).chain([options.program.clone().into()]).collect();
    let options = dibhost_tree::WorkerOptions { program: "unshare".into(), args, ..options };
    Worker::start(&options, &Cancel::new()).unwrap_err()
}

#[test]
fn a_machine_that_gives_no_user_namespace_is_told_of() {
    let said =
        in_a_container("echo 0 >/proc/sys/user/max_user_namespaces; exec \"$0\"").to_string();
    assert!(said.starts_with("this machine gives the build no user namespace ("), "{said}");
    assert!(said.contains("`sudo sysctl user.max_user_namespaces=15000`"), "{said}");
}

#[test]
fn a_container_that_has_no_ids_to_give_is_told_of() {
    let error = in_a_container("exec \"$0\"");
    assert!(matches!(error, TargetError::Unsupported(_)), "{error}");
    let said = error.to_string();
    assert!(said.starts_with("writing `/proc/") && said.contains("this is a container"), "{said}");
}

/// The variable that turns the next test into an engine.
const ENGINE: &str = "DIBHOST_TEST_ENGINE";

#[test]
#[ignore = "not a test: the engine that the next one kills"]
#[expect(clippy::print_stdout, reason = "it tells the test that starts it")]
fn engine() {
    let Ok(folder) = std::env::var(ENGINE) else { return };
    let options = common::options(std::path::Path::new(&folder), Some(64 << 20));
    let mut worker = Worker::start(&options, &Cancel::new()).unwrap();
    common::furnish(&mut worker);
    let script =
        format!("echo ready; setsid sleep 9876 {folder} & sleep 9875 {folder}; exec sleep 9874");
    let mut line = |l: dibhost_tree::Line| println!("said {}", l.text);
    let _ = worker.exec(&shell(&script.replace(&format!(" {folder}"), "")), &mut line);
}

#[test]
fn nothing_is_left_when_the_engine_is_killed() {
    let folder = tempfile::TempDir::new().unwrap();
    let work = folder.path().to_str().unwrap().to_owned();
    let mut engine = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine", "--ignored", "--nocapture"])
        .env(ENGINE, &work)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(engine.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|l| l.contains("said ready"));
    assert!(ready, "the engine did not get to run a program");
    assert!(!traces(&work).is_empty());
    engine.kill().unwrap();
    engine.wait().unwrap();
    eventually_no_traces(&work);
    let sleeping =
        std::process::Command::new("pgrep").args(["-f", "sleep 987[456]"]).output().unwrap();
    assert!(sleeping.stdout.is_empty(), "{}", String::from_utf8_lossy(&sleeping.stdout));
}

#[test]
fn the_worker_is_no_program_for_a_person() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dibhost-tree-worker"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("started by dibhost itself"), "{said}");
}

#[test]
fn a_program_may_run_after_another() {
    let mut bench = furnished(Some(256 << 20));
    for turn in 0..20 {
        assert_eq!(sh(&mut bench.worker, &format!("echo {turn}")), turn.to_string());
    }
}
