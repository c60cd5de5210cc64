//! Programs in the target that want more than they were given. A test's name begins with the
//! check that it is about (`dibhost_check::Check`), where there is one.

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use common::{furnish, furnished, hostile, limited, path, run, sh, shell, try_hostile};
use dibhost_sys::{HeldFolder, Program};
use dibhost_tree::{
    HostLimits, HostPrograms as _, Over, ProgramLimits, Programs as _, TargetError, Tree as _,
    Worker,
};

/// What the program said, `call: answer` a line.
fn answers(worker: &mut Worker, word: &str) -> Vec<String> {
    let output = hostile(worker, word);
    assert_eq!(output.status, 0, "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn said(word: &str) -> Vec<String> {
    answers(&mut furnished(None).worker, word)
}

/// Every line ends so, and there are some: a program that says nothing was refused nothing.
fn all_say(word: &str, end: &str) {
    let lines = said(word);
    assert!(!lines.is_empty(), "`{word}` tried nothing");
    for line in lines {
        assert!(line.ends_with(end), "{line}");
    }
}

#[test]
fn program_mounts_are_refused() {
    all_say("mounts", ": EPERM");
}

#[test]
fn program_namespaces_are_refused() {
    assert_eq!(
        said("namespaces"),
        [
            "user: EPERM",
            "mount: EPERM",
            "network: EPERM",
            "pid: EPERM",
            "time: EPERM",
            "clone: EPERM",
            "clone3: ENOSYS",
            "setns: EPERM",
            "files: done",
        ]
    );
}

#[test]
fn program_tracing_is_refused() {
    assert_eq!(said("tracing"), ["traceme: EPERM", "readv: EPERM", "pidfd_getfd: EPERM"]);
}

#[test]
fn program_kernel_switches_are_refused() {
    all_say("kernel", ": EPERM");
}

#[test]
fn program_machinery_is_not_there() {
    all_say("machinery", ": ENOSYS");
}

#[test]
fn program_keys_are_refused() {
    assert_eq!(said("keys"), ["session: EPERM", "add: EPERM"]);
}

#[test]
fn program_handles_are_refused() {
    assert_eq!(said("handles"), ["name: done", "open: EPERM"]);
}

#[test]
fn program_sockets_of_odd_families_are_refused() {
    assert_eq!(
        said("sockets"),
        [
            "unix: done",
            "inet: done",
            "inet6: done",
            "route: done",
            "audit: EAFNOSUPPORT",
            "generic: EAFNOSUPPORT",
            "vsock: EAFNOSUPPORT",
            "alg: EAFNOSUPPORT",
            "packet: EAFNOSUPPORT",
            "raw: EPERM",
        ]
    );
}

#[test]
fn program_sockets_of_odd_protocols_and_in_pairs_are_refused() {
    assert_eq!(
        said("pairs"),
        [
            "unix: done",
            "inet: EAFNOSUPPORT",
            "netlink: EAFNOSUPPORT",
            "tipc: EAFNOSUPPORT",
            "tcp: done",
            "udp: done",
            "mptcp: EPROTONOSUPPORT",
            "udplite: EPROTONOSUPPORT",
            "sctp: EPROTONOSUPPORT",
            "dccp: EPROTONOSUPPORT",
        ]
    );
}

#[test]
fn program_terminal_cannot_be_typed_into() {
    assert_eq!(said("terminal"), ["type: EPERM", "linux: EPERM", "width: EBADF", "upper: EPERM"]);
}

#[test]
fn program_young_calls_are_not_there() {
    assert_eq!(said("young"), ["file_setattr: ENOSYS", "x32: ENOSYS"]);
}

#[test]
fn a_call_of_another_architecture_ends_the_program() {
    let mut bench = furnished(None);
    let output = hostile(&mut bench.worker, "foreign");
    assert_eq!((output.signal, output.stdout.as_slice()), (Some(31), b"".as_slice()), "{output:?}");
}

#[test]
fn program_landlock_makes_no_devices_and_lets_none_be_asked() {
    let bench = furnished(None);
    // This kernel has Landlock; where a kernel has not, the build says so.
    assert_eq!(bench.worker.notes().collect::<Vec<_>>(), Vec::<&str>::new());
    drop(bench);
    assert_eq!(said("landlock"), ["ioctl: EACCES", "terminal: done"]);
    assert_eq!(said("devices"), ["character: EACCES", "block: EACCES", "pipe: done"]);
}

#[test]
fn program_switches_cannot_be_written() {
    let lines = said("files");
    // They are root's of the machine, before they are read-only.
    for line in ["core_pattern: EACCES", "sys: EACCES", "mem: ENOENT"] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:?}");
    }
    // Not every kernel has them; `/dev/null` lies over the second.
    assert!(!lines.contains(&"sysrq: done".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"of it: 16".to_owned()), "{lines:?}");
}

