//! Programs in the target: what they see, what they cannot, and that they end.

mod common;

use std::time::{Duration, Instant};

use common::{furnished, names, path, run, sh, shell};
use dibhost_tree::{
    Change, Command, Deferred, Programs as _, ReadOnlyBind, Scope, StandIn, StandInPlace, Target,
    TargetError, Tree as _, Worker,
};

#[test]
fn a_program_sees_the_tree_and_nothing_of_the_host() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    // Its own processes only: a first one, and itself.
    let processes =
        sh(worker, "ls /proc | while read p; do case $p in [0-9]*) echo $p;; esac; done");
    assert!(processes.lines().count() <= 4, "{processes}");
    assert!(processes.lines().any(|p| p == "1"));
    // No network but a loopback that is down, and nobody on the other side of it.
    let devices = sh(worker, "cat /proc/net/dev | tail -n +3");
    assert!(devices.lines().all(|l| l.trim_start().starts_with("lo:")), "{devices}");
    assert_eq!(sh(worker, "ls /sys/class/net"), "lo");
    assert_eq!(sh(worker, "hostname"), "localhost");
    // A clean environment, and no files open but three.
    let environment = sh(worker, "env");
    let mut environment: Vec<_> = environment.lines().filter(|l| !l.starts_with("PWD=")).collect();
    environment.sort_unstable();
    assert_eq!(
        environment,
        [
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            "PATH=/run/dibhost/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SOURCE_DATE_EPOCH=1700000000",
            "TZ=UTC",
        ]
    );
    // The fourth is the folder that `ls` reads.
    assert_eq!(sh(worker, "ls /proc/self/fd").lines().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    // The old root is gone from its mounts.
    let mounts = sh(worker, "cat /proc/self/mounts");
    let folder = bench.folder.path().to_str().unwrap().to_owned();
    assert!(!mounts.contains(&folder), "{mounts}");
    assert!(run(worker, "ls /proc/1/root/ /proc/1/fd").status != 0);
}

#[test]
fn nothing_of_the_kernel_can_be_switched() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    for script in [
        "echo x > /sys/kernel/uevent_seqnum; touch /sys/x",
        "echo h > /proc/sysrq-trigger",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo x > /proc/sys/kernel/hostname",
        "mount -t tmpfs none /usr",
        "mount -o remount,rw /sys",
        "hostname other",
        "cat /proc/1/environ",
    ] {
        let output = run(worker, script);
        assert_ne!(output.status, 0, "{script}: {}", String::from_utf8_lossy(&output.stdout));
    }
    for file in ["kcore", "keys", "kmsg"] {
        // Not there at all, or empty.
        assert!(run(worker, &format!("cat /proc/{file}")).stdout.is_empty(), "{file}");
    }
    // No node of the host's disk.
    for folder in ["/usr", "/dev", "/tmp", "/run", "/dev/shm"] {
        let output = run(worker, &format!("mknod {folder}/disk b 254 0"));
        assert_ne!(output.status, 0, "{folder}");
    }
    let status = sh(worker, "cat /proc/self/status");
    let line = |name: &str| status.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    assert!(line("NoNewPrivs:").ends_with('1'));
    // CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID NET_BIND_SERVICE
    // SYS_CHROOT AUDIT_WRITE SETFCAP.
    let kept = [0, 1, 2, 3, 4, 5, 6, 7, 10, 18, 29, 31].iter().fold(0_u64, |m, b| m | 1 << b);
    for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
        let bits = u64::from_str_radix(line(set).split_whitespace().nth(1).unwrap(), 16).unwrap();
        assert_eq!(bits, kept, "{set} {bits:x}");
    }
}

#[test]
fn devices_and_scratch_folders_are_private_and_leave_nothing() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    let before = names(worker, "/");
    let devices = sh(
        worker,
        "ls /dev; echo x > /dev/null; echo x > /dev/shm/x; echo x > /tmp/x; echo x > /run/x; cat /tmp/x",
    );
    assert!(
        devices.starts_with(
            "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero"
        ),
        "{devices}"
    );
    assert_eq!(sh(worker, "ls /tmp /dev/shm"), "/dev/shm:\n\n/tmp:");
    assert_eq!(names(worker, "/"), before, "made for the program and gone with it");
    // What the program itself puts in the tree stays.
    sh(worker, "mkdir -p /srv/kept");
    assert!(names(worker, "/srv").contains(&"/srv/kept".to_owned()));
}

/// A script with stand-ins for a program on the path and for one in the tree.
fn with_stand_ins(script: &str) -> Command {
    let stand_in = |at, status: u8| StandIn { at, script: format!("#!/bin/sh\nexit {status}\n") };
    let policy = StandInPlace::Tree(path("/usr/sbin/policy-rc.d"));
    let start = StandInPlace::Path("start-stop-daemon".to_owned());
    Command { stand_ins: vec![stand_in(policy, 101), stand_in(start, 0)], ..shell(script) }
}

