//! Ubuntu out of an archive in its shape, which the tests make of Debian's packages: suites, pockets and
//! components, signed, with a mirror of its own for security updates.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::mirror::{Fault, Server};
use dibhost_tests::{Dibhost, dibhost, disk, machine, repository, tool};

/// The archive and the mirror of security updates, served.
struct Shaped {
    key: String,
    archive: Server,
    security: Server,
}

impl Shaped {
    fn new() -> Result<Self> {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ubuntu");
        let cache = cache.to_string_lossy().into_owned();
        let script = repository().join("tests/archives/make-ubuntu");
        let made = tool::run(&script.to_string_lossy(), &[&*cache])?;
        let made = PathBuf::from(made.trim());
        let key = std::fs::read_to_string(made.join("key.asc")).context("reading its key")?;
        Ok(Self {
            key,
            archive: Server::start(&made.join("ubuntu"))?,
            security: Server::start(&made.join("security"))?,
        })
    }

    /// Parameters of `ubuntu-minimal` that take all from here, and these.
    fn parameters(&self, more: &str) -> String {
        let (archive, security) = (self.archive.url(), self.security.url());
        format!(
            "[parameters.ubuntu-minimal]\nmirror = \"{archive}\"\nsecurity-mirror = \"{security}\"\n{more}\n"
        )
    }

    fn keyed(&self, more: &str) -> String {
        self.parameters(&format!("key = \"\"\"{}\"\"\"\n{more}", self.key))
    }
}

const SMALL: &str = "[image]\nname = \"small\"\narch = \"amd64\"\nformats = [\"raw\"]\n\
                     elements = [\"ubuntu-minimal\"]\n";

/// What `dibhost update` chooses, as it is written to `dib.lock`.
fn chosen(dibhost: &Dibhost, parameters: &str, packages: &str) -> Result<String> {
    let text = format!("packages = [{packages}]\n{SMALL}{parameters}");
    dibhost.write("small.toml", &text)?;
    let _ = std::fs::remove_file(dibhost.folder().join("dib.lock"));
    dibhost.run(&["update", "small.toml"])?.expect_code(0)?;
    std::fs::read_to_string(dibhost.folder().join("dib.lock")).context("reading dib.lock")
}

#[test]
fn each_pocket_gives_what_it_is_for() -> Result<()> {
    let shaped = Shaped::new()?;
    let dibhost = dibhost()?;
    for (pockets, version) in [
        ("[]", "2.10-3 "),
        ("[\"updates\"]", "2.10-3ubuntu0.1 "),
        ("[\"updates\", \"security\"]", "2.10-3ubuntu0.2 "),
        // Newer than all, and only for who asks for it.
        ("[\"updates\", \"backports\"]", "2.10-3ubuntu0.1 "),
    ] {
        let parameters = shaped.keyed(&format!("pockets = {pockets}"));
        let lock = chosen(&dibhost, &parameters, "\"hello\", \"figlet\"")?;
        ensure!(lock.contains(&format!("hello = \"{version}")), "{pockets}:\n{lock}");
        ensure!(lock.contains("figlet = "), "{pockets}:\n{lock}");
    }
    let asked: Vec<String> = shaped.security.requests();
    ensure!(asked.iter().any(|path| path == "/dists/noble-security/InRelease"), "{asked:?}");
    ensure!(asked.iter().all(|path| !path.contains("noble-updates")), "{asked:?}");

    let backports = shaped.keyed("pockets = [\"backports\"]");
    let lock = chosen(&dibhost, &backports, "\"tree\", \"hello=2.12-1~bpo24.04.1\"")?;
    ensure!(lock.contains("tree = ") && lock.contains("2.12-1~bpo24.04.1"), "{lock}");
    // What is in `universe` is nowhere without it.
    let text =
        format!("packages = [\"figlet\"]\n{SMALL}{}", shaped.keyed("components = [\"main\"]"));
    dibhost.write("small.toml", &text)?;
    let refused = dibhost.run(&["update", "small.toml"])?.expect_code(1)?;
    ensure!(refused.stderr.contains("figlet"), "{}", refused.stderr);
    Ok(())
}

#[test]
fn an_archive_that_ubuntus_key_did_not_sign_is_refused() -> Result<()> {
    let shaped = Shaped::new()?;
    let dibhost = dibhost()?;
    let refused = |text: &str| -> Result<String> {
        dibhost.write("small.toml", &format!("{SMALL}{text}"))?;
        let outcome = dibhost.run(&["build", "small.toml", "-o", "small"])?.expect_code(1)?;
        let made = dibhost.folder().join("small.raw");
        ensure!(!made.exists(), "an image was made:\n{}", outcome.stderr);
        Ok(outcome.stderr)
    };
    // Without `key` it is Ubuntu's own, and that of a test is none.
    let said = refused(&shaped.parameters(""))?;
    ensure!(said.contains("sign") || said.contains("key"), "{said}");
    // One byte of one pocket.
    shaped.security.fault("noble-security/InRelease", Fault::Changed(150));
    let said = refused(&shaped.keyed(""))?;
    ensure!(said.contains("sign"), "{said}");
    Ok(())
}