#[test]
fn program_capabilities_are_bounded() {
    assert_eq!(said("capabilities"), ["hostname: EPERM", "nice: EPERM", "init: EACCES"]);
}

#[test]
fn program_ids_are_nobodys_on_the_machine() {
    assert_eq!(said("ids"), ["ids: nobody's"]);
    assert_eq!(host_said("ids"), ["ids: nobody's"]);
}

#[test]
fn programs_of_the_builder_read_nothing_that_is_private() {
    // Whoever runs this test may.
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("private");
    std::fs::write(&file, "private").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let read = Program::new("cat").arg(&file);
    assert_eq!(read.run(&dibhost_sys::Cancel::new()).unwrap().text(), "private");
    let mut bench = common::start(None);
    let mut fails = |program: &Program| bench.worker.run_on_host(program).unwrap_err().to_string();
    for file in [file.as_path(), Path::new("/etc/shadow"), Path::new("/etc/passwd")] {
        let said = fails(&Program::new("cat").arg(file));
        assert!(said.contains("No such file or directory"), "{said}");
    }
    for file in ["/etc/x", "/usr/x", "/x"] {
        let said = fails(&Program::new("touch").arg(file));
        assert!(said.contains("Read-only file system"), "{said}");
    }
}

#[test]
fn programs_of_the_builder_see_programs_and_the_builds_folder() {
    let mut bench = furnished(None);
    let mut list = |folder: &Path| {
        let output = bench.worker.run_on_host(&Program::new("ls").arg("-A").arg(folder)).unwrap();
        output.text().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let root = list(Path::new("/"));
    let known = [
        "bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "mnt", "proc", "sbin", "tmp", "usr",
    ];
    assert!(root.iter().all(|name| known.contains(&name.as_str())), "{root:?}");
    assert!(["dev", "mnt", "proc", "usr"].iter().all(|name| root.contains(&(*name).to_owned())));
    let settings = list(Path::new("/etc"));
    let known = ["alternatives", "ld.so.cache", "mke2fs.conf"];
    assert!(settings.iter().all(|name| known.contains(&name.as_str())), "{settings:?}");
    assert_eq!(list(Path::new("/dev")), ["fd", "full", "null", "random", "urandom", "zero"]);
    assert_eq!(list(Path::new("/mnt")), ["target"]);
}

#[test]
fn what_a_program_of_the_builder_writes_for_itself_is_gone_with_it() {
    let mut bench = common::start(None);
    let script = |script: &str| Program::new("sh").args(["-c", script]);
    let mut said = |text: &str| bench.worker.run_on_host(&script(text)).unwrap().text();
    assert_eq!(said("ls -A /tmp; echo mine >/tmp/dibhost-mine; ls -A /tmp"), "dibhost-mine\n");
    assert_eq!(said("ls -A /tmp"), "");
    assert!(!Path::new("/tmp/dibhost-mine").exists());
    let run = bench.worker.run_on_host(&script("cp /usr/bin/true /tmp/x && /tmp/x"));
    assert!(run.unwrap_err().to_string().contains("Permission denied"));
}

#[test]
fn programs_of_the_builder_change_nothing_in_the_tree() {
    for tmpfs in [None, Some(64 << 20)] {
        let mut bench = furnished(tmpfs);
        bench.worker.split(&[path("/"), path("/usr")]).unwrap();
        let tree = bench.worker.tree().to_owned();
        for folder in [tree.clone(), tree.join("../parts/1"), tree.join("..")] {
            let write = Program::new("touch").arg(folder.join("x"));
            let said = bench.worker.run_on_host(&write).unwrap_err().to_string();
            assert!(said.contains("Read-only file system"), "{tmpfs:?}: {said}");
        }
    }
}

#[test]
fn programs_of_the_builder_are_ended_for_what_they_use() {
    let host = |host: HostLimits| {
        let folder = tempfile::TempDir::new().unwrap();
        let options = dibhost_tree::WorkerOptions { host, ..common::options(folder.path(), None) };
        (Worker::start(&options, &dibhost_sys::Cancel::new()).unwrap(), folder)
    };
    let time = std::time::Duration::from_secs(1);
    let (mut worker, _folder) = host(HostLimits { time, ..HostLimits::default() });
    let said = worker.run_on_host(&Program::new("sleep").arg("1000")).unwrap_err().to_string();
    assert_eq!(
        said,
        "`sleep` was ended because it ran longer than 1 s, which `--host-timeout SECONDS` changes"
    );
    let (mut worker, _folder) = host(HostLimits { memory: 64 << 20, ..HostLimits::default() });
    let eat = Program::new("bash").args(["-c", "x=$(head -c 200000000 /dev/zero | tr '\\0' x)"]);
    let said = worker.run_on_host(&eat).unwrap_err().to_string();
    // By the control group; without one, by what each process may have.
    let ended = "`bash` was ended because it used more than 64 MiB of memory";
    assert!(said == ended || said.contains("cannot allocate"), "{said}");
}

#[test]
fn program_environment_is_the_boxes_own() {
    let environment = sh(&mut furnished(None).worker, "env");
    let mut names: Vec<_> =
        environment.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.retain(|name| *name != "PWD");
    assert_eq!(names, ["HOME", "LC_ALL", "PATH", "SOURCE_DATE_EPOCH", "TZ"], "{environment}");
}

/// What a program of the builder said, that works on the tree.
fn host_said(word: &str) -> Vec<String> {
    let mut bench = furnished(None);
    common::compile_hostile(&mut bench.worker);
    let program = Program::new(bench.worker.tree().join("usr/bin/hostile")).arg(word);
    let output = bench.worker.run_on_host(&program).unwrap();
    output.text().lines().map(str::to_owned).collect()
}

#[test]
fn programs_of_the_builder_are_held_as_those_of_the_tree() {
    for word in ["mounts", "namespaces", "tracing", "kernel", "machinery", "keys", "sockets"] {
        assert_eq!(host_said(word), said(word), "{word}");
    }
    for line in host_said("mounts").iter().chain(&host_said("kernel")) {
        assert!(line.ends_with(": EPERM"), "{line}");
    }
    assert!(host_said("tracing").contains(&"traceme: EPERM".to_owned()));
    assert!(host_said("capabilities").contains(&"hostname: EPERM".to_owned()));
}

#[test]
fn programs_of_the_builder_have_no_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached");
    // Outside it is reached: else this test could not fail.
    let program = Program::new("bash").args(["-c", &connect]);
    assert_eq!(program.run(&dibhost_sys::Cancel::new()).unwrap().text(), "reached\n");
    let mut bench = common::start(None);
    let error = bench.worker.run_on_host(&program).unwrap_err();
    assert!(error.to_string().contains("unreachable"), "{error}");
    let devices = Program::new("cat").arg("/proc/self/net/dev");
    let devices = bench.worker.run_on_host(&devices).unwrap().text();
    assert!(devices.lines().skip(2).all(|l| l.trim_start().starts_with("lo:")), "{devices}");
}