#[test]
fn stand_ins_are_found_and_the_tree_does_not_show_them() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    let status = |worker: &mut Worker, script: &str| {
        worker.exec(&with_stand_ins(script), &mut common::ignore).unwrap().status
    };
    assert_eq!(status(worker, "/usr/sbin/policy-rc.d ssh start"), 101);
    assert_eq!(status(worker, "start-stop-daemon --start --exec /usr/bin/sleep -- 1000"), 0);
    // Who asks for none has none.
    assert_eq!(run(worker, "/usr/sbin/policy-rc.d").status, 127);
    // Whatever way it ends.
    let gone = Command { program: "no-such-program".into(), ..with_stand_ins("") };
    assert_eq!(
        worker.exec(&gone, &mut common::ignore).unwrap_err(),
        TargetError::NotFound("no-such-program".into())
    );
    assert!(names(worker, "/usr/sbin").is_empty());
    // A policy of the image's own is left alone; so is one that the program puts there.
    assert_eq!(status(worker, "echo exit 7 >/usr/sbin/policy-rc.d"), 0);
    assert_eq!(status(worker, "/usr/sbin/policy-rc.d"), 7);
    assert_eq!(names(worker, "/usr/sbin"), ["/usr/sbin/policy-rc.d"]);
    for name in ["", "../sh", "a b", "-x"] {
        let stand_in =
            StandIn { at: StandInPlace::Path(name.to_owned()), script: "#!/bin/sh\n".to_owned() };
        let odd = Command { stand_ins: vec![stand_in], ..shell("true") };
        let error = worker.exec(&odd, &mut common::ignore).unwrap_err();
        assert!(error.to_string().contains("is no name of a program"), "{error}");
    }
}

#[test]
fn what_is_deferred_is_noted_in_order_and_not_done() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    let defer = vec!["touch".to_owned(), "mkdir".to_owned()];
    let script = "touch /etc/a; mkdir -p '/etc/b c'; touch; env touch /etc/d; rm -f /etc/x";
    let command = Command { defer, ..shell(script) };
    let output = worker.exec(&command, &mut common::ignore).unwrap();
    assert_eq!(output.status, 0, "{output:?}");
    let call = |program: &str, args: &str| Deferred { program: program.into(), args: args.into() };
    assert_eq!(
        output.deferred,
        [
            call("touch", "/etc/a"),
            call("mkdir", "-p /etc/b c"),
            call("touch", ""),
            call("touch", "/etc/d")
        ]
    );
    assert!(!names(worker, "/etc").iter().any(|name| name.contains("/etc/a")));
    // Done when it is called by whoever does not defer it, and forgotten.
    sh(worker, "touch /etc/a");
    assert!(names(worker, "/etc").contains(&"/etc/a".to_owned()));
    let again = Command { defer: vec!["touch".to_owned()], ..shell("true") };
    assert_eq!(worker.exec(&again, &mut common::ignore).unwrap().deferred, []);
}

#[test]
fn a_daemon_left_behind_dies_with_the_program() {
    let mut bench = furnished(None);
    let started = Instant::now();
    sh(
        &mut bench.worker,
        "setsid sleep 81234 </dev/null >/dev/null 2>&1 & setsid sleep 81235 & echo started",
    );
    assert!(started.elapsed() < Duration::from_secs(20));
    let ps = std::process::Command::new("pgrep").args(["-f", "sleep 8123[45]"]).output().unwrap();
    assert!(ps.stdout.is_empty(), "{}", String::from_utf8_lossy(&ps.stdout));
}

#[test]
fn time_runs_out_for_those_that_listen_and_those_that_do_not() {
    let mut bench = furnished(None);
    let command = |script: &str| Command { timeout_seconds: Some(1), ..shell(script) };
    let started = Instant::now();
    let output = bench.worker.exec(&command("echo on; sleep 1000"), &mut common::ignore).unwrap();
    assert!(output.timed_out && output.signal == Some(15) && output.status == 143, "{output:?}");
    assert_eq!(output.stdout, b"on\n");
    assert!(started.elapsed() < Duration::from_secs(4));
    let deaf = command("trap '' TERM; while :; do sleep 1; done");
    let output = bench.worker.exec(&deaf, &mut common::ignore).unwrap();
    assert!(output.timed_out && output.signal == Some(9), "{output:?}");
    // And the worker still works.
    assert_eq!(sh(&mut bench.worker, "echo $$ >/dev/null; echo fine"), "fine");
}

