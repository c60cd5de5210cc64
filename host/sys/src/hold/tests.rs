use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use super::*;
use crate::{Cancel, HeldFolder, Program, ProgramError, SecretBytes};

fn sh(script: &str, hold: Hold) -> Result<String, ProgramError> {
    let program = Program::new("bash").args(["-c", script]).held(hold);
    program.run(&Cancel::new()).map(|said| said.text())
}

/// What a script says when it is held so; it must end well.
fn says(script: &str, hold: Hold) -> String {
    sh(script, hold).unwrap_or_else(|error| panic!("{script}: {error}"))
}

#[test]
fn it_sees_programs_and_what_it_is_shown() {
    let top = tempfile::tempdir().unwrap();
    let at = |name: &str| top.path().join(name);
    fs::create_dir_all(at("read/inner/deep")).unwrap();
    fs::create_dir(at("other")).unwrap();
    for name in ["read/file", "read/inner/file", "other/file", "alone"] {
        fs::write(at(name), name).unwrap();
    }
    let hold = Hold::new().read(at("read")).read(at("alone")).write(at("read/inner"));
    let hold = hold.read(at("nowhere"));
    let script = |text: &str| text.replace("TOP", &top.path().display().to_string());
    assert!(!says("ls / /etc", hold.clone()).contains("home"));
    let say = |text: &str| says(&script(text), hold.clone());
    assert_eq!(
        say("cat TOP/read/file TOP/alone TOP/read/inner/file; ls TOP"),
        "read/filealoneread/inner/filealone\nread\n"
    );
    assert_eq!(say("ls /etc/shadow /etc/passwd /root /home /run /var 2>/dev/null || true"), "");
    say(
        "echo new > TOP/read/inner/deep/new; ! echo no > TOP/read/file; ! touch /usr/x /x TOP/read/x",
    );
    assert_eq!(fs::read_to_string(at("read/inner/deep/new")).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(at("read/file")).unwrap(), "read/file");
    // Nothing that it writes is started, nor a device or another's process seen.
    say("cp /bin/true TOP/read/inner/true; ! TOP/read/inner/true; cp /bin/true /tmp; ! /tmp/true");
    // A node of the machine's is the machine's, whoever owns it; nor is it standard input.
    let mode = fs::metadata("/dev/null").unwrap().permissions();
    say("! chmod 0666 /dev/null 2>/dev/null; echo > /dev/null; test ! -c /proc/self/fd/0");
    assert_eq!(fs::metadata("/dev/null").unwrap().permissions(), mode);
    // Switches of the whole kernel belong to root of the machine, whoever maps it.
    say("[ ! -w /proc/sys/kernel/core_pattern ] && [ ! -w /proc/sysrq-trigger ]");
    assert_eq!(say("echo $$; ls -d /proc/[0-9]* | wc -l"), "2\n4\n");
}

#[test]
fn it_has_no_capability_and_makes_no_namespace() {
    let hold = Hold::new();
    assert_eq!(says("grep -c '^Cap...:.0000000000000000$' /proc/self/status", hold.clone()), "5\n");
    says(
        "! unshare -r true 2>/dev/null; ! mount -t tmpfs x /tmp 2>/dev/null; ! mknod /tmp/x b 7 0 2>/dev/null",
        hold,
    );
}

#[test]
fn the_network_is_there_for_who_is_to_talk_and_nobody_of_the_machine() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let talk = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    sh(&talk, Hold::new()).unwrap_err();
    sh(&talk, Hold::new().ciphers()).unwrap_err();
    let thread = std::thread::spawn(move || server.accept().map(drop));
    says(&talk, Hold::new().network());
    thread.join().unwrap().unwrap();
    // A socket of the machine, though it lies where the program writes.
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("socket");
    let _server = UnixListener::bind(&path).unwrap();
    let talk = format!("import socket; socket.socket(socket.AF_UNIX).connect({path:?})");
    Program::new("python3").args(["-c", &talk]).run(&Cancel::new()).unwrap();
    for hold in [Hold::new(), Hold::new().network()] {
        let program = Program::new("python3").args(["-c", &talk]).held(hold.write(top.path()));
        let error = program.run(&Cancel::new()).unwrap_err().to_string();
        assert!(error.contains("Address family not supported"), "{error}");
    }
}

#[test]
fn its_memory_and_its_time_end() {
    let mut hold = Hold::new();
    hold.memory = 64 << 20;
    let error = sh("printf -v x %200000000d 7", hold).unwrap_err().to_string();
    assert!(error.contains("cannot allocate"), "{error}");
    let program = Program::new("sleep").arg("1000").held(Hold::new());
    let error = program.within(Duration::from_secs(1)).run(&Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("longer than 1 s"), "{error}");
}

