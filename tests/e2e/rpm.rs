//! Images of distributions of RPM packages, from a signed mirror on the loopback address that `tests/archives`
//! makes of Debian's programs: laid out as the mirrors of Fedora and others are, with packages of their names.
//!
//! Needs `dnf`, `zypper`, `rpm`, `createrepo-c` and `gnupg`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::mirror::{Fault, Server};
use dibhost_tests::{Dibhost, Outcome, dibhost, disk, machine, repository, tool};
use tempfile::TempDir;

/// A mirror of its own for a test, and the keys.
struct Mirror {
    server: Server,
    /// It signs all.
    key: String,
    /// It signs nothing that is asked for.
    other_key: String,
    _folder: TempDir,
}

impl Mirror {
    /// Packages are made once, and kept below `CARGO_TARGET_TMPDIR`.
    fn new() -> Result<Self> {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archives");
        let folder = dibhost_tests::work_folder()?;
        let make = repository().join("tests/archives/make");
        let at = folder.path().join("mirror");
        let words = [Path::new("system"), &cache, &at];
        tool::run(&make.to_string_lossy(), &words.map(|word| word.to_string_lossy().into_owned()))?;
        let key = |name: &str| -> Result<String> {
            let file = cache.join(name).join("key.asc");
            std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
        };
        let (key, other_key) = (key("key")?, key("other")?);
        Ok(Self { server: Server::start(&at)?, key, other_key, _folder: folder })
    }

    /// A definition of an image of this element, whose packages are signed by that key.
    fn definition(&self, element: &str, key: &str, packages: &str, more: &str) -> String {
        self.with_others(element, "", key, packages, more)
    }

    fn with_others(
        &self,
        element: &str,
        others: &str,
        key: &str,
        packages: &str,
        more: &str,
    ) -> String {
        let url = self.server.url();
        format!(
            r#"packages = [{packages}]

[image]
name = "shaped"
elements = ["{element}"{others}]
formats = ["raw"]

[parameters.{element}]
release = "1"
mirror = "{url}"
unsigned-indexes = false
keys = ["""
{key}"""]
{more}"#
        )
    }
}

/// An account, a file and a unit of the definition.
const MORE: &str = r#"
[[users]]
name = "deploy"
groups = ["wheel"]
sudo = "nopasswd"

[[files]]
path = "/etc/motd"
content = "Hello.\n"

[[units]]
name = "hello.service"
content = "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
state = "enabled"
"#;

fn build(dibhost: &Dibhost, options: &[&str], to: &str) -> Result<Outcome> {
    std::fs::create_dir_all(dibhost.folder().join(to))?;
    let output = format!("{to}/shaped");
    dibhost.run(&[&["build", "image.toml", "-o", &output], options].concat())
}

fn image(dibhost: &Dibhost, of: &str) -> PathBuf {
    dibhost.folder().join(of).join("shaped.raw")
}

/// What a command in the finished tree says.
fn said(dibhost: &Dibhost, command: &str) -> Result<String> {
    let words = ["shell", "image.toml", "--command", command];
    Ok(dibhost.run(&words)?.expect_code(0)?.stdout)
}

#[test]
fn a_fedora_is_what_its_signed_packages_and_its_definition_say_and_comes_out_the_same() -> Result<()>
{
    let mirror = Mirror::new()?;
    let dibhost = dibhost()?.empty_cache().with_layers();
    let packages = r#""capable", "triggering""#;
    dibhost.write("image.toml", &mirror.definition("fedora", &mirror.key, packages, MORE))?;
    let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?.stdout;
    ensure!(plan.contains("by dnf from http://127.0.0.1"), "{plan}");

    build(&dibhost, &[], "first")?.expect_code(0)?;
    tree_is_right(&dibhost)?;

    // From layers, and from nothing.
    let restored = build(&dibhost, &[], "layers")?.expect_code(0)?;
    ensure!(restored.stderr.contains("restore what"), "{}", restored.stderr);
    build(&dibhost, &["--no-cache"], "again")?.expect_code(0)?;
    for other in ["layers", "again"] {
        tool::run("cmp", &[image(&dibhost, "first"), image(&dibhost, other)])?;
    }
    Ok(())
}

