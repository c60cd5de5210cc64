//! Packages into the cache, each known by its digest.

use std::fs::{File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

use super::archive::Apt;
use super::{config, room};
use crate::error::PackageError;
use crate::manager::{Package, Resolution};

/// How often progress is told.
const INTERVAL: Duration = Duration::from_millis(200);

impl Apt {
    /// Has all packages of the resolution, verified, in this build's folder, from the cache or
    /// from the mirror; tells bytes done and bytes in all.
    pub(super) fn download(
        &self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        let total = resolution.size();
        let _lock = self.lock(cancel)?;
        let found = self.verified(&resolution.packages);
        let missing: Vec<&Package> =
            resolution.packages.iter().zip(&found).filter(|(_, f)| !**f).map(|(d, _)| d).collect();
        let mut done: u64 = total - missing.iter().map(|d| d.size).sum::<u64>();
        progress(done, total);
        if !missing.is_empty() {
            room::require(&self.folders.packages, total - done, "fetching packages")?;
            self.fetch(&missing, cancel, &mut |bytes| progress(done + bytes, total))?;
            for deb in &missing {
                self.keep(deb)?;
                done += deb.size;
            }
            progress(done, total);
        }
        self.open(&self.debs(), 0o755)?;
        for deb in &resolution.packages {
            self.place(deb)?;
        }
        Ok(())
    }

    /// Where a package lies under its own name, for dpkg.
    pub(super) fn deb(&self, deb: &Package) -> PathBuf {
        self.debs().join(&deb.file)
    }

    /// The folder of this build's packages.
    pub(super) fn debs(&self) -> PathBuf {
        self.folders.debs.clone()
    }

    fn cached(&self, deb: &Package) -> PathBuf {
        self.folders.packages.join(format!("{}.deb", deb.sha256))
    }

    fn partial(&self, deb: &Package) -> PathBuf {
        self.folders.packages.join("partial").join(format!("{}.deb", deb.sha256))
    }

    /// Which packages are in the cache and what they should be; what is not, is removed from it.
    fn verified(&self, debs: &[Package]) -> Vec<bool> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = debs.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let work: Vec<_> = debs
                .chunks(share)
                .map(|chunk| {
                    let check = |deb| {
                        let path = self.cached(deb);
                        let good = is(&path, deb);
                        if !good {
                            let _ = std::fs::remove_file(path);
                        }
                        good
                    };
                    scope.spawn(move || chunk.iter().map(check).collect::<Vec<_>>())
                })
                .collect();
            work.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
        })
    }

    fn fetch(
        &self,
        debs: &[&Package],
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), PackageError> {
        let mut program = self.program("/usr/lib/apt/apt-helper").arg("download-file");
        for deb in debs {
            // What an interrupted build left: apt would take it for the beginning.
            let _ = std::fs::remove_file(self.partial(deb));
            program =
                program.arg(&deb.url).arg(self.partial(deb)).arg(format!("SHA256:{}", deb.sha256));
        }
        std::thread::scope(|scope| {
            let thread =
                scope.spawn(|| self.run(&program, "downloading the packages", cancel).map(|_| ()));
            while !thread.is_finished() {
                std::thread::sleep(INTERVAL);
                let size =
                    |deb: &&Package| std::fs::metadata(self.partial(deb)).map_or(0, |m| m.len());
                progress(debs.iter().map(size).sum());
            }
            thread.join().unwrap_or_else(|_| {
                Err(PackageError::Apt {
                    doing: "downloading the packages".to_owned(),
                    detail: "the thread that waits for apt ended".to_owned(),
                })
            })
        })
    }

    /// From the partial folder into the cache.
    fn keep(&self, deb: &Package) -> Result<(), PackageError> {
        let (from, to) = (self.partial(deb), self.cached(deb));
        if !is(&from, deb) {
            let _ = std::fs::remove_file(&from);
            return Err(PackageError::Corrupt(format!("`{}`", deb.file)));
        }
        std::fs::rename(&from, &to).map_err(|source| PackageError::Io {
            doing: format!("keeping `{}`", to.display()),
            source,
        })
    }

    /// Under its own name in this build's folder, where no other build touches it.
    fn place(&self, deb: &Package) -> Result<(), PackageError> {
        let (from, to) = (self.cached(deb), self.deb(deb));
        let _ = std::fs::remove_file(&to);
        std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(|_| ())).map_err(
            |source| {
                if source.kind() == std::io::ErrorKind::StorageFull {
                    return PackageError::NoSpace {
                        doing: format!("copying `{}`", deb.file),
                        detail: source.to_string(),
                        advice: super::said::CACHE_FULL,
                    };
                }
                PackageError::Io { doing: format!("copying `{}`", deb.file), source }
            },
        )?;
        self.open(&to, 0o644)
    }

    /// Whoever the programs that install it are on this machine, and whatever this user's mask.
    fn open(&self, path: &Path, mode: u32) -> Result<(), PackageError> {
        let permissions = Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).map_err(|source| PackageError::Io {
            doing: format!("letting programs of the target read `{}`", path.display()),
            source,
        })
    }
}

/// Whether a file has a package's size and digest.
fn is(path: &Path, deb: &Package) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    if file.metadata().map_or(0, |m| m.len()) != deb.size {
        return false;
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return config::digest_text(&digest.finalize()) == deb.sha256,
            Ok(n) => digest.update(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => (),
            Err(_) => return false,
        }
    }
}