#[test]
fn it_ends_as_without_and_is_told_when_it_cannot_begin() {
    let ends = |script: &str| {
        let program = Program::new("sh").args(["-c", script]);
        let held = program.clone().held(Hold::new()).run(&Cancel::new());
        (
            held.map_err(|e| e.to_string()).map(|s| s.text()),
            program.run(&Cancel::new()).map_err(|e| e.to_string()).map(|s| s.text()),
        )
    };
    for script in ["echo well", "echo ill >&2; exit 3", "kill -9 $$; exit 4"] {
        let (held, free) = ends(script);
        assert_eq!(held, free);
    }
    let none = Program::new("no-such-program").held(Hold::new()).run(&Cancel::new());
    assert!(none.unwrap_err().to_string().starts_with("starting `no-such-program`: "));
    let program = Program::new("true").held(Hold::new().write("/nowhere"));
    let error = program.run(&Cancel::new()).unwrap_err().to_string();
    assert!(error.starts_with("starting `true`: /nowhere: No such file"), "{error}");
    let program = Program::new("true").held(Hold::new().read("relative"));
    let error = program.run(&Cancel::new()).unwrap_err().to_string();
    assert_eq!(error, "starting `true`: `relative` is relative");
    let program = Program::new("true").current_dir("/root").held(Hold::new());
    let error = program.run(&Cancel::new()).unwrap_err().to_string();
    assert!(error.contains("holding it in namespaces of its own: "), "{error}");
}

#[test]
fn what_it_is_handed_open_it_has() {
    let top = tempfile::tempdir().unwrap();
    let held = HeldFolder::new(fs::File::open(top.path()).unwrap()).unwrap();
    let secret = SecretBytes::read_from(&mut &b"hunter2"[..], 64).unwrap();
    let copy = Program::new("cp").arg_descriptor(secret.pipe().unwrap());
    copy.arg(held.path().join("made")).held(Hold::new()).run(&Cancel::new()).unwrap();
    assert_eq!(fs::read(top.path().join("made")).unwrap(), b"hunter2");
    // It does not climb from there, and nothing but its streams is open beside.
    let script =
        "cd \"$1\" && test -e made && ! test -e ../../etc/passwd && ! ls ../../home 2>/dev/null";
    let climb = Program::new("sh").args(["-c", script, "sh"]).arg(held.path());
    climb.held(Hold::new()).run(&Cancel::new()).unwrap();
    let script = "ls -l /proc/self/fd >&2; echo \"$1\" >&2; exit 1";
    let list = Program::new("sh").args(["-c", script, "sh"]).arg(held.path());
    let said = list.held(Hold::new()).run(&Cancel::new()).unwrap_err().to_string();
    assert!(
        said.contains(" 2 -> ") && !said.contains(&format!(" {} -> ", held.number())),
        "{said}"
    );
    assert!(said.ends_with(&held.path().display().to_string()), "{said}");
}

/// Not a test of its own: what the next one starts, and kills.
#[test]
fn runs_a_held_program_when_told_to() {
    let Ok(folder) = std::env::var("DIBHOST_TEST_HOLD") else { return };
    let script = "echo > \"$0/began\"; sleep 2; echo > \"$0/went-on\"";
    let program = Program::new("sh").args(["-c", script, &folder]).held(Hold::new().write(&folder));
    let _ = program.run(&Cancel::new());
}

/// Whoever leaves its group and wants no signal when its parent ends is ended all the same.
#[test]
fn nothing_of_it_outlives_it() {
    let top = tempfile::tempdir().unwrap();
    let script = "import ctypes, os, sys, time
if os.fork(): time.sleep(1000)
os.setsid(); ctypes.CDLL(None).prctl(1, 0)
for _ in range(200): open(sys.argv[1], 'a').write('x'); time.sleep(0.02)";
    let file = top.path().join("alive");
    let program = Program::new("python3").args(["-c", script]).arg(&file);
    let program = program.held(Hold::new().write(top.path())).within(Duration::from_secs(1));
    program.run(&Cancel::new()).unwrap_err();
    let then = fs::read(&file).unwrap();
    assert!(!then.is_empty());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(fs::read(&file).unwrap(), then);
}

#[test]
fn it_ends_with_who_started_it() {
    let top = tempfile::tempdir().unwrap();
    let mut own = Command::new(std::env::current_exe().unwrap());
    own.args(["--exact", "hold::tests::runs_a_held_program_when_told_to"]);
    let mut child = own.env("DIBHOST_TEST_HOLD", top.path()).spawn().unwrap();
    while !top.path().join("began").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert!(!top.path().join("went-on").exists());
    let _ = io::stdout().flush();
}

#[test]
fn where_there_are_no_namespaces_its_calls_and_capabilities_hold_it() {
    let (held, _) = Hold::new().prepare_as(Spaces::None, None, &[]).unwrap();
    let mut command = Command::new("bash");
    command.args([
        "-c",
        "grep -c '^Cap...:.0000000000000000$' /proc/self/status; ! exec 3<>/dev/tcp/127.0.0.1/9",
    ]);
    held.hold(&mut command);
    let said = command.output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.stdout, b"5\n", "{text}");
    assert!(text.contains("Address family not supported"), "{text}");
}
