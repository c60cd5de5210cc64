//! What a definition says in keys of its own, in an image that is looked at and booted.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::mirror::system_archive;
use dibhost_tests::{Dibhost, dibhost, disk, machine, tool};
use serde_json::Value;

/// Signs the suites of Debian 12.
const KEYRING: &str = "/etc/apt/trusted.gpg.d/debian-archive-bookworm-automatic.asc";

fn definition(key: &str, archive: &str) -> String {
    format!(
        r#"
packages = ["hello", "figlet=2*", "!nano"]
hostname = "web.example.org"
locale = "de_DE.UTF-8"
timezone = "Europe/Berlin"

[image]
name = "alone"
arch = "amd64"
elements = ["debian-minimal", "vm", "serial-console", "openssh-server"]

[[files]]
path = "/opt/deep/er/site"
source = "site"

[[files]]
path = "/etc/motd"
content = "Hello.\n"
mode = "0640"
owner = "deploy"
group = "adm"

[[files]]
path = "/opt/deep/er/site/b.txt"
content = "mine\n"

[[files]]
path = "/lib/systemd/link"
link = "/etc/motd"

[[files]]
path = "/etc/issue.net"
remove = true

[[files]]
path = "/srv/empty"
directory = true
mode = "1777"

[[users]]
name = "deploy"
authorized-keys = ["{key}"]
groups = ["adm"]
sudo = "nopasswd"
password = "deploy"
comment = "Deploys"
uid = 1234

[[units]]
name = "hello.service"
source = "hello.service"
state = "enabled"

[[units]]
name = "hello.service"
drop-in = "10-more.conf"
content = "[Service]\nEnvironment=WORD=dropped"

[[units]]
name = "apt-daily.timer"
state = "masked"

[[repositories]]
name = "more"
url = "{archive}"
suites = ["bookworm-backports"]
components = ["main"]
key = "archive.asc"
priority = 50

[[commands]]
script = "note.py.sh"
environment = {{ WORD = "said" }}

[[commands]]
run = ["sh", "-c", "cat /etc/hostname >> /srv/note"]

[[commands]]
phase = "pre-install"
run = ["sh", "-c", "command -v hello || echo 'not yet' > /srv/early"]

[sysctl]
"vm.swappiness" = 7

[kernel]
arguments = ["quiet", "dibhost.test=1"]

[secrets]
deploy = {{ file = "password" }}
"#
    )
}

/// The same as it is typed.
fn options(key: &str, archive: &str) -> Vec<String> {
    let settings = [
        "hostname=web.example.org".to_owned(),
        "locale=de_DE.UTF-8".to_owned(),
        "timezone=Europe/Berlin".to_owned(),
        r#"files=[
            { path = "/etc/motd", content = "Hello.\n", mode = "0640", owner = "deploy", group = "adm" },
            { path = "/opt/deep/er/site/b.txt", content = "mine\n" },
            { path = "/lib/systemd/link", link = "/etc/motd" },
            { path = "/etc/issue.net", remove = true },
            { path = "/srv/empty", directory = true, mode = "1777" },
        ]"#
        .to_owned(),
        format!(
            r#"users=[{{ name = "deploy", authorized-keys = ["{key}"], groups = ["adm"], sudo = "nopasswd", password = "deploy", comment = "Deploys", uid = 1234 }}]"#
        ),
        r#"units=[
            { name = "hello.service", source = "hello.service", state = "enabled" },
            { name = "hello.service", drop-in = "10-more.conf", content = "[Service]\nEnvironment=WORD=dropped" },
            { name = "apt-daily.timer", state = "masked" },
        ]"#
        .to_owned(),
        format!(
            r#"repositories=[{{ name = "more", url = "{archive}", suites = ["bookworm-backports"], components = ["main"], key = "archive.asc", priority = 50 }}]"#
        ),
        r#"commands=[
            { script = "note.py.sh", environment = { WORD = "said" } },
            { run = ["sh", "-c", "cat /etc/hostname >> /srv/note"] },
            { phase = "pre-install", run = ["sh", "-c", "command -v hello || echo 'not yet' > /srv/early"] },
        ]"#
        .to_owned(),
        "sysctl.vm.swappiness=7".to_owned(),
        // `kernel.arguments` would be the parameter of the element `kernel`.
        "kernel={ arguments = ['quiet', 'dibhost.test=1'] }".to_owned(),
    ];
    let words = ["debian-minimal", "vm", "serial-console", "openssh-server", "-a", "amd64"];
    let words = words.into_iter().chain([
        "-p",
        "hello,figlet=2*,!nano",
        "--file",
        "/opt/deep/er/site=site",
        "--secret",
        "deploy=password",
    ]);
    let settings = settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]);
    words.map(str::to_owned).chain(settings).collect()
}

/// What a plan comes to: two that are equal make the same bits.
fn digest(dibhost: &Dibhost, what: &[String]) -> Result<String> {
    let words = ["plan", "--format", "json", "-o", "alone", "-t", "qcow2,raw"].map(str::to_owned);
    let words: Vec<String> = words.into_iter().chain(what.iter().cloned()).collect();
    let plan: Value = serde_json::from_str(&dibhost.run(&words)?.expect_code(0)?.stdout)?;
    Ok(plan["digest"].as_str().context("a plan has a digest")?.to_owned())
}

