//! Small signed apt archives, made by Debian's own tools.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::tool;

/// A signed archive in a folder.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The folder that a [`Server`](super::Server) serves: `dists` and `pool` are in it.
    pub folder: PathBuf,
    /// The suite (and code name) it has.
    pub suite: String,
    /// The public key it is signed with, as `Signed-By` and `gpgv --keyring` take it.
    pub keyring: PathBuf,
    /// That key's fingerprint, 40 hexadecimal digits.
    pub fingerprint: String,
}

/// A package of such an archive.
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    fields: Vec<(String, String)>,
    files: Vec<(String, u32, Vec<u8>)>,
    scripts: Vec<(String, String)>,
}

impl Package {
    /// An empty package for every architecture.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = vec![
            field("Package", name),
            field("Version", version),
            field("Architecture", "all"),
            field("Maintainer", "Test <test@example.org>"),
            field("Description", "made by a test"),
        ];
        Self { name: name.to_owned(), fields, files: Vec::new(), scripts: Vec::new() }
    }

    /// A field of its control file (`Depends`, `Essential`, `Architecture`, …); the one of
    /// that name is replaced.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file it installs, with its mode.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), mode, content.into()));
        self
    }

    /// A maintainer script: `preinst`, `postinst`, `prerm`, `postrm`.
    #[must_use]
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts.push((name.to_owned(), text.to_owned()));
        self
    }

    fn build(&self, folder: &Path, pool: &Path) -> Result<()> {
        let tree = folder.join("package");
        let put = |path: &Path, mode: u32, content: &[u8]| -> Result<()> {
            let parent = path.parent().context("a file without a folder")?;
            fs::create_dir_all(parent).context("making a package's folder")?;
            fs::write(path, content).with_context(|| format!("writing {}", path.display()))?;
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
                .with_context(|| format!("setting the mode of {}", path.display()))
        };
        let control: String =
            self.fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        put(&tree.join("DEBIAN/control"), 0o644, control.as_bytes())?;
        for (name, text) in &self.scripts {
            put(&tree.join("DEBIAN").join(name), 0o755, text.as_bytes())?;
        }
        for (path, mode, content) in &self.files {
            put(&tree.join(path.trim_start_matches('/')), *mode, content)?;
        }
        let (from, to) = (tree.to_string_lossy(), pool.to_string_lossy());
        tool::run("dpkg-deb", &["--root-owner-group", "-Zgzip", "--build", &from, &to])?;
        fs::remove_dir_all(&tree).context("removing a package's folder")
    }
}

/// Makes an archive of these packages for amd64, component `main`, signed with a new key.
///
/// # Errors
/// When `dpkg-deb`, `apt-ftparchive` or `gpg` fails.
pub fn fake_archive(folder: &Path, suite: &str, packages: &[Package]) -> Result<Archive> {
    let top = folder.join("archive");
    let pool = top.join("pool/main");
    let release = format!("dists/{suite}");
    let index = format!("{release}/main/binary-amd64");
    fs::create_dir_all(&pool).context("making the archive's pool")?;
    fs::create_dir_all(top.join(&index)).context("making the archive's index")?;
    for package in packages {
        package.build(folder, &pool).with_context(|| format!("building `{}`", package.name))?;
    }

    let here = |script: String| {
        let script = format!("cd '{}' && {script}", top.display());
        tool::run("sh", &["-ec", &script])
    };
    here(format!(
        "apt-ftparchive --arch amd64 packages pool > {index}/Packages; \
         xz --keep {index}/Packages; gzip --keep {index}/Packages"
    ))?;
    let options: String = [
        ("Origin", "dibhost-tests"),
        ("Suite", suite),
        ("Codename", suite),
        ("Components", "main"),
        ("Architectures", "amd64"),
    ]
    .map(|(name, value)| format!("-o APT::FTPArchive::Release::{name}={value} "))
    .concat();
    here(format!("apt-ftparchive {options} release {release} > ../Release"))?;
    here(format!("mv ../Release {release}/Release"))?;

    let (keyring, fingerprint) = sign(folder, &top.join(&release))?;
    Ok(Archive { folder: top, suite: suite.to_owned(), keyring, fingerprint })
}

