//! Packages into the cache, each known by its digest; and whatever else is fetched, by the builder's
//! apt, which knows how to get through its proxies.
//!
//! ```text
//! PACKAGES/DIGEST.SUFFIX     packages, shared by builds and managers
//! PACKAGES/partial/          what is on its way
//! PLACED/                    a build's own, under their own names
//! ```

use std::fs::{File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_sys::{Cancel, Hold, Program};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::digest::digest_text;
use crate::error::PackageError;
use crate::files::{make_folder, make_folder_on_the_way};
use crate::manager::{Package, Resolution};
use crate::{held, room, said};

/// How often progress is told.
const INTERVAL: Duration = Duration::from_millis(200);

/// Short beside any download, long beside the cost of looking.
const LOCK_INTERVAL: Duration = Duration::from_millis(50);

/// Who fetches, and where packages are kept.
#[derive(Debug)]
pub(crate) struct Downloads {
    /// apt's configuration for it.
    pub(crate) configuration: PathBuf,
    /// Shared: all packages, by digest.
    pub(crate) packages: PathBuf,
    /// This build's, which the tree's worker and programs read.
    pub(crate) placed: PathBuf,
    /// `deb`, `rpm`.
    pub(crate) suffix: &'static str,
    /// What errors say was asked of the mirror: a suite, a release.
    pub(crate) suite: String,
    /// What holds who fetches.
    pub(crate) hold: Hold,
}

/// A file to fetch: its address, its place, its SHA-256 where that is known.
#[derive(Debug, Clone)]
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    pub(crate) to: PathBuf,
    pub(crate) sha256: Option<&'a str>,
}

impl Downloads {
    /// Makes the folders.
    pub(crate) fn make_folders(&self) -> Result<(), PackageError> {
        make_folder_on_the_way(&self.packages.join("partial"))?;
        make_folder(&self.placed)
    }

    /// Waits for other builds that use the packages, or the lists beside them.
    pub(crate) fn lock(&self, cancel: &Cancel) -> Result<File, PackageError> {
        let path = self.packages.join("lock");
        let error = |source: std::io::Error| PackageError::Io {
            doing: format!("locking `{}`", path.display()),
            source,
        };
        let file = File::options().create(true).append(true).open(&path).map_err(error)?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::AGAIN | Errno::INTR) => (),
                Err(errno) => return Err(error(errno.into())),
            }
            cancel.check().map_err(|_| PackageError::Cancelled)?;
            std::thread::sleep(LOCK_INTERVAL);
        }
    }

    /// Fetches files as they are; whoever asks holds the lock.
    pub(crate) fn files(
        &self,
        wanted: &[Download<'_>],
        doing: &str,
        cancel: &Cancel,
    ) -> Result<(), PackageError> {
        let mut hold = self.hold.clone().read(&self.configuration);
        let mut program = Program::new("/usr/lib/apt/apt-helper")
            .env("APT_CONFIG", &self.configuration)
            .arg("download-file");
        for file in wanted {
            // What an interrupted build left: apt would take it for the beginning.
            let _ = std::fs::remove_file(&file.to);
            program = program.arg(file.url).arg(&file.to);
            hold = file.to.parent().into_iter().fold(hold, Hold::write);
            hold = held::of_this_machine(file.url).into_iter().fold(hold, Hold::read);
            program = program.arg(file.sha256.map_or(String::new(), |sum| format!("SHA256:{sum}")));
        }
        let said = program.held(hold).run(cancel);
        said.map(drop).map_err(|e| said::failed(e, doing, &self.suite))
    }

    /// Has all packages of the resolution, verified, in this build's folder, from the cache or
    /// from the mirror; tells bytes done and bytes in all.
    pub(crate) fn have(
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
            room::require(&self.packages, total - done, "fetching packages")?;
            self.fetch(&missing, cancel, &mut |bytes| progress(done + bytes, total))?;
            for package in &missing {
                self.keep(package)?;
                done += package.size;
            }
            progress(done, total);
        }
        open(&self.placed, 0o755)?;
        resolution.packages.iter().try_for_each(|package| self.place(package))
    }

    /// Where a package lies under its own name, for whoever installs it.
    pub(crate) fn path(&self, package: &Package) -> PathBuf {
        self.placed.join(&package.file)
    }

    fn cached(&self, package: &Package) -> PathBuf {
        self.packages.join(format!("{}.{}", package.sha256, self.suffix))
    }

    fn partial(&self, package: &Package) -> PathBuf {
        self.packages.join("partial").join(format!("{}.{}", package.sha256, self.suffix))
    }

    /// Which packages are in the cache and what they should be; what is not, is removed from it.
    fn verified(&self, packages: &[Package]) -> Vec<bool> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = packages.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let work: Vec<_> = packages
                .chunks(share)
                .map(|chunk| {
                    let check = |package| {
                        let path = self.cached(package);
                        let good = is(&path, package);
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
        packages: &[&Package],
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), PackageError> {
        let wanted = |package: &&'_ Package| {
            let (url, sha256) = (package.url.clone(), package.sha256.clone());
            (url, self.partial(package), sha256)
        };
        let wanted: Vec<_> = packages.iter().map(wanted).collect();
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(url, to, sha256)| Download { url, to: to.clone(), sha256: Some(sha256) })
            .collect();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.files(&wanted, "downloading the packages", cancel));
            while !thread.is_finished() {
                std::thread::sleep(INTERVAL);
                let size = |package: &&Package| {
                    std::fs::metadata(self.partial(package)).map_or(0, |m| m.len())
                };
                progress(packages.iter().map(size).sum());
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
    fn keep(&self, package: &Package) -> Result<(), PackageError> {
        let (from, to) = (self.partial(package), self.cached(package));
        if !is(&from, package) {
            let _ = std::fs::remove_file(&from);
            return Err(PackageError::Corrupt(format!("`{}`", package.file)));
        }
        std::fs::rename(&from, &to).map_err(|source| PackageError::Io {
            doing: format!("keeping `{}`", to.display()),
            source,
        })
    }

    /// Under its own name in this build's folder, where no other build touches it.
    fn place(&self, package: &Package) -> Result<(), PackageError> {
        let (from, to) = (self.cached(package), self.path(package));
        let _ = std::fs::remove_file(&to);
        std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(|_| ())).map_err(
            |source| {
                if source.kind() == std::io::ErrorKind::StorageFull {
                    return PackageError::NoSpace {
                        doing: format!("copying `{}`", package.file),
                        detail: source.to_string(),
                        advice: said::CACHE_FULL,
                    };
                }
                PackageError::Io { doing: format!("copying `{}`", package.file), source }
            },
        )?;
        open(&to, 0o644)
    }
}

/// Whoever the programs that install it are on this machine, and whatever this user's mask.
fn open(path: &Path, mode: u32) -> Result<(), PackageError> {
    let permissions = Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).map_err(|source| PackageError::Io {
        doing: format!("letting programs of the target read `{}`", path.display()),
        source,
    })
}

/// Whether a file has a package's size and digest.
fn is(path: &Path, package: &Package) -> bool {
    // Itself, not what it leads to.
    let found = path.symlink_metadata();
    let fits = found.is_ok_and(|found| found.is_file() && found.len() == package.size);
    fits && sha256_of(path).is_ok_and(|sum| sum == package.sha256)
}

/// SHA-256 of a file, in lower-case hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest_text(&digest.finalize())),
            Ok(n) => digest.update(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => (),
            Err(e) => return Err(e),
        }
    }
}