fn tree_is_right(dibhost: &Dibhost) -> Result<()> {
    let raw = image(dibhost, "first");
    let partitions = disk::partitions(&raw).unwrap_or_default();
    let root = match partitions.last() {
        Some(root) => disk::extract(&raw, root, dibhost.folder())?,
        None => raw,
    };
    let read = |path: &str| -> Result<String> {
        let bytes = disk::read_file(&root, path)?.with_context(|| format!("no {path}"))?;
        Ok(String::from_utf8(bytes)?)
    };
    for (path, text) in [
        ("/etc/motd", "Hello.\n"),
        ("/etc/hostname", "shaped\n"),
        ("/etc/locale.conf", "LANG=C.UTF-8\n"),
        ("/usr/share/packages/triggering", "1\n"),
    ] {
        ensure!(read(path)? == text, "{path}: {:?}", read(path)?);
    }
    ensure!(read("/etc/passwd")?.contains("\ndeploy:x:1000:"), "{}", read("/etc/passwd")?);
    for unit in ["hello.service", "NetworkManager.service"] {
        let wants = "/etc/systemd/system/multi-user.target.wants";
        ensure!(disk::list(&root, wants)?.contains(&unit.to_owned()), "{unit} is not enabled");
    }
    // Nothing is otherwise than packages have it, but for what belongs to accounts and machines.
    let verified =
        said(dibhost, "rpm --verify --all; rpm --query --all --queryformat '%{NAME}\\n'")?;
    let (bad, names): (Vec<&str>, Vec<&str>) =
        verified.lines().partition(|line| line.contains(' '));
    ensure!(bad.is_empty(), "{bad:?}");
    for name in ["capable", "triggering", "fedora-release", "sudo", "systemd", "rpm"] {
        ensure!(names.contains(&name), "`{name}` is not among {names:?}");
    }
    // Nothing of the build is left.
    for gone in ["/run/dibhost", "/root/.rpmdb", "/etc/yum.repos.d/fedora.repo"] {
        ensure!(disk::read_file(&root, gone)?.is_none(), "{gone}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_had_names_who_wanted_it() -> Result<()> {
    let mirror = Mirror::new()?;
    let dibhost = dibhost()?.empty_cache();
    let refused = |packages: &str, key: &str, words: &[&str]| -> Result<()> {
        dibhost.write("image.toml", &mirror.definition("fedora", key, packages, ""))?;
        let stderr = build(&dibhost, &[], "out")?.expect_code(1)?.stderr;
        for word in words {
            ensure!(stderr.contains(word), "no `{word}` in:\n{stderr}");
        }
        ensure!(!image(&dibhost, "out").exists());
        Ok(())
    };
    // What an element wants is that element's. First, for what was fetched once is kept.
    mirror.server.fault("sudo-1-1", Fault::NotFound);
    refused("", &mirror.key, &["sudo", "the package `sudo`, which `fedora` wishes for"])?;
    mirror.server.mend();
    // A package that there is not, one that needs what there is not, one that is signed by nobody or by
    // another key, one that is another than the index says.
    for (package, why) in [
        ("no-such-package", "no repository has a package `no-such-package`"),
        ("needs-absent", "nothing provides absent needed by needs-absent"),
        ("unsigned", "`unsigned-1-1.noarch.rpm` is not signed well"),
        ("otherwise-signed", "`otherwise-signed-1-1.noarch.rpm` is not signed well"),
        ("altered", "altered"),
    ] {
        let who = format!("having the package `{package}`, which image.toml:1:13 asks for");
        refused(&format!("\"{package}\""), &mirror.key, &[why, &who])?;
    }
    // An index that another key signed, one that was changed, a mirror that is not there.
    let first = "making the first tree, which `fedora` wishes for";
    refused("", &mirror.other_key, &["the repository `fedora` is not signed well", first])?;
    mirror.server.fault("repomd.xml", Fault::Changed(200));
    refused("", &mirror.key, &["the repository `fedora` is not signed well", first])?;
    mirror.server.mend();
    mirror.server.fault("repomd.xml", Fault::Closed);
    refused("", &mirror.key, &["`fedora`", first])
}

#[test]
fn packages_are_locked_and_what_is_locked_holds() -> Result<()> {
    let mirror = Mirror::new()?;
    let dibhost = dibhost()?.empty_cache();
    dibhost.write("image.toml", &mirror.definition("fedora", &mirror.key, "", ""))?;
    let told = dibhost.run(&["update", "image.toml"])?.expect_code(0)?.stdout;
    ensure!(told.contains("packages are locked"), "{told}");
    let file = dibhost.folder().join("dib.lock");
    let lock = std::fs::read_to_string(&file)?;
    let line = lock.lines().find(|line| line.starts_with("systemd = "));
    let line = line.context("no systemd")?.to_owned();
    ensure!(line.starts_with("systemd = \"1-1 x86_64 sha256:"), "{line}");
    ensure!(lock.contains("\nNetworkManager = \"1-1 x86_64"), "{lock}");
    let same = dibhost.run(&["update", "image.toml"])?.expect_code(0)?.stdout;
    ensure!(same.starts_with("nothing changed"), "{same}");
    // Elements are agreed to by the first build.
    build(&dibhost, &[], "agreed")?.expect_code(0)?;
    build(&dibhost, &["--locked"], "locked")?.expect_code(0)?;
    // Another version is not what somebody agreed to.
    let lock = std::fs::read_to_string(&file)?;
    let other = lock.replace(&line, &line.replace("1-1 x86_64", "2-1 x86_64"));
    std::fs::write(&file, other)?;
    let refused = build(&dibhost, &["--locked"], "other")?.expect_code(1)?.stderr;
    ensure!(refused.contains("`systemd` is locked at 2-1 and 1-1 would be had"), "{refused}");
    Ok(())
}

/// One shape serves all: what differs is how a mirror is laid out, what packages are called, and for openSUSE
/// who chooses them.
#[test]
fn each_distribution_is_made_of_its_own_packages() -> Result<()> {
    let mirror = Mirror::new()?;
    let dibhost = dibhost()?.empty_cache().with_layers();
    for (element, release, manager) in [
        ("rocky", "rocky-release", "dnf"),
        ("almalinux", "almalinux-release", "dnf"),
        ("centos-stream", "centos-stream-release", "dnf"),
        ("opensuse", "openSUSE-release", "zypper"),
    ] {
        dibhost.write("image.toml", &mirror.definition(element, &mirror.key, "\"capable\"", ""))?;
        let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?.stdout;
        ensure!(plan.contains(&format!("by {manager} from")), "{element}: {plan}");
        let all =
            said(&dibhost, "rpm --verify --all; rpm --query --all --queryformat '%{NAME}\\n'")
                .with_context(|| element.to_owned())?;
        ensure!(all.lines().all(|line| !line.contains(' ')), "{element}: {all}");
        for name in ["capable", release, "systemd", "sudo"] {
            ensure!(all.lines().any(|line| line == name), "{element}: no `{name}` in {all}");
        }
    }
    Ok(())
}

#[test]
#[ignore = "long: under `make test-all`"]
fn a_fedora_boots_and_lets_in_whoever_has_the_key() -> Result<()> {
    let mirror = Mirror::new()?;
    let dibhost = dibhost()?.empty_cache();
    let key = Key::generate(dibhost.folder())?;
    let others = r#", "vm", "serial-console", "openssh-server""#;
    let user = format!(
        "[[users]]\nname = \"deploy\"\nauthorized-keys = [\"{}\"]\nsudo = \"nopasswd\"\n",
        key.public
    );
    dibhost.write(
        "image.toml",
        &mirror.with_others("fedora", others, &mirror.key, "\"gawk\"", &user),
    )?;
    build(&dibhost, &["-t", "qcow2"], "booted")?.expect_code(0)?;
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        let machine = machine(dibhost.folder().join("booted/shaped.qcow2")).firmware(firmware);
        machine.login("deploy", &key).see(|machine| {
            machine.wait_for("shaped login:", BOOT)?;
            machine.wait_for_ssh(SSH)?;
            for (command, says) in [
                ("uname -n", "shaped"),
                ("sudo -n id -u", "0"),
                ("sudo -n sshd -T | grep ^passwordauthentication", "passwordauthentication no"),
                ("systemctl --failed --no-legend --plain | cat", ""),
                ("sudo -n rpm --query gawk", "gawk-1-1.x86_64"),
                ("systemctl is-active NetworkManager", "active"),
            ] {
                let said = machine.ssh_text(command)?;
                ensure!(said.trim() == says, "`{command}` says {said:?} and not {says:?}");
            }
            Ok(machine.power_off()?)
        })?;
    }
    Ok(())
}
