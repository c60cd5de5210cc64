//! A tree whose programs are those that a build starts, and what is in it.
#![allow(unreachable_pub, reason = "all of it is for the modules beside it")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dibhost_packages::simulated::CONFIGURE;
use dibhost_tree::{Command, Deferred, Line, SimulatedTarget, TargetError};

/// When all of it is from at the latest.
pub const EPOCH: i64 = 1_700_000_000;

/// Path → mode and content.
pub type Listing = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// What is in a tree.
pub fn listing(tree: &Path) -> Listing {
    let mut found = Listing::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let stat = path.symlink_metadata().unwrap();
            let content = if stat.is_symlink() {
                std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if stat.is_file() {
                std::fs::read(&path).unwrap()
            } else {
                folders.push(path.clone());
                Vec::new()
            };
            let inside = path.strip_prefix(tree).unwrap().to_owned();
            found.insert(inside, (stat.permissions().mode(), content));
        }
    }
    found
}

/// Where many builds of small files take no time.
pub fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

/// A tree whose programs are those that a build starts.
pub fn tree(
    statuses: BTreeMap<String, i32>,
    absent: BTreeSet<String>,
    commands: Arc<Mutex<Vec<Command>>>,
) -> SimulatedTarget {
    let place: Arc<Mutex<PathBuf>> = Arc::default();
    let at = Arc::clone(&place);
    let has_sudo = !absent.contains("sudo");
    let answers = move |command: &Command, line: &mut dyn FnMut(Line)| {
        commands.lock().unwrap().push(command.clone());
        if absent.contains(&command.program) {
            return Err(TargetError::NotFound(command.program.clone()));
        }
        let tree = at.lock().unwrap().clone();
        let option = |name: &str| {
            let at = command.args.iter().position(|arg| arg == name)?;
            command.args.get(at + 1).cloned()
        };
        let set = |file: &str, user: &str, field: usize, value: &str| {
            set(&tree.join(file), user, field, value)
        };
        let last = command.args.last().cloned().unwrap_or_default();
        line(Line { error: false, text: format!("{} {last}", command.program) });
        let append = |file: &str, text: String| {
            std::fs::create_dir_all(tree.join("etc")).unwrap();
            let old = std::fs::read_to_string(tree.join(file)).unwrap_or_default();
            std::fs::write(tree.join(file), old + &text).unwrap();
        };
        let mut output = dibhost_tree::Output {
            status: statuses.get(&command.program).copied().unwrap_or_default(),
            ..dibhost_tree::Output::default()
        };
        match command.program.as_str() {
            "useradd" => {
                std::fs::create_dir_all(tree.join("home").join(&last)).unwrap();
                let comment = option("--comment").unwrap_or_default();
                append("etc/passwd", format!("{last}:x:0:0:{comment}:/home/{last}:/bin/sh\n"));
                append("etc/shadow", format!("{last}:!:19000:0:99999:7:::\n"));
            }
            "usermod" => {
                for (name, field) in [("--comment", 4), ("--shell", 6)] {
                    if let Some(value) = option(name) {
                        set("etc/passwd", &last, field, &value);
                    }
                }
            }
            "chpasswd" => {
                let line = String::from_utf8(command.stdin.clone().unwrap()).unwrap();
                let (user, password) = line.trim_end().split_once(':').unwrap();
                let hashed = command.args == ["--encrypted"];
                set("etc/shadow", user, 1, if hashed { password } else { "hashed" });
                set("etc/shadow", user, 2, "20000");
            }
            "chage" => {
                for (name, field) in [("--lastday", 2), ("--expiredate", 7)] {
                    if let Some(value) = option(name) {
                        set("etc/shadow", &last, field, &value);
                    }
                }
            }
            "groupadd" => {
                let gid = option("--gid").unwrap_or_else(|| "0".to_owned());
                append("etc/group", format!("{last}:x:{gid}:\n"));
            }
            CONFIGURE if last == "app" => output.deferred.push(Deferred {
                program: command.defer.first().cloned().unwrap_or_default(),
                args: String::new(),
            }),
            _ => (),
        }
        if output.status != 0 {
            output.stderr = b"no such luck\n".to_vec();
        }
        Ok(output)
    };
    let tree = SimulatedTarget::new_in(&memory(), EPOCH, Box::new(answers)).unwrap();
    place.lock().unwrap().clone_from(&tree.tree());
    for folder in ["etc/systemd/system", "srv"] {
        std::fs::create_dir_all(tree.tree().join(folder)).unwrap();
    }
    if has_sudo {
        std::fs::create_dir_all(tree.tree().join("etc/sudoers.d")).unwrap();
    }
    std::fs::write(tree.tree().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    tree
}

/// Sets a field of a user's line.
fn set(file: &Path, user: &str, field: usize, value: &str) {
    let old = std::fs::read_to_string(file).unwrap_or_default();
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(':').collect();
        if fields[0] == user {
            fields[field] = value;
        }
        fields.join(":") + "\n"
    };
    std::fs::write(file, old.lines().map(line).collect::<String>()).unwrap();
}
