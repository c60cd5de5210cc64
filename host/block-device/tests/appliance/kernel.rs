//! Debian's own kernel for virtual machines, from its package. The host's may have neither
//! device-mapper nor md nor vfat.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::output;

/// The package that depends on the newest kernel.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// A kernel, unpacked.
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    /// Files of modules by name, `-` written as `_`.
    modules: BTreeMap<String, PathBuf>,
}

impl Kernel {
    /// The kernel of the cache folder, which `apt-get download` fills where it is empty.
    pub(crate) fn debian() -> Result<Self> {
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
        let cache = cache.context("neither XDG_CACHE_HOME nor HOME is set")?;
        let cache = cache.join("dibhost/test-kernel");
        fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
        // Two tests may come at once.
        let lock = File::create(cache.join("lock")).context("making a lock")?;
        lock.lock().context("locking the kernel's folder")?;
        let folder = cache.join("unpacked");
        if !folder.exists() {
            download(&cache, &folder).with_context(|| {
                format!("fetching Debian's kernel (`apt-get update` knows the newest {PACKAGE})")
            })?;
        }
        Self::unpacked(&folder)
    }

    fn unpacked(folder: &Path) -> Result<Self> {
        let boot = folder.join("boot");
        let mut images = fs::read_dir(&boot)?.filter_map(|entry| Some(entry.ok()?.path()));
        let image = images
            .find(|path| {
                path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"vmlinuz-"))
            })
            .with_context(|| format!("{} holds no kernel", boot.display()))?;
        let mut modules = BTreeMap::new();
        let mut folders = vec![folder.join("lib/modules")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "ko") {
                    let name =
                        path.file_stem().and_then(|n| n.to_str()).context("a module's name")?;
                    modules.insert(name.replace('-', "_"), path);
                }
            }
        }
        Ok(Self { image, modules })
    }

    /// The files of modules and of what they need, in the order in which they can be loaded. What
    /// is no module is taken for a part of the kernel itself.
    pub(crate) fn modules(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for name in names {
            self.module(&name.replace('-', "_"), &mut order, &mut seen)?;
        }
        Ok(order)
    }

    fn module(
        &self,
        name: &str,
        order: &mut Vec<PathBuf>,
        seen: &mut BTreeSet<String>,
    ) -> Result<()> {
        let Some(path) = self.modules.get(name).filter(|_| seen.insert(name.to_owned())) else {
            return Ok(());
        };
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        // Section `.modinfo`: texts that end with a NUL.
        let key = b"\0depends=";
        let Some(at) = bytes.windows(key.len()).position(|window| window == key) else {
            bail!("{} does not say what it depends on", path.display());
        };
        let rest = &bytes[at + key.len()..];
        let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = std::str::from_utf8(text).context("a module's dependencies")?;
        for needed in text.split(',').filter(|name| !name.is_empty()) {
            self.module(&needed.replace('-', "_"), order, seen)?;
        }
        order.push(path.clone());
        Ok(())
    }
}

fn download(cache: &Path, folder: &Path) -> Result<()> {
    let shown = output("apt-cache", &["show", "--no-all-versions", PACKAGE])?;
    let package = shown
        .lines()
        .find_map(|line| line.strip_prefix("Depends: "))
        .and_then(|depends| depends.split([' ', ',']).next())
        .context("`apt-cache show` names no kernel")?;
    ensure!(package.starts_with("linux-image-"), "`{package}` is no kernel");
    let work = tempfile::tempdir_in(cache).context("making a folder")?;
    let mut command = super::command("apt-get");
    command.current_dir(work.path()).args(["-q", "download", package]);
    super::succeeds(&mut command)?;
    let mut files = fs::read_dir(work.path())?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = files
        .find(|path| path.extension().is_some_and(|e| e == "deb"))
        .context("`apt-get download` left no package")?;
    let unpacked = work.path().join("unpacked");
    output("dpkg-deb", &["-x", super::text(&package)?, super::text(&unpacked)?])?;
    fs::rename(&unpacked, folder).context("keeping the unpacked kernel")?;
    Ok(())
}
