//! Debian's `docker-registry`, started by a test on a port of its own and ended with it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::server::Authority;

/// The program is in no path that everybody has.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// `builder`, `hunter2`.
const HTPASSWD: &str = "builder:$2y$04$aizSOPOJfsTx4gvce2NvD.v9U5.OA.E5WH7R7A.0tEyCmccKBcTqW\n";

pub struct DockerRegistry {
    pub host: String,
    folder: tempfile::TempDir,
    child: Child,
}

impl DockerRegistry {
    /// Without TLS, for anybody.
    pub fn start() -> Self {
        Self::with("", None)
    }

    /// Without TLS, for `builder` with `hunter2`.
    pub fn with_password() -> Self {
        Self::with("auth:\n  htpasswd:\n    realm: test\n    path: FOLDER/htpasswd\n", None)
    }

    /// With TLS, by a certificate of this authority.
    pub fn with_tls(authority: &Authority) -> Self {
        Self::with("", Some(authority))
    }

    fn with(more: &str, authority: Option<&Authority>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        std::fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        let tls = authority.map(|authority| {
            let (certificate, key) = authority.files(folder.path(), "127.0.0.1");
            let (certificate, key) = (certificate.display(), key.display());
            format!("  tls:\n    certificate: {certificate}\n    key: {key}\n")
        });
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {at}/data\n  \
             delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:0\n{}{}",
            tls.unwrap_or_default(),
            more.replace("FOLDER", &at)
        );
        std::fs::write(folder.path().join("config.yml"), config).unwrap();
        let mut child = Command::new("docker-registry")
            .args(["serve"])
            .arg(folder.path().join("config.yml"))
            .env_clear()
            .env("PATH", PATH)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting `docker-registry` (`scripts/install-dependencies test` installs it)");
        // The port that it was given is in its log.
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let (mut all, mut host) = (String::new(), None);
        while host.is_none() {
            let mut line = String::new();
            assert!(said.read_line(&mut line).unwrap() > 0, "docker-registry ended: {all}");
            host = line.split("listening on ").nth(1).map(|rest| {
                rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect()
            });
            all.push_str(&line);
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { host: host.unwrap(), folder, child }
    }

    /// Where its blobs are.
    pub fn blob(&self, digest: &dibhost_registry::oci::Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder
            .path()
            .join(format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `skopeo`, which has to end well; what it said.
pub fn skopeo(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new("skopeo")
        .args(["--insecure-policy", "--override-arch=wasm", "--override-os=wasip2"])
        .args(args)
        .env("PATH", PATH)
        .output()
        .expect("starting `skopeo` (`scripts/install-dependencies test` installs it)");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "skopeo {args:?}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

/// A file of a folder as text for arguments.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
