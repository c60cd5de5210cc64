//! Builds by a user without any right, who has subordinate ids.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{Outcome, Running, dibhost, repository, tool, work_folder};
use rustix::process::Signal;
use tempfile::TempDir;

/// What is lost where ids, capabilities or rights are not what they are for root: a file of another
/// user, one that nobody may read, and a program with a capability.
const DEFINITION: &str = r#"
packages = ["iputils-ping", "libcap2-bin"]

[image]
name = "same"
elements = ["debian-minimal"]
formats = ["raw"]

[[files]]
path = "/srv/of-www-data"
content = "theirs\n"
owner = "www-data"
group = "www-data"

[[files]]
path = "/srv/closed"
content = "nobody's\n"
mode = "0000"
"#;

/// A user of this machine, who goes when this is dropped, with the program and its elements at home.
pub(crate) struct User {
    pub(crate) name: String,
    home: TempDir,
}

/// Waits for other tests whose users build: all of them have the same ids, and `usermod` changes nobody
/// while a process has one of his. Until this process ends.
fn alone() -> Result<()> {
    static HELD: OnceLock<File> = OnceLock::new();
    if HELD.get().is_some() {
        return Ok(());
    }
    let file = File::create(std::env::temp_dir().join("dibhost-test-users.lock"))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    let _ = HELD.set(file);
    Ok(())
}

impl User {
    pub(crate) fn new(name: &str, ids: bool) -> Result<Self> {
        alone()?;
        let home = work_folder()?;
        let at = home.path().to_string_lossy().into_owned();
        let name = format!("dibhost-{name}");
        // Of a test that was killed.
        let _ = tool::run("userdel", &[&name]);
        tool::run("useradd", &["--no-create-home", "--home-dir", at.as_str(), name.as_str()])?;
        let user = Self { name, home };
        // `useradd` gives ids on some machines, and on others none.
        for (file, kind) in [("/etc/subuid", "subuids"), ("/etc/subgid", "subgids")] {
            for (first, count) in user.runs(file)? {
                let range = format!("{first}-{}", first + count - 1);
                tool::run("usermod", &[&format!("--del-{kind}"), &range, &user.name])?;
            }
            if ids {
                let range = "1000000000-1000065535".to_owned();
                tool::run("usermod", &[&format!("--add-{kind}"), &range, &user.name])?;
            }
        }
        let built = dibhost()?;
        let (program, elements) = (built.path().to_owned(), elements());
        std::fs::copy(program, user.at("dibhost"))?;
        tool::run("cp", &["-r".as_ref(), elements.as_os_str(), user.at("elements").as_os_str()])?;
        user.write("same.toml", DEFINITION)?;
        let owner = format!("{0}:{0}", user.name);
        tool::run("chown", &["-R", owner.as_str(), at.as_str()])?;
        Ok(user)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.at(name), text).context("writing a file of the user")
    }

    fn runs(&self, file: &str) -> Result<Vec<(u64, u64)>> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("{}:", self.name)));
        lines
            .map(|line| {
                let (first, count) = line.split_once(':').context("a line of ids")?;
                Ok((first.parse()?, count.parse()?))
            })
            .collect()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Result<Outcome> {
        self.start(args)?.wait(Duration::from_secs(3600))
    }

    /// Starts the program as this user, who has a home, a cache in it and nothing else.
    fn start(&self, args: &[&str]) -> Result<Running> {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &self.name, "--regid", &self.name, "--init-groups"]);
        command.args(["--inh-caps=-all", "--"]);
        command.arg(self.at("dibhost")).args(args).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("HOME", self.home.path()).env("DIBHOST_ELEMENTS", self.at("elements"));
        Running::start(command)
    }

    /// The trees on the disk that builds of this user are at, or left.
    fn trees(&self) -> Vec<PathBuf> {
        let builds = std::fs::read_dir(self.at(".cache/dibhost/work")).into_iter().flatten();
        let trees = builds.flatten().map(|build| build.path().join("seen/target/tree"));
        trees.filter(|tree| tree.join("usr").exists()).collect()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = tool::run("userdel", &[&self.name]);
    }
}

fn elements() -> PathBuf {
    let built = std::env::var_os("DIBHOST_ELEMENTS").map(PathBuf::from);
    built.unwrap_or_else(|| repository().join("out/elements"))
}

fn debugfs(image: &Path, command: &str) -> Result<String> {
    tool::run("debugfs", &["-R".as_ref(), command.as_ref(), image.as_os_str()])
}

