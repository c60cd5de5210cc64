//! Debian's own registry, on a port of its own on the loopback address.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{tool, work_folder};

/// A registry that is ended when this is dropped.
#[derive(Debug)]
pub struct Registry {
    /// `127.0.0.1:PORT`.
    pub host: String,
    folder: TempDir,
    child: Child,
}

impl Registry {
    /// Starts one, without TLS, that lets everybody in.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start() -> Result<Self> {
        Self::start_with(&[], "")
    }

    /// Starts one with these files (names, texts) in its folder and these lines behind its configuration,
    /// in which `FOLDER` is the folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(files: &[(&str, &str)], more: &str) -> Result<Self> {
        let folder = work_folder()?;
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text)?;
        }
        let at = folder.path().display().to_string();
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {at}/data\n  \
             delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:0\n{}",
            more.replace("FOLDER", &at)
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config)?;
        let mut child = tool::command("docker-registry")
            .arg("serve")
            .arg(file)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context(
                "starting `docker-registry`: `scripts/install-dependencies test` installs it",
            )?;
        let mut said = BufReader::new(child.stderr.take().context("it has a standard error")?);
        let host = loop {
            let mut line = String::new();
            ensure!(said.read_line(&mut line)? > 0, "docker-registry ended");
            if let Some(rest) = line.split("listening on ").nth(1) {
                let address = |c: &char| c.is_ascii_digit() || ".:".contains(*c);
                break rest.chars().take_while(address).collect();
            }
        };
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ok(Self { host, folder, child })
    }

    /// What it stores: `blobs`, `repositories`.
    #[must_use]
    pub fn stored(&self) -> PathBuf {
        self.folder.path().join("data/docker/registry/v2")
    }

    /// Where the blob of a digest (`sha256:…`) lies.
    #[must_use]
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.stored().join("blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    /// Ends it: nobody is reached there any more.
    pub fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.end();
    }
}