#[test]
fn a_tree_is_ubuntus() -> Result<()> {
    let shaped = Shaped::new()?;
    let dibhost = dibhost()?;
    let own = "image-mirror = \"http://archive.example/ubuntu\"\n\
               image-security-mirror = \"http://security.example/ubuntu\"\n\
               pockets = [\"updates\", \"security\", \"backports\"]";
    let text =
        format!("packages = [\"hello\", \"tree\", \"figlet\"]\n{SMALL}{}", shaped.keyed(own));
    dibhost.write("small.toml", &text)?;
    dibhost.run(&["build", "small.toml", "-o", "small"])?.expect_code(0)?;
    let root = dibhost.folder().join("small.raw");
    let read = |path: &str| -> Result<String> {
        let bytes = disk::read_file(&root, path)?.with_context(|| format!("no {path}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let release = read("/usr/lib/os-release")?;
    ensure!(release.contains("ID=ubuntu\n"), "{release}");
    let status = read("/var/lib/dpkg/status")?;
    for (name, version) in [
        ("hello", "2.10-3ubuntu0.2"),
        ("tree", "2."),
        ("figlet", "2."),
        ("ubuntu-keyring", "1"),
        ("systemd-sysv", ""),
    ] {
        let stanza = status.split("\n\n").find(|s| s.starts_with(&format!("Package: {name}\n")));
        let stanza = stanza.with_context(|| format!("no {name} in the tree"))?;
        ensure!(stanza.contains("Status: install ok installed\n"), "{stanza}");
        ensure!(stanza.contains(&format!("\nVersion: {version}")), "{stanza}");
    }
    let sources = disk::list(&root, "/etc/apt/sources.list.d")?;
    ensure!(sources == ["ubuntu.sources"], "{sources:?}");
    let sources = read("/etc/apt/sources.list.d/ubuntu.sources")?;
    for line in [
        "URIs: http://archive.example/ubuntu\nSuites: noble noble-updates noble-backports\n",
        "URIs: http://security.example/ubuntu\nSuites: noble-security\n",
        "Signed-By: /etc/apt/keyrings/ubuntu-archive.asc\n",
    ] {
        ensure!(sources.contains(line), "no {line:?} in\n{sources}");
    }
    let key = read("/etc/apt/keyrings/ubuntu-archive.asc")?;
    ensure!(key.trim() == shaped.key.trim(), "{key}");
    ensure!(read("/etc/hostname")? == "small\n");
    Ok(())
}

/// With Ubuntu's package of a kernel, cloud-init, an SSH server, and a way in for the user `ubuntu`.
#[test]
#[ignore = "long: under `make test-all`"]
fn an_image_of_it_boots() -> Result<()> {
    let shaped = Shaped::new()?;
    let dibhost = dibhost()?;
    let key = Key::generate(dibhost.folder())?;
    let text = format!(
        "[image]\nname = \"jolly\"\narch = \"amd64\"\n\
         elements = [\"ubuntu\", \"vm\", \"serial-console\"]\n\
         [[users]]\nname = \"ubuntu\"\nsudo = \"nopasswd\"\nauthorized-keys = [\"{}\"]\n{}",
        key.public.trim(),
        shaped.keyed("")
    );
    dibhost.write("jolly.toml", &text)?;
    dibhost.run(&["build", "jolly.toml", "-o", "jolly", "-t", "qcow2"])?.expect_code(0)?;
    let image = machine(dibhost.folder().join("jolly.qcow2")).firmware(Firmware::SeaBios);
    image.login("ubuntu", &key).see(|machine| {
        machine.wait_for("jolly login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        for (command, says) in [
            ("id -un", "ubuntu"),
            (". /etc/os-release; echo $ID $VERSION_ID", "ubuntu 24.04"),
            ("cloud-init status --wait | grep -o done", "done"),
            // cloud-init has left them alone.
            ("grep -c 127.0.0.1 /etc/apt/sources.list.d/ubuntu.sources", "2"),
            ("dpkg-query -W -f '${Status}' linux-image-generic", "install ok installed"),
            ("grep -c \"^menuentry 'Ubuntu'\" /boot/grub/grub.cfg", "1"),
            ("sysctl -n net.ipv6.conf.default.use_tempaddr", "0"),
            ("systemctl --failed --no-legend --plain | cat", ""),
        ] {
            let said = machine.ssh_text(command)?;
            ensure!(said.trim() == says, "`{command}` says {said:?} and not {says:?}");
        }
        Ok(machine.power_off()?)
    })
}