#[test]
fn a_users_build_gives_the_bytes_of_roots() -> Result<()> {
    let user = User::new("rootless", true)?;
    let root = dibhost()?;
    let definition = root.write("same.toml", DEFINITION)?;
    let definition = definition.to_string_lossy().into_owned();
    root.run(&["build", &definition, "-o", "same"])?.expect_code(0)?;
    for way in [[].as_slice(), &["--no-tmpfs"]] {
        if !way.is_empty() {
            killed(&user)?;
        }
        let args = [["build", "--no-cache", "same.toml", "-o", "same"].as_slice(), way].concat();
        let outcome = user.run(&args)?.expect_code(0)?;
        let image = user.at("same.raw");
        tool::run("cmp", &[root.folder().join("same.raw"), image.clone()])
            .with_context(|| format!("{way:?}: {}", outcome.stderr))?;
        let said = debugfs(&image, "stat /srv/of-www-data")?;
        let words: Vec<_> = said.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|w| *w == word).map(|at| words[at + 1]);
        ensure!((after("User:"), after("Group:")) == (Some("33"), Some("33")), "{said}");
        let said = debugfs(&image, "stat /srv/closed")?;
        ensure!(said.contains("Mode:  0000"), "{said}");
        let said = debugfs(&image, "ea_get -x /usr/bin/ping security.capability")?;
        // Of version 2, without an id of whoever gave it; the net's raw sockets.
        ensure!(said.contains("01 00 00 02 00 20 00 00"), "{said}");
        let left = std::fs::read_dir(user.at(".cache/dibhost/work"))?;
        let left: Vec<_> = left.map(|e| e.map(|e| e.file_name())).collect::<Result<_, _>>()?;
        ensure!(left == [".gate"], "left in the cache: {left:?}");
    }
    Ok(())
}

/// A build that was killed leaves a tree that belongs to ids which this user does not have.
fn killed(user: &User) -> Result<()> {
    let running = user.start(&["build", "--no-cache", "same.toml", "-o", "same", "--no-tmpfs"])?;
    let begun = Instant::now();
    while user.trees().is_empty() {
        ensure!(begun.elapsed() < Duration::from_secs(600), "no tree:\n{}", running.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(Signal::KILL)?;
    running.wait(Duration::from_secs(60))?;
    ensure!(!user.trees().is_empty(), "the tree went with it");
    Ok(())
}

#[test]
fn a_user_without_ids_is_told_how_to_get_some() -> Result<()> {
    let user = User::new("without-ids", false)?;
    let said = user.run(&["build", "same.toml", "-o", "same"])?.expect_code(1)?.stderr;
    for words in
        ["`/etc/subuid` has no line for `dibhost-without-ids`", "`sudo usermod --add-subuids"]
    {
        ensure!(said.contains(words), "{said}");
    }
    ensure!(!user.at("same.raw").exists());
    Ok(())
}

/// Tables, a boot loader for both firmwares, a volume group, hashes of a verity device.
#[test]
#[ignore = "long: eight images"]
fn a_users_disks_are_roots() -> Result<()> {
    let user = User::new("disks", true)?;
    let root = dibhost()?;
    for layout in
        [&[][..], &["block-device-efi-lvm"], &["block-device-verity"], &["block-device-mbr"]]
    {
        let elements = [&["debian", "vm", "serial-console"], layout].concat();
        let args = [&["build", "-t", "raw", "-o", "disk"], &elements[..]].concat();
        root.run(&args)?.expect_code(0)?;
        user.run(&args)?.expect_code(0)?;
        tool::run("cmp", &[root.folder().join("disk.raw"), user.at("disk.raw")])
            .with_context(|| format!("{layout:?}"))?;
    }
    Ok(())
}

#[test]
fn doctor_tells_a_user_without_ids_what_is_missing_and_finds_nothing_with_ids() -> Result<()> {
    let user = User::new("doctor", true)?;
    let told = user.run(&["doctor"])?.expect_code(0)?.stdout;
    ensure!(told.lines().any(|line| line.starts_with("ok       tree ")), "{told}");
    ensure!(told.contains("users 1000000000-1000065535, groups 1000000000-1000065535"), "{told}");
    let poor = User::new("poor", false)?;
    let outcome = poor.run(&["doctor"])?.expect_code(1)?;
    let line = outcome.stdout.lines().find(|line| line.starts_with("missing  ids"));
    let line = line.with_context(|| outcome.stdout.clone())?;
    ensure!(line.contains("`sudo usermod --add-subuids"), "{line}");
    ensure!(outcome.stderr.contains("one thing is missing"), "{}", outcome.stderr);
    Ok(())
}