#[test]
fn programs_that_make_filesystems_do_their_work_in_the_bounds() {
    let mut bench = furnished(Some(256 << 20));
    sh(&mut bench.worker, "echo content >/etc/file; chown 1:1 /etc/file; chmod 4750 /etc/file");
    let out = common::shared(0o777);
    let held = HeldFolder::new(std::fs::File::open(out.path()).unwrap()).unwrap();
    bench.worker.hold(&held).unwrap();
    let image = |name: &str| held.path().join(name);
    let tree = bench.worker.tree().to_owned();
    let programs = [
        Program::new("mke2fs")
            .args(["-q", "-t", "ext4", "-d"])
            .arg(&tree)
            .arg(image("ext4"))
            .arg("64M"),
        Program::new("mksquashfs").arg(&tree).arg(image("squashfs")).arg("-quiet"),
        Program::new("mkfs.erofs").arg(image("erofs")).arg(&tree),
        Program::new("mkfs.btrfs")
            .args(["-q", "--shrink", "--rootdir"])
            .arg(&tree)
            .arg(image("btrfs")),
    ];
    let btrfs = std::fs::File::create(image("btrfs")).unwrap();
    btrfs.set_len(256 << 20).unwrap();
    btrfs.set_permissions(std::fs::Permissions::from_mode(0o666)).unwrap();
    for program in &programs {
        bench.worker.run_on_host(program).unwrap();
    }
    let show = Program::new("debugfs").args(["-R", "stat /etc/file"]).arg(image("ext4"));
    let said = bench.worker.run_on_host(&show).unwrap().text();
    assert!(said.contains("Mode:  04750") && said.contains("User:     1"), "{said}");
}

