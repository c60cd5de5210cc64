//! The element on a host in memory, and its script in a shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_element_sdk::{Phase, TestHost, UnitState};
use dynamic_login::DynamicLogin;

#[test]
fn it_runs_at_boot_before_anybody_can_log_in() {
    let mut host = TestHost::new().debian("bookworm");
    let planned = host.plan::<DynamicLogin>(Phase::Install).unwrap();
    let unit = "dibhost-dynamic-login.service";
    assert_eq!(planned.services, [(unit.to_owned(), UnitState::Enabled)]);
    assert_eq!(planned.package_names(), ["passwd"]);
    let text = &planned.units[0].1;
    assert!(text.contains("Before=systemd-user-sessions.service ssh.service"), "{text}");
    for word in ["rootpwd", "sshkey"] {
        assert!(text.contains(&format!("ConditionKernelCommandLine=|{word}\n")), "{text}");
    }
    let script = host.stat("/usr/local/sbin/dibhost-dynamic-login").unwrap();
    assert_eq!(script.mode, 0o755);
    assert!(planned.findings.iter().any(|f| f.message.contains("command line") && !f.fatal));
}

#[test]
fn another_system_has_another_package() {
    let mut host = TestHost::new().system("fedora", "42");
    let planned = host.plan::<DynamicLogin>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["shadow-utils"]);
}

/// A machine of folders: its command line, root's home, and a `chpasswd` that writes what it reads.
struct Machine {
    folder: PathBuf,
}

impl Machine {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        let chpasswd = folder.join("bin/chpasswd");
        let said = folder.join("said");
        let script = format!("#!/bin/sh\necho \"$@\" >{0}\ncat >>{0}\n", said.display());
        fs::write(&chpasswd, script).unwrap();
        fs::set_permissions(&chpasswd, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// Boots it with this command line: whether the script succeeded, and what it complained of.
    fn boot(&self, line: &str) -> (bool, String) {
        let folder = self.folder.display().to_string();
        fs::write(self.folder.join("cmdline"), format!("{line}\n")).unwrap();
        // Where the folder is, may have any of these words in it.
        let script = include_str!("../src/dynamic-login.sh")
            .replace("/proc/cmdline", "@/cmdline")
            .replace("/root/", "@/root/")
            .replace("PATH=/usr/sbin", "PATH=@/bin:/usr/sbin");
        assert!(!script.contains(" /root") && !script.contains("=/root"), "{script}");
        let script = script.replace("@/", &format!("{folder}/"));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.join("said")).unwrap_or_default()
    }

    fn keys(&self) -> String {
        fs::read_to_string(self.folder.join("root/.ssh/authorized_keys")).unwrap_or_default()
    }
}

const HASH: &str = "$6$salt$Ab./0";
const KEY: &str = "ssh-ed25519 AAAAC3Nz+/a=";

#[test]
fn the_password_is_set_as_it_is_or_from_base64() {
    let machine = Machine::new("password");
    for line in [
        format!("quiet rootpwd={HASH} ro"),
        format!("quiet rootpwd=\"{HASH}\" ro"),
        format!("quiet \"rootpwd={HASH}\""),
        format!("rootpwd=x rootpwd={HASH}"),
        // What `openssl passwd -6 | base64 -w 0` gives, with the end of the line in it.
        "rootpwd=JDYkc2FsdCRBYi4vMAo=".to_owned(),
    ] {
        let _ = fs::remove_file(machine.folder.join("said"));
        let (done, error) = machine.boot(&line);
        assert!(done, "{line}: {error}");
        assert_eq!(machine.said(), format!("--encrypted\nroot:{HASH}\n"), "{line}");
    }
}

#[test]
fn the_key_is_added_once_without_options_and_comments() {
    let machine = Machine::new("key");
    fs::create_dir_all(machine.folder.join("root/.ssh")).unwrap();
    fs::write(machine.folder.join("root/.ssh/authorized_keys"), "ssh-rsa AAAA no-end").unwrap();
    for line in [
        format!("sshkey=\"{KEY} me@example $(id)\" quiet"),
        format!("quiet \"sshkey={KEY}\""),
        // "ssh-ed25519 AAAAC3Nz+/a= me" and a line's end.
        "sshkey=c3NoLWVkMjU1MTkgQUFBQUMzTnorL2E9IG1lCg==".to_owned(),
    ] {
        let (done, error) = machine.boot(&line);
        assert!(done, "{line}: {error}");
        assert_eq!(machine.keys(), format!("ssh-rsa AAAA no-end\n{KEY} dynamic-login\n"), "{line}");
    }
    let mode = fs::metadata(machine.folder.join("root/.ssh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "what is there stays as it is");
}

#[test]
fn a_folder_that_is_made_is_roots_alone() {
    let machine = Machine::new("folder");
    assert!(machine.boot(&format!("sshkey=\"{KEY}\"")).0);
    for (path, mode) in [("root/.ssh", 0o700), ("root/.ssh/authorized_keys", 0o600)] {
        let there = fs::metadata(machine.folder.join(path)).unwrap().permissions().mode();
        assert_eq!(there & 0o7777, mode, "{path}");
    }
}

#[test]
fn what_is_neither_is_refused_and_changes_nothing() {
    for (number, line) in [
        "rootpwd=secret",
        "rootpwd=\"$6$a$b:0:0\"",
        "rootpwd=\"$6$a$b c\"",
        // "$6$a$b" and, on a line of its own, "toor:$6$a$b".
        "rootpwd=JDYkYSRiCnRvb3I6JDYkYSRi",
        "rootpwd=$6",
        "sshkey=AAAA",
        "sshkey=\"command=id ssh-rsa AAAA\"",
        "sshkey=\"ssh-rsa `id`\"",
        "sshkey=\"from=* AAAA\"",
    ]
    .iter()
    .enumerate()
    {
        let machine = Machine::new(&format!("refused-{number}"));
        let (done, error) = machine.boot(line);
        assert!(!done && error.starts_with("dynamic-login: `"), "{line}: {error}");
        assert_eq!((machine.said(), machine.keys()), Default::default(), "{line}");
    }
    // And a command line that says nothing of it is fine.
    let machine = Machine::new("nothing");
    assert_eq!(machine.boot("quiet xsshkey=a rootpwdx=b"), (true, String::new()));
}