#[test]
fn lines_come_as_they_are_said_and_status_as_it_is() {
    let mut bench = furnished(None);
    let mut told = Vec::new();
    let command = Command {
        env: [("WORD".to_owned(), "x y".to_owned())].into(),
        workdir: Some("/etc".to_owned()),
        stdin: Some(b"typed\n".to_vec()),
        ..shell("read w; echo \"$w $WORD $PWD\"; echo bad >&2; kill -KILL $$")
    };
    let output = bench.worker.exec(&command, &mut |l| told.push((l.error, l.text))).unwrap();
    told.sort();
    assert_eq!(told, [(false, "typed x y /etc".to_owned()), (true, "bad".to_owned())]);
    assert_eq!((output.status, output.signal, output.timed_out), (137, Some(9), false));
    assert_eq!(run(&mut bench.worker, "exit 42").status, 42);
    // More than any pipe holds, on both outputs at once, and input that nobody reads.
    let flood = Command {
        stdin: Some(vec![b'x'; 1 << 20]),
        ..shell(
            "dd if=/dev/zero bs=64k count=64 2>/dev/null; dd if=/dev/zero bs=64k count=64 >&2 2>/dev/null",
        )
    };
    let output = bench.worker.exec(&flood, &mut common::ignore).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (4 << 20, 4 << 20));
}

#[test]
fn a_folder_of_the_host_can_be_read_and_not_written() {
    let mut bench = furnished(None);
    let shared = common::shared(0o755);
    std::fs::write(shared.path().join("x"), "of the host").unwrap();
    for target in ["/run/dibhost/shared", "/opt/deep/shared"] {
        let host = shared.path().to_str().unwrap().to_owned();
        let command = Command {
            binds: vec![ReadOnlyBind { host, target: path(target) }],
            ..shell(&format!("cat {target}/x; touch {target}/y"))
        };
        let output = bench.worker.exec(&command, &mut common::ignore).unwrap();
        assert_eq!(output.stdout, b"of the host");
        assert_ne!(output.status, 0);
        assert!(!shared.path().join("y").exists());
    }
    assert!(!names(&mut bench.worker, "/").contains(&"/opt".to_owned()));
}

#[test]
fn a_hostile_tree_leads_no_mount_out_of_it() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    let outside = tempfile::TempDir::new().unwrap();
    let to = outside.path().to_str().unwrap().to_owned();
    // The host's folder exists, but not in the tree: a link there leads nowhere.
    worker.apply(&Scope::all(), &[Change::Symlink { path: path("/run"), to }]).unwrap();
    let error = worker.exec(&shell("true"), &mut common::ignore).unwrap_err();
    assert!(error.to_string().contains("`/run` is a symbolic link to"), "{error}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    // One that leads somewhere inside is followed inside.
    let inside = Change::Symlink { path: path("/run"), to: "../../../usr/lib".to_owned() };
    let policy = path("/usr/sbin/policy-rc.d");
    worker.apply(&Scope::all(), &[Change::Remove { path: path("/run") }, inside]).unwrap();
    let ran = worker.exec(&with_stand_ins("true"), &mut common::ignore);
    // Over the libraries, which the program then misses: that is where it lay, and nowhere else.
    let output = ran.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status == 127 && said.contains("shared libraries"), "{output:?}");
    assert!(worker.stat(&Scope::all(), &policy).unwrap().is_none());
}

#[test]
fn what_cannot_be_started_is_explained() {
    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    let error = |worker: &mut dyn Target, command: Command| {
        worker.exec(&command, &mut common::ignore).unwrap_err().to_string()
    };
    let nowhere = Command { workdir: Some("/nowhere".into()), ..shell("true") };
    assert_eq!(
        error(worker, nowhere),
        "entering the folder `/nowhere` in the target: No such file or directory"
    );
    let not_executable = Command { program: "/etc/passwd".into(), ..Command::default() };
    assert_eq!(
        error(worker, not_executable),
        "executing `/etc/passwd` in the target: Permission denied"
    );
    let nul = Command {
        args: vec!["a\0b".into()],
        ..Command { program: "sh".into(), ..Command::default() }
    };
    assert!(error(worker, nul).contains("NUL"));
}

/// A leader of its own session, which its box waits for as for any other.
#[test]
fn a_program_has_the_terminal_that_it_was_given_and_no_other() {
    let mut bench = furnished(None);
    let pair = nix::pty::openpty(None, None).unwrap();
    let script = "test -t 0 && test -t 1 && test -t 2 && echo on a terminal; \
                  echo controlled > /dev/tty || echo no other; exit 3";
    let output = bench.worker.exec_on(&shell(script), std::fs::File::from(pair.slave)).unwrap();
    assert_eq!(output.status, 3);
    assert!(output.stdout.is_empty());
    let mut shown = [0; 200];
    let ours = std::fs::File::from(pair.master);
    let length = std::io::Read::read(&mut &ours, &mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown[..length]);
    assert!(shown.starts_with("on a terminal\r\n"), "{shown:?}");
    // What is lent is lent once.
    assert_eq!(sh(&mut bench.worker, "test -t 0 || echo none"), "none");
}
