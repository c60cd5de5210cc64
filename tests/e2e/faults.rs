//! Mirrors that break, disks that are full, people who press Ctrl-C, and SIGKILL: an error that
//! says so, and nothing left.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::mirror::{Fault, Server, system_archive};
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, tool};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(600);

/// A definition whose mirror is `url`.
fn minimal(dibhost: &Dibhost, url: &str) -> Result<()> {
    let text = format!(
        "[image]\nname = \"x\"\nelements = [\"debian-minimal\"]\n\
         [parameters.debian-minimal]\nmirror = \"{url}\"\n"
    );
    dibhost.write("image.toml", &text)?;
    Ok(())
}

/// Builds from a mirror with a fault, and expects exit code 1, the words, and nothing left.
fn broken(pattern: &str, fault: Fault, expected: &[&str]) -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    let kept = dibhost.folder().join("kept");
    std::fs::create_dir(&kept)?;
    let server = Server::in_front_of(&system_archive()?, &kept)?;
    server.fault(pattern, fault);
    minimal(&dibhost, &server.url())?;
    fails(&dibhost, &["build", "image.toml", "-o", "out/x"], expected)
}

/// Runs dibhost, expects exit code 1 and the words, and nothing left.
fn fails(dibhost: &Dibhost, args: &[&str], expected: &[&str]) -> Result<()> {
    let out = dibhost.folder().join("out");
    std::fs::create_dir_all(&out)?;
    let before = Snapshot::take(&[&out, &dibhost.folder().join("cache/work")])?;
    let outcome = dibhost.run(args)?.expect_code(1)?;
    for words in expected {
        ensure!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
    }
    nothing_left(&before)
}

/// Nothing but the gate of the work folders, which stays.
fn nothing_left(before: &Snapshot) -> Result<()> {
    let mut last = Vec::new();
    for _ in 0..100 {
        last = before.left()?;
        last.retain(|line| !(line.starts_with("file: ") && line.ends_with("/cache/work/.gate")));
        if last.is_empty() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("left behind:\n{}", last.join("\n"))
}

#[test]
fn a_changed_byte_in_what_is_signed() -> Result<()> {
    broken("InRelease", Fault::Changed(2000), &["signature", "mirror"])
}

#[test]
fn a_suite_that_the_mirror_does_not_have() -> Result<()> {
    broken("Release", Fault::NotFound, &["bookworm", "mirror"])
}

#[test]
fn a_package_that_the_mirror_does_not_have() -> Result<()> {
    broken("/pool/main/d/dash/", Fault::NotFound, &["dash"])
}

#[test]
fn a_package_that_is_not_what_was_signed() -> Result<()> {
    broken("/pool/main/d/dash/", Fault::Changed(5000), &["dash"])
}

#[test]
fn a_mirror_that_refuses_the_connection() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    minimal(&dibhost, &format!("http://127.0.0.1:{port}/debian"))?;
    fails(&dibhost, &["build", "image.toml", "-o", "out/x"], &["cannot be reached", "mirror"])
}

/// A small filesystem, unmounted when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let path = at.to_str().context("a path that is text")?;
        tool::run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "small", path],
        )?;
        Ok(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_where_the_image_goes() -> Result<()> {
    let dibhost = dibhost()?;
    let out = dibhost.folder().join("out");
    let _disk = SmallDisk::mount(&out, "20M")?;
    let says = ["out` has no room for the image: its content is ", " are free there", "-o FOLDER"];
    fails(&dibhost, &["build", "-o", "out/x", "debian-minimal"], &says)
}

#[test]
fn a_full_disk_where_downloads_go() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    let _disk = SmallDisk::mount(&dibhost.folder().join("cache"), "12M")?;
    fails(&dibhost, &["build", "-o", "out/x", "debian-minimal"], &["space"])
}

/// Builds until `said`, sends a signal, and expects exit code 1 and nothing left.
fn interrupted(dibhost: &Dibhost, args: &[&str], said: &str) -> Result<()> {
    let out = dibhost.folder().join("out");
    std::fs::create_dir_all(&out)?;
    let before = Snapshot::take(&[&out, &dibhost.folder().join("cache/work")])?;
    let mut running = dibhost.spawn(args)?;
    running.wait_for(said, LONG)?;
    running.signal(Signal::INT)?;
    let outcome = running.wait(LONG)?.expect_code(1)?;
    ensure!(outcome.stderr.contains("cancelled"), "{}", outcome.stderr);
    nothing_left(&before).with_context(|| format!("interrupted at `{said}`"))
}