#[test]
fn all_that_a_definition_says_is_in_the_image_and_in_the_machine() -> Result<()> {
    all_that_it_says(Firmware::SeaBios)
}

#[test]
#[ignore = "long: under `make test-all`; `vm` boots under this firmware"]
fn all_that_a_definition_says_is_there_under_the_other_firmware_too() -> Result<()> {
    all_that_it_says(Firmware::Ovmf)
}

fn all_that_it_says(firmware: Firmware) -> Result<()> {
    let dibhost = dibhost()?;
    let key = Key::generate(dibhost.folder())?;
    let archive = system_archive()?;
    dibhost.write("alone.toml", &definition(&key.public, &archive))?;
    dibhost.write("password", "correct horse")?;
    dibhost.write("archive.asc", &std::fs::read_to_string(KEYRING)?)?;
    dibhost.write("site/a.txt", "theirs\n")?;
    dibhost.write("site/b.txt", "theirs\n")?;
    let unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\n\
                ExecStart=/bin/sh -c 'echo $WORD > /run/hello'\n\
                [Install]\nWantedBy=multi-user.target\n";
    dibhost.write("hello.service", unit)?;
    dibhost.write("note.py.sh", "#!/bin/sh -e\necho \"$WORD $0\" > /srv/note\n")?;

    why_names_the_lines(&dibhost)?;
    let defined = digest(&dibhost, &["alone.toml".to_owned()])?;
    ensure!(digest(&dibhost, &options(&key.public, &archive))? == defined);
    let mut less = options(&key.public, &archive);
    less.truncate(less.len() - 2);
    ensure!(digest(&dibhost, &less)? != defined, "a setting that counts for nothing");

    let build = ["build", "alone.toml", "-o", "alone", "-t", "qcow2,raw"];
    let built = dibhost.run(&build)?.expect_code(0)?;
    for words in ["hostfwd=tcp:127.0.0.1:2222-:22\n", "  ssh -p 2222 deploy@127.0.0.1\n"] {
        ensure!(built.stderr.contains(words), "{}", built.stderr);
    }
    let raw = dibhost.folder().join("alone.raw");
    let partitions = disk::partitions(&raw)?;
    let root = partitions.last().context("a disk has a partition")?;
    check_tree(&disk::extract(&raw, root, dibhost.folder())?)?;

    runs(&dibhost, firmware, &key).with_context(|| format!("under {firmware:?}"))
}

/// What another definition promises and this image does not keep: what is said of it in place of what, and
/// how that is told.
const OTHERWISE: [(&str, &str, &str); 12] = [
    ("\"!nano\"", "\"nano\"", "package nano (definition): expected yes, found no"),
    ("\"hello\"", "\"!hello\"", "package hello (definition): expected no, found yes"),
    ("figlet=2*", "figlet=3*", "version of figlet (definition): expected yes, found no"),
    ("web.example.org", "web.example.com", "/etc/hostname"),
    ("uid = 1234", "uid = 1235", "number of deploy (definition): expected 1235, found 1234"),
    ("groups = [\"adm\"]", "groups = [\"audio\"]", "deploy in group audio (definition)"),
    (
        "mode = \"1777\"",
        "mode = \"0777\"",
        "mode of /srv/empty (definition): expected 777, found 1777",
    ),
    ("Environment=WORD=dropped", "Environment=WORD=other", "drop-in 10-more of hello.service"),
    ("state = \"masked\"", "state = \"disabled\"", "apt-daily.timer is disabled (definition)"),
    (
        "swappiness\" = 7",
        "swappiness\" = 8",
        "sysctl vm.swappiness (definition): expected 8, found 7",
    ),
    ("dibhost.test=1", "dibhost.test=2", "kernel argument dibhost.test=2 (definition)"),
    (
        "link = \"/etc/motd\"",
        "link = \"/etc/issue\"",
        "/lib/systemd/link (definition): expected /etc/issue",
    ),
];

/// A command that runs in the machine what `dibhost verify` writes of a definition.
fn verify(dibhost: &Dibhost, definition: &str) -> Result<String> {
    let script = dibhost.run(&["verify", definition])?.expect_code(0)?.stdout;
    let script = dibhost.write("verify.sh", &script)?;
    let text = tool::run("base64", &["-w0".as_ref(), script.as_os_str()])?;
    Ok(format!("echo {} | base64 -d | sudo sh; echo ended with $?", text.trim()))
}

