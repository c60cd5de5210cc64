//! `make deb`: a package that a clean Debian installs, and whose program plans there.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{repository, tool, work_folder};

/// The package of the program that was built.
fn package(folder: &Path) -> Result<PathBuf> {
    let made = Command::new(repository().join("scripts/make-deb"))
        .arg(repository().join("out"))
        .output()
        .context("starting scripts/make-deb")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let said = String::from_utf8(made.stdout)?;
    let (made, _) = said.split_once(": ").context("it says what it made")?;
    let copy = folder.join(Path::new(made).file_name().context("a file's name")?);
    std::fs::copy(made, &copy)?;
    Ok(copy)
}

#[test]
#[ignore = "long: under `make test-all`"]
fn a_clean_debian_installs_the_package_and_plans_with_it() -> Result<()> {
    let folder = work_folder()?;
    let package = package(folder.path())?;
    let file = package.to_str().context("a path in UTF-8")?;
    let about = tool::run("dpkg-deb", &["--field", file])?;
    for words in ["Package: dibhost\n", "libc6 (>= ", "qemu-utils", "e2fsprogs"] {
        ensure!(about.contains(words), "no `{words}` in {about}");
    }
    let listed = tool::run("dpkg-deb", &["--contents", file])?;
    ensure!(listed.lines().all(|line| line.contains(" root/root ")), "{listed}");
    ensure!(listed.contains("./usr/share/man/man1/dibhost-build.1.gz"), "{listed}");
    // The same again is the same.
    let again = folder.path().join("again");
    std::fs::create_dir(&again)?;
    let second = self::package(&again)?;
    ensure!(
        std::fs::read(&package)? == std::fs::read(second)?,
        "two packages of one program differ"
    );

    // apt of the clean tree resolves what it depends on.
    let tree = folder.path().join("tree");
    let tree = tree.to_str().context("a path in UTF-8")?;
    let codename = tool::run("sh", &["-c", ". /etc/os-release && echo $VERSION_CODENAME"])?;
    tool::run(
        "mmdebstrap",
        &[
            "--quiet",
            "--variant=apt",
            "--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount",
            "--aptopt=APT::Install-Recommends \"false\"",
            &format!("--include={file}"),
            codename.trim(),
            tree,
        ],
    )?;
    let inside = |arguments: &[&str]| -> Result<String> {
        // The program finds its elements by where it is, which /proc says.
        let proc = format!("--mount-proc={tree}/proc");
        let mut all = vec!["--fork", "--pid", proc.as_str(), "chroot", tree, "/usr/bin/env", "-i"];
        all.extend(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]);
        all.extend(arguments);
        tool::run("unshare", &all)
    };
    let status =
        inside(&["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "dibhost", "qemu-utils"])?;
    ensure!(status == "ii ii ", "{status}");
    let plan = inside(&["dibhost", "plan", "/usr/share/doc/dibhost/examples/debian-vm.toml"])?;
    ensure!(plan.starts_with("image debian-vm for amd64\n"), "{plan}");
    let listed = inside(&["dibhost", "element", "list"])?;
    ensure!(listed.contains("debian-minimal") && !listed.contains("not shipped"), "{listed}");
    ensure!(inside(&["dpkg", "--verify", "dibhost"])?.is_empty());
    inside(&["dpkg", "--purge", "dibhost"])?;
    for gone in ["usr/bin/dibhost", "usr/share/dibhost", "var/cache/dibhost"] {
        ensure!(!Path::new(tree).join(gone).exists(), "{gone} is left");
    }
    Ok(())
}