/// Makes a key and signs `Release` with it, inline and apart.
fn sign(folder: &Path, release: &Path) -> Result<(PathBuf, String)> {
    let home = folder.join("gnupg");
    fs::create_dir(&home).context("making GnuPG's home")?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).context("closing it")?;
    let home = home.to_string_lossy().into_owned();
    let gpg = |args: &[&str]| {
        let common = ["--homedir", &home, "--batch", "--quiet", "--yes", "--passphrase", ""];
        tool::run("gpg", &[&common, args].concat())
    };
    let keyring = folder.join("archive.gpg");
    let signed = (|| {
        // RSA: what every gpgv and sqv in use checks.
        gpg(&["--quick-generate-key", "Test archive <test@example.org>", "rsa2048", "sign", "1d"])?;
        let listing = gpg(&["--list-keys", "--with-colons"])?;
        let fingerprint = listing.lines().find_map(|line| line.strip_prefix("fpr:"));
        let fingerprint = fingerprint.context("the new key has no fingerprint")?;
        let fingerprint = fingerprint.trim_matches(':').to_owned();
        gpg(&["--output", &keyring.to_string_lossy(), "--export", &fingerprint])?;
        let text = release.join("Release").to_string_lossy().into_owned();
        let inline = release.join("InRelease").to_string_lossy().into_owned();
        gpg(&["--output", &inline, "--clearsign", &text])?;
        gpg(&["--armor", "--output", &format!("{text}.gpg"), "--detach-sign", &text])?;
        Ok((keyring, fingerprint))
    })();
    // gpg started an agent, which must not outlive the test.
    let _ = tool::output("gpgconf", &["--homedir", &home, "--kill", "all"]);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Fault, Server};

    /// apt with folders and sources of its own, run against a server.
    fn apt(folder: &Path, archive: &Archive, url: &str, args: &[&str]) -> std::process::Output {
        let root = folder.join("apt");
        for made in ["lists/partial", "cache/archives/partial", "parts"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        let key = archive.keyring.display();
        let suite = &archive.suite;
        fs::write(root.join("sources.list"), format!("deb [signed-by={key}] {url} {suite} main\n"))
            .unwrap();
        fs::write(root.join("status"), "").unwrap();
        let root = root.display();
        let options = [
            format!("Dir::Etc::SourceList={root}/sources.list"),
            format!("Dir::Etc::SourceParts={root}/parts"),
            format!("Dir::State::Lists={root}/lists"),
            format!("Dir::State::status={root}/status"),
            format!("Dir::Cache={root}/cache"),
            "APT::Architecture=amd64".into(),
            "APT::Sandbox::User=root".into(),
            "APT::Update::Error-Mode=any".into(),
            "Acquire::Retries=0".into(),
            // The machine's own hooks and caches are not this apt's business.
            "APT::Update::Post-Invoke-Success::=true".into(),
        ];
        let mut all: Vec<&str> = Vec::new();
        for option in &options {
            all.extend(["-o", option]);
        }
        all.extend(args);
        tool::output("apt-get", &all).unwrap()
    }

    #[test]
    fn apt_takes_the_archive_and_refuses_it_when_it_was_changed() {
        let folder = crate::work_folder().unwrap();
        let hello = Package::new("hello-test", "1.0").field("Depends", "world-test");
        let world = Package::new("world-test", "2").file("/usr/share/world/file", 0o640, "x");
        let world = world.script("postinst", "#!/bin/sh\nexit 0\n");
        let archive = fake_archive(folder.path(), "bookworm", &[hello, world]).unwrap();
        assert_eq!(archive.fingerprint.len(), 40);
        let server = Server::start(&archive.folder).unwrap();

        let update = apt(folder.path(), &archive, &server.url(), &["update"]);
        assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
        let get = ["-y", "--download-only", "install", "hello-test"];
        let install = apt(folder.path(), &archive, &server.url(), &get);
        assert!(install.status.success(), "{}", String::from_utf8_lossy(&install.stderr));
        assert!(server.requests().iter().any(|path| path.ends_with("world-test_2_all.deb")));

        // A byte of the signed text.
        server.fault("InRelease", Fault::Changed(150));
        fs::remove_dir_all(folder.path().join("apt")).unwrap();
        let update = apt(folder.path(), &archive, &server.url(), &["update"]);
        assert!(!update.status.success());
        let said = String::from_utf8_lossy(&update.stderr).into_owned();
        assert!(said.contains("BADSIG") || said.contains("Clearsigned"), "{said}");
    }
}
