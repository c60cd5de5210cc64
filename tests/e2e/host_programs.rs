//! What a program of the builder can do when what it reads has taken it over: others lie in the place
//! of each, and try what an attacker would.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};
use dibhost_tests::{Dibhost, Outcome, dibhost};

/// What is tried; each says `NAME: refused` or `NAME: done`, in one line, which all errors repeat.
const TRIES: &str = r#"#!/bin/bash
exec >&2
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then said+="$name: done, "; else said+="$name: refused, "; fi; }
try accounts cat /etc/passwd
try shadow cat /etc/shadow
try home ls (home)
try cache cat (cache)/image.toml
try programs touch /usr/local/sbin/x
try settings touch /etc/x
try root touch /x
try network bash -c 'exec 3<>/dev/tcp/127.0.0.1/(port)'
try mounts mount -t tmpfs none /mnt
try namespaces unshare --user true
try processes kill -0 (engine)
try rights chroot / true
echo "$said"
exit 1
"#;

const NAMES: [&str; 12] = [
    "accounts",
    "shadow",
    "home",
    "cache",
    "programs",
    "settings",
    "root",
    "network",
    "mounts",
    "namespaces",
    "processes",
    "rights",
];

/// One filesystem of a kind, of a tree without packages.
fn of_kind(format: &str) -> String {
    format!(
        "[image]\nname = \"x\"\nelements = [\"fake-os\"]\nformats = [\"qcow2\"]\n\
         [grants.fake-os]\nrootfs = [\"write /\"]\nfacts = [\"dib:os/distribution@1\"]\n\
         [[block-device]]\nname = \"disk\"\ntype = \"disk\"\n\
         [[block-device]]\nname = \"root\"\ntype = \"filesystem\"\non = \"disk\"\n\
         format = \"{format}\"\nmount = \"/\"\n"
    )
}

/// An encrypted one.
fn encrypted() -> String {
    let node =
        "[[block-device]]\nname = \"crypt\"\ntype = \"luks\"\non = \"disk\"\nsecrets = [\"key\"]\n";
    let nodes = of_kind("ext4").replace("on = \"disk\"", "on = \"crypt\"");
    let (above, below) = nodes.split_once("[[block-device]]\nname = \"root\"").unwrap_or_default();
    format!(
        "{above}{node}[[block-device]]\nname = \"root\"{below}[secrets]\nkey = {{ file = \"home/own\" }}\n"
    )
}

/// A commit of a repository.
fn from_git() -> String {
    "[image]\nname = \"x\"\nelements = [\"source-repositories\"]\nformats = [\"raw\"]\n\
     [inputs.own]\npath = \"sources\"\n\
     [parameters.source-repositories]\nsources = [\"own\"]\n"
        .to_owned()
}

/// The same program on a machine where `script` is found in the place of another one.
fn instead_of(program: &str, dibhost: Dibhost, script: &str) -> Result<Dibhost> {
    dibhost.write("stand-in", script)?;
    let around = format!(
        "#!/bin/sh\nexec unshare --mount -- sh -ec '\
         mount -t tmpfs -o mode=0755 none /usr/local/sbin\n\
         cp stand-in /usr/local/sbin/{program}\nchmod 0755 /usr/local/sbin/{program}\n\
         exec \"$0\" \"$@\"' {} \"$@\"\n",
        dibhost.path().display()
    );
    let path = dibhost.write("around", &around)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(dibhost.program(&path))
}

fn build(program: &str, definition: &str, script: &str) -> Result<Outcome> {
    let dibhost = dibhost()?;
    // With what it said before, nobody asks it.
    let dibhost = if program == "apt-get" { dibhost.empty_cache() } else { dibhost };
    dibhost.write("image.toml", definition)?;
    dibhost.write("home/own", "the person's")?;
    let source =
        "own git /opt/own http://127.0.0.1:9/own.git 8f4cb3f6ee1e5c0c1a6c3ba19ce4d2e1d0f3b4a5\n";
    dibhost.write("sources/source-repository-own", source)?;
    let at = |name: &str| dibhost.folder().join(name).display().to_string();
    let script = script.replace("(home)", &at("home")).replace("(cache)", &at(""));
    instead_of(program, dibhost, &script)?.run(&["build", "image.toml", "-o", "x"])
}

#[test]
fn a_program_that_was_taken_over_gets_nothing() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let script =
        TRIES.replace("(port)", &port).replace("(engine)", &std::process::id().to_string());
    let packages = "[image]\nname = \"x\"\nelements = [\"debian-minimal\"]\nformats = [\"raw\"]\n";
    // `mkfs.xfs` is given such a tree by its prototype alone, where there is one that it can say.
    for (program, definition, talks) in [
        ("mke2fs", of_kind("ext4"), false),
        ("mkfs.btrfs", of_kind("btrfs"), false),
        ("mksquashfs", of_kind("squashfs"), false),
        ("mkfs.erofs", of_kind("erofs"), false),
        ("dpkg-deb", packages.to_owned(), false),
        ("cryptsetup", encrypted(), false),
        ("apt-get", packages.to_owned(), true),
        ("git", from_git(), true),
    ] {
        let outcome = build(program, &definition, &script)?;
        let said = &outcome.stderr;
        ensure!(outcome.code() == 1, "`{program}` ended with {}:\n{said}", outcome.status);
        let words = match program {
            "git" => "`http://127.0.0.1:9/own.git` could not be fetched".to_owned(),
            _ => format!("`{program}` failed"),
        };
        ensure!(said.contains(&words), "`{program}` is not named:\n{said}");
        for name in NAMES.into_iter().filter(|name| !(talks && *name == "network")) {
            ensure!(said.contains(&format!("{name}: refused")), "`{program}`: {name}:\n{said}");
        }
    }
    Ok(())
}

#[test]
fn a_program_that_never_ends_ends_the_build() -> Result<()> {
    for (program, kind) in [("mke2fs", "ext4"), ("mksquashfs", "squashfs")] {
        let dibhost = dibhost()?;
        dibhost.write("image.toml", &of_kind(kind))?;
        let dibhost = instead_of(program, dibhost, "#!/bin/sh\nexec sleep 1000\n")?;
        let build = ["build", "image.toml", "-o", "x", "--host-timeout", "2"];
        let said = dibhost.run(&build)?.expect_code(1)?.stderr;
        let words = format!("`{program}` was ended because it ran longer than 2 s");
        ensure!(said.contains(&words), "{said}");
    }
    Ok(())
}
