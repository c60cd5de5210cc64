//! Debian packages: which ones, from where, and into the tree.
//!
//! ```text
//! CACHE/lists/KEY/    what one list of archives offers: apt's lists, its caches, resolutions
//! CACHE/packages/     packages by their SHA-256
//! WORK/apt/           this build's configuration, and its packages under their own names
//! ```
//!
//! The builder's apt resolves and downloads, with a configuration of ours; the target's dpkg
//! installs, without network. The archive's signature is checked by apt, each package's digest
//! by apt when it comes and by us whenever it is used.

mod builder;
mod config;
mod download;
mod install;
mod resolve;
mod room;
mod said;
mod simulation;
mod types;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_sys::{Cancel, Program, ProgramOutput};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

pub use builder::builder_mirror;
pub use install::run_deferred;
pub use types::{
    Answer, AptError, AptOptions, Batch, Deb, Installed, PackageSpec, Repository, Resolution,
};

/// What the builder's own apt configuration says of the Debian archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Base URL of the archive.
    pub archive: String,
    /// Base URL of the security archive.
    pub security: Option<String>,
    /// The keyring that its entry names.
    pub keyring: Option<PathBuf>,
    /// `Acquire::…` settings (proxies, time-outs, validity checks), in order.
    pub acquire: Vec<(String, String)>,
}

/// One list of archives with its lists, resolver and download cache.
#[derive(Debug)]
pub struct Apt {
    suite: String,
    arch: String,
    configuration: PathBuf,
    folders: config::Folders,
    recommends: bool,
    image_sources: Option<String>,
}

impl Apt {
    /// Writes the private configuration. Nothing is fetched yet.
    ///
    /// # Errors
    /// An option that is no URL, suite or name; no mirror; the folders cannot be made.
    pub fn new(options: AptOptions) -> Result<Self, AptError> {
        // How to get through the builder's proxy holds for any mirror.
        let builder = match builder_mirror() {
            Ok(mirror) => Some(mirror),
            Err(AptError::NoMirror) if options.mirror.is_some() => None,
            Err(error) => return Err(error),
        };
        let lines = config::lines(&options, builder.as_ref())?;
        let cache = absolute(&options.cache)?;
        let folders = config::Folders {
            own: absolute(&options.work)?.join("apt"),
            lists: cache.join("lists").join(config::key(&lines, &options.arch)),
            packages: cache.join("packages"),
        };
        let own = ["nothing", "archives/partial", "debs", "log"].map(|f| folders.own.join(f));
        let shared =
            ["lists/partial", "cache", "state", "resolutions"].map(|f| folders.lists.join(f));
        for folder in own.iter().chain(&shared).chain([&folders.packages.join("partial")]) {
            std::fs::create_dir_all(folder).map_err(|source| AptError::Io {
                doing: format!("making the folder `{}`", folder.display()),
                source,
            })?;
        }
        config::write(
            &folders.own.join("sources.list"),
            config::sources(&lines, &options.arch, &folders.own)?.as_bytes(),
        )?;
        let preferences = config::preferences(&options.repositories);
        config::write(&folders.own.join("preferences"), preferences.as_bytes())?;
        config::write(&folders.own.join("status"), b"")?;
        let acquire = builder.map_or_else(Vec::new, |b| b.acquire);
        let configuration = folders.own.join("apt.conf");
        let text = config::apt_conf(&folders, &options.arch, options.recommends, &acquire)?;
        config::write(&configuration, text.as_bytes())?;
        Ok(Self {
            suite: options.suite.clone(),
            arch: options.arch.clone(),
            configuration,
            folders,
            recommends: options.recommends,
            image_sources: config::image_sources(&options, &lines),
        })
    }

    /// What an image that was made from the builder's own mirror finds more packages by: a deb822
    /// source file with that mirror, its updates and its security suite. None where a mirror or
    /// keys were named: whoever names them says what the image is given.
    #[must_use]
    pub fn image_sources(&self) -> Option<&str> {
        self.image_sources.as_deref()
    }

    /// Fetches the package lists, of those the mirror has not changed only that they are so.
    ///
    /// # Errors
    /// The mirror cannot be reached, lacks the suite, or is not signed well.
    pub fn update(&self, cancel: &Cancel) -> Result<(), AptError> {
        let _lock = self.lock(cancel)?;
        let doing = "fetching the package lists";
        room::require(&self.folders.packages, room::LISTS, doing)?;
        let program = self.program("apt-get").args(["-q", "update"]);
        self.run(&program, doing, cancel).map(|_| ())
    }

    fn program(&self, name: &str) -> Program {
        Program::new(name).env("APT_CONFIG", &self.configuration)
    }

    fn run(
        &self,
        program: &Program,
        doing: &str,
        cancel: &Cancel,
    ) -> Result<ProgramOutput, AptError> {
        program.run(cancel).map_err(|e| said::failed(e, doing, &self.suite))
    }

    /// Waits for other builds that use the same lists or the packages.
    fn lock(&self, cancel: &Cancel) -> Result<File, AptError> {
        let path = self.folders.packages.join("lock");
        let error = |source: std::io::Error| AptError::Io {
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
            cancel.check().map_err(|_| AptError::Cancelled)?;
            std::thread::sleep(LOCK_INTERVAL);
        }
    }
}

/// Short beside any download, long beside the cost of looking.
const LOCK_INTERVAL: Duration = Duration::from_millis(50);

fn absolute(path: &Path) -> Result<PathBuf, AptError> {
    std::path::absolute(path).map_err(|source| AptError::Io {
        doing: format!("finding the folder `{}`", path.display()),
        source,
    })
}