#[test]
fn no_way_out_of_the_tree_finds_a_file_of_the_host() {
    let marker = tempfile::NamedTempFile::new().unwrap();
    let lines = said(&format!("escape {}", marker.path().display()));
    assert_eq!(
        lines,
        [
            "plain: ENOENT",
            "init: EACCES",
            "cwd: EACCES",
            "chroot: done",
            "again: done",
            "kept: ENOENT",
        ]
    );
}

#[test]
fn processes_of_the_host_cannot_be_reached() {
    let lines = said(&format!("signals {}", std::process::id()));
    // The first process of a namespace takes no signal from within.
    assert_eq!(lines, ["of the host: ESRCH", "its parent: done", "init: done"]);
}

#[test]
fn a_setuid_file_gives_nothing() {
    assert_eq!(said("setuid first"), ["mode: done", "user: done", "uid 1"]);
}

#[test]
fn abstract_sockets_of_the_host_cannot_be_reached() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let name = format!("dibhost-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    assert_eq!(said(&format!("abstract {name}")), ["abstract: ECONNREFUSED"]);
}

#[test]
fn a_line_of_a_gibibyte_is_cut_and_what_is_kept_is_bounded() {
    let mut bench = furnished(None);
    let mut told = Vec::new();
    let command = shell("dd if=/dev/zero bs=1M count=1024 2>/dev/null");
    let output = bench.worker.exec(&command, &mut |line| told.push(line.text)).unwrap();
    assert_eq!((output.status, output.stdout.len()), (0, 16 << 20));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].len(), (8 << 10) + "…".len());
}

/// For users without control groups. What they have none of is told, once.
#[test]
fn program_memory_of_each_process_is_limited_without_control_groups() {
    if dibhost_sys::is_root() {
        return;
    }
    let limits = ProgramLimits { program_memory: 64 << 20, ..ProgramLimits::default() };
    let mut bench = limited(None, limits);
    furnish(&mut bench.worker);
    assert!(bench.worker.unlimited().is_some());
    let output = try_hostile(&mut bench.worker, "memory").unwrap();
    assert_eq!((output.status, output.signal), (1, None), "{output:?}");
}