fn runs(dibhost: &Dibhost, firmware: Firmware, key: &Key) -> Result<()> {
    let kept = verify(dibhost, "alone.toml")?;
    let mut other = std::fs::read_to_string(dibhost.folder().join("alone.toml"))?;
    for (what, otherwise, _) in OTHERWISE {
        ensure!(other.contains(what), "there is no {what}");
        other = other.replace(what, otherwise);
    }
    dibhost.write("other.toml", &other)?;
    let broken = verify(dibhost, "other.toml")?;
    let machine = machine(dibhost.folder().join("alone.qcow2")).firmware(firmware);
    machine.login("deploy", key).see(|machine| {
        machine.wait_for("web login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        for (command, says) in [
            ("hostname", "web.example.org"),
            ("getent hosts web | awk '{print $1}'", "127.0.1.1"),
            ("date +%Z | grep -c CES*T", "1"),
            ("LC_ALL=de_DE.UTF-8 locale title", "German locale for Germany"),
            ("id -un; id -u", "deploy\n1234"),
            ("sudo -n id -u", "0"),
            ("cat /run/hello", "dropped"),
            ("systemctl is-enabled apt-daily.timer || true", "masked"),
            ("cat /proc/sys/vm/swappiness", "7"),
            ("grep -c 'quiet dibhost.test=1' /proc/cmdline", "1"),
            ("hello", "Hallo, Welt!"),
            ("systemctl --failed --no-legend --plain | cat", ""),
        ] {
            let said = machine.ssh_text(command)?;
            ensure!(said.trim() == says, "`{command}` says {said:?} and not {says:?}");
        }
        let said = machine.ssh_text(&kept)?;
        ensure!(said.ends_with(" looked at, 0 otherwise\nended with 0\n"), "{said}");
        let said = machine.ssh_text(&broken)?;
        for (_, _, told) in OTHERWISE {
            ensure!(said.contains(&format!("wrong: {told}")), "no {told} in {said}");
        }
        ensure!(said.ends_with("\nended with 1\n"), "{said}");
        Ok(machine.power_off()?)
    })
}

/// Each subject and the line that it stands in.
fn why_names_the_lines(dibhost: &Dibhost) -> Result<()> {
    for (subject, place) in [
        ("package:hello", "alone.toml:2:13"),
        ("package:figlet", "alone.toml:2:22"),
        ("package:locales", "alone.toml:4:10"),
        ("package:tzdata", "alone.toml:5:12"),
        ("file:/etc/hostname", "alone.toml:3:12"),
        ("file:/etc/motd", "alone.toml:17:8"),
        ("file:/opt/deep/er/site/a.txt", "alone.toml:13:8"),
        ("file:/opt/deep/er/site/b.txt", "alone.toml:24:8"),
        ("user:deploy", "alone.toml:41:8"),
        ("unit:apt-daily.timer", "alone.toml:60:8"),
        ("repository:more", "alone.toml:64:8"),
        ("file:/etc/sysctl.d/90-dibhost.conf", "alone.toml:83:1"),
        ("command:note.py.sh", "alone.toml:71:1"),
        ("command:sh -c cat /etc/hostname >> /srv/note", "alone.toml:75:1"),
        ("kernel-argument:quiet", "alone.toml:86:14"),
    ] {
        let told = dibhost.run(&["plan", "--why", subject, "alone.toml"])?.expect_code(0)?.stdout;
        ensure!(told.contains(&format!("the definition ({place})")), "{subject}: {told}");
    }
    Ok(())
}

fn check_tree(root: &Path) -> Result<()> {
    let read = |path: &str| -> Result<String> {
        let bytes = disk::read_file(root, path)?.with_context(|| format!("no {path}"))?;
        Ok(String::from_utf8(bytes)?)
    };
    for (path, text) in [
        ("/etc/hostname", "web.example.org\n"),
        ("/etc/timezone", "Europe/Berlin\n"),
        ("/etc/default/locale", "LANG=de_DE.UTF-8\n"),
        ("/etc/motd", "Hello.\n"),
        ("/opt/deep/er/site/a.txt", "theirs\n"),
        ("/opt/deep/er/site/b.txt", "mine\n"),
        ("/srv/early", "not yet\n"),
        ("/srv/note", "said /var/tmp/dibhost-definition/note.py.sh\nweb.example.org\n"),
    ] {
        let there = read(path)?;
        ensure!(there == text, "{path} is {there:?}");
    }
    let sources = read("/etc/apt/sources.list.d/more.sources")?;
    ensure!(sources.contains("bookworm-backports"), "{sources}");
    let motd = disk::stat(root, "/etc/motd")?;
    ensure!(motd.contains("Mode:  0640") && motd.contains("User:  1234"), "{motd}");
    ensure!(disk::stat(root, "/srv/empty")?.contains("Mode:  01777"));
    let zone = disk::stat(root, "/etc/localtime")?;
    ensure!(zone.contains("/usr/share/zoneinfo/Europe/Berlin"), "{zone}");
    ensure!(disk::read_file(root, "/etc/issue.net")?.is_none());
    ensure!(disk::read_file(root, "/usr/bin/figlet-figlet")?.is_some());
    ensure!(!disk::list(root, "/var/tmp")?.iter().any(|name| name.contains("dibhost")));
    let shadow = read("/etc/shadow")?;
    let hash = shadow.lines().find(|line| line.starts_with("deploy:")).context("no deploy")?;
    ensure!(hash.starts_with("deploy:$y$"), "{hash}");
    Ok(())
}