#[test]
fn ctrl_c_during_each_stretch_of_the_hosts_own_work() -> Result<()> {
    let dibhost = dibhost()?;
    // Once undisturbed, so that what is interrupted is not a download.
    let args = ["build", "-o", "out/x", "debian-minimal"];
    std::fs::create_dir(dibhost.folder().join("out"))?;
    dibhost.run(&args)?.expect_code(0)?;
    std::fs::remove_dir_all(dibhost.folder().join("out"))?;
    for said in
        ["fetch package lists", "install ", "clamp times", "write the disk", "make the qcow2"]
    {
        interrupted(&dibhost, &args, said)?;
    }
    Ok(())
}

#[test]
fn ctrl_c_while_packages_are_downloaded() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    interrupted(&dibhost, &["build", "-o", "out/x", "debian-minimal"], " MiB)")
}

#[test]
fn sigkill_leaves_nothing_in_the_kernel_and_files_until_the_next_start() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    let args = ["build", "-o", "out/x", "debian-minimal"];
    let out = dibhost.folder().join("out");
    std::fs::create_dir(&out)?;
    let before = Snapshot::take(&[])?;
    let mut running = dibhost.spawn(&args)?;
    running.wait_for("] root          install ", LONG)?;
    running.signal(Signal::KILL)?;
    running.wait(LONG)?;
    before.assert_none_left()?;
    dibhost.run(&args)?.expect_code(0)?;
    let names = tool::run("ls", &["-A", out.to_str().context("a path that is text")?])?;
    ensure!(names.lines().all(|name| name.starts_with("x.")), "{names}");
    let work = std::fs::read_dir(dibhost.folder().join("cache/work"))?.count();
    ensure!(work <= 1, "{work} entries in the cache's work folder");
    Ok(())
}

/// A step that is run by itself has a tree too, which goes with the next start.
#[test]
fn a_step_by_itself_that_is_killed_leaves_its_tree_until_the_next_start() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    let step = ["element", "run", "motd", "--phase", "install", "--parameter", "text=hello"];
    let large = ["--tree", "/usr/share"];
    let running = dibhost.spawn(&[&step[..], &large[..]].concat())?;
    let work = dibhost.folder().join("cache/work");
    let trees = || -> Result<Vec<std::path::PathBuf>> {
        let folders = std::fs::read_dir(&work).into_iter().flatten();
        let folders: Vec<_> = folders.collect::<std::io::Result<_>>()?;
        let trees = folders.into_iter().map(|folder| folder.path().join("run/target/tree/doc"));
        Ok(trees.filter(|tree| tree.exists()).collect())
    };
    let until = std::time::Instant::now() + LONG;
    while trees()?.is_empty() {
        ensure!(std::time::Instant::now() < until, "no tree in {}", work.display());
        std::thread::sleep(Duration::from_millis(2));
    }
    running.signal(Signal::KILL)?;
    running.wait(LONG)?;
    ensure!(trees()?.len() == 1, "what it left is where the next start looks");
    let own = dibhost.folder().join("own");
    std::fs::create_dir_all(own.join("etc"))?;
    let own = own.to_str().context("a path in UTF-8")?;
    dibhost.run(&[&step[..], &["--tree", own]].concat())?.expect_code(0)?;
    ensure!(trees()?.is_empty(), "the next start leaves it");
    Ok(())
}

/// Killed while the kernel has the filesystem mounted: nobody is left to undo it.
#[test]
fn sigkill_while_the_kernel_fills_a_filesystem_leaves_nothing_in_it() -> Result<()> {
    let dibhost = dibhost()?;
    let args = ["build", "--backend", "loop", "-o", "out/x", "debian-minimal"];
    let out = dibhost.folder().join("out");
    std::fs::create_dir(&out)?;
    let before = Snapshot::take(&[])?;
    let mut running = dibhost.spawn(&args)?;
    running.wait_for("write the disk", LONG)?;
    let filling = |left: &[String]| left.iter().any(|line| line.starts_with("loop device: "));
    while !filling(&before.left()?) {
        ensure!(!running.said().contains("make the qcow2"), "it was faster than this test");
        std::thread::sleep(Duration::from_millis(2));
    }
    running.signal(Signal::KILL)?;
    running.wait(LONG)?;
    before.assert_none_left()?;
    dibhost.run(&args)?.expect_code(0)?;
    before.assert_none_left()?;
    let names = tool::run("ls", &["-A", out.to_str().context("a path that is text")?])?;
    ensure!(names.lines().all(|name| name.starts_with("x.")), "{names}");
    Ok(())
}

#[test]
fn ctrl_c_while_the_kernel_fills_a_filesystem() -> Result<()> {
    let dibhost = dibhost()?;
    interrupted(
        &dibhost,
        &["build", "--backend", "loop", "-o", "out/x", "debian-minimal"],
        "write the disk",
    )
}