#[test]
fn programs_are_limited() {
    let limits = ProgramLimits { programs: 50, ..ProgramLimits::default() };
    let mut bench = limited(None, limits);
    furnish(&mut bench.worker);
    assert_eq!(bench.worker.unlimited(), None);
    let error = try_hostile(&mut bench.worker, "forks").unwrap_err();
    assert_eq!(
        error,
        TargetError::Limit {
            over: Over::Processes,
            said: "`hostile` failed with status 1 after it had started 50 processes and threads, \
                   which is the most it may have at once"
                .to_owned()
        }
    );
    // The next one has all of them again.
    assert_eq!(
        sh(&mut bench.worker, "for i in 1 2 3 4 5 6 7 8; do sleep 0 & done; wait; echo on"),
        "on"
    );
}

#[test]
fn program_memory_is_limited() {
    let limits = ProgramLimits { program_memory: 64 << 20, ..ProgramLimits::default() };
    let mut bench = limited(None, limits);
    furnish(&mut bench.worker);
    let error = try_hostile(&mut bench.worker, "memory").unwrap_err();
    assert_eq!(
        error,
        TargetError::Limit {
            over: Over::Memory,
            said: "`hostile` was ended because it used more than 64 MiB of memory".to_owned()
        }
    );
    // A file in the box's own tmpfs is memory as well.
    let fill = shell("dd if=/dev/zero of=/tmp/x bs=1M count=300 2>/dev/null");
    let error = bench.worker.exec(&fill, &mut common::ignore).unwrap_err();
    assert!(error.to_string().contains("64 MiB of memory"), "{error}");
    assert_eq!(sh(&mut bench.worker, "echo on"), "on");
}

#[test]
fn what_is_written_to_a_tree_in_memory_is_no_use_of_memory() {
    let limits = ProgramLimits { program_memory: 64 << 20, ..ProgramLimits::default() };
    let mut bench = limited(Some(256 << 20), limits);
    furnish(&mut bench.worker);
    sh(&mut bench.worker, "dd if=/dev/zero of=/srv bs=1M count=150 2>/dev/null");
    // When the tree's memory is full, that is what is told.
    let error = bench
        .worker
        .exec(&shell("dd if=/dev/zero of=/home bs=1M count=500"), &mut common::ignore)
        .unwrap_err();
    let said = error.to_string();
    assert!(said.contains("the memory that holds the tree was full"), "{said}");
    assert!(said.contains("`--no-tmpfs`"), "{said}");
}

/// Control groups of builds, by what their names begin with.
fn groups(prefix: &str) -> Vec<PathBuf> {
    fn below(folder: &Path, prefix: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with(prefix) {
                    found.push(entry.path());
                }
                below(&entry.path(), prefix, found);
            }
        }
    }
    let mut found = Vec::new();
    below("/sys/fs/cgroup".as_ref(), prefix, &mut found);
    found
}

#[test]
fn control_groups_go_with_the_build_and_so_do_those_of_a_killed_one() {
    let own = format!("dibhost-{}-", std::process::id());
    let mut bench = furnished(None);
    sh(&mut bench.worker, "echo on");
    assert_eq!(run(&mut bench.worker, "exit 1").status, 1);
    let made = groups(&own);
    assert!(!made.is_empty());
    for group in &made {
        let inner = std::fs::read_dir(group).unwrap().flatten();
        let left: Vec<_> = inner.filter(|e| e.file_type().unwrap().is_dir()).collect();
        assert!(left.is_empty(), "a program's group is left: {left:?}");
        // As a build that was killed leaves it, with a program's in it.
        let killed = group.with_file_name("dibhost-4194999-0");
        std::fs::create_dir_all(killed.join("1")).unwrap();
    }
    let second = furnished(None);
    assert_eq!(groups("dibhost-4194999-"), Vec::<PathBuf>::new());
    assert!(made.iter().all(|group| group.exists()), "that of a living build was swept");
    second.worker.stop().unwrap();
    bench.worker.stop().unwrap();
    assert_eq!(groups(&own), Vec::<PathBuf>::new());
}
