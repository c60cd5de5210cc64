//! One list of archives: its configuration, its lists, and who uses them.

use std::path::PathBuf;
use std::time::Duration;

use dibhost_sys::{Cancel, Hold, Program, ProgramOutput};

use super::builder::builder_mirror;
use super::config;
use super::types::AptOptions;
use crate::digest::digest_text;
use crate::download::Downloads;
use crate::error::PackageError;
use crate::files::{absolute, make_folder, make_folder_on_the_way, write};
use crate::manager::{IndexFile, ManagerState, PackageSource};
use crate::{held, room, said};

/// What apt writes to of a build's folder, and of the lists'.
const WRITTEN: [&str; 2] = ["archives", "log"];
const KEPT: [&str; 3] = ["lists", "cache", "state"];

/// One list of archives with its lists, resolver and download cache.
#[derive(Debug)]
pub struct Apt {
    pub(super) arch: String,
    pub(super) downloads: Downloads,
    pub(super) folders: config::Folders,
    /// The image's own source, where it is the builder's.
    pub(super) image_source: Option<String>,
    /// Sources on top, each with the text of its apt_preferences(5).
    pub(super) sources: Vec<(PackageSource, Option<String>)>,
    /// Where the signed index of each source is; empty: apt alone knows the way.
    indexes: Vec<String>,
    /// Keyrings and archives of this machine, which apt reads.
    shown: Vec<PathBuf>,
    /// What is known of the tree beside what is in it.
    pub(super) state: ManagerState,
}

impl Apt {
    /// Writes the private configuration. Nothing is fetched yet.
    ///
    /// # Errors
    /// An option that is no URL, suite or name; no mirror; the folders cannot be made.
    pub fn new(options: AptOptions) -> Result<Self, PackageError> {
        // How to get through the builder's proxy holds for any mirror.
        let builder = match builder_mirror() {
            Ok(mirror) => Some(mirror),
            Err(PackageError::NoMirror) if options.mirror.is_some() || options.suite.is_empty() => {
                None
            }
            Err(error) => return Err(error),
        };
        let lines = config::lines(&options, builder.as_ref())?;
        let cache = absolute(&options.cache)?;
        let folders = config::Folders {
            own: absolute(&options.work)?.join("apt"),
            lists: cache.join("lists").join(config::key(&lines, &options.arch)),
            packages: cache.join("packages"),
        };
        let own = ["nothing", "archives/partial", "log"].map(|f| folders.own.join(f));
        let shared = ["cache", "state", "resolutions"].map(|f| folders.lists.join(f));
        own.iter().chain(&shared).try_for_each(|folder| make_folder(folder))?;
        make_folder_on_the_way(&folders.lists.join("lists/partial"))?;
        let downloads = Downloads {
            configuration: folders.own.join("apt.conf"),
            packages: folders.packages.clone(),
            placed: absolute(&options.packages)?,
            suffix: "deb",
            suite: options.suite.clone(),
            hold: held::fetching(builder.as_ref().map_or(&[], |b| &b.acquire)),
        };
        downloads.make_folders()?;
        write(
            &folders.own.join("sources.list"),
            config::sources(&lines, &options.arch, &folders.lists)?.as_bytes(),
        )?;
        write(&folders.own.join("preferences"), b"")?;
        write(&folders.own.join("status"), b"")?;
        let preferred =
            |source: &PackageSource| Ok((source.clone(), config::preference(source, &lines)?));
        let sources = options.sources.iter().map(preferred).collect::<Result<_, PackageError>>()?;
        let acquire = builder.map_or_else(Vec::new, |b| b.acquire);
        let indexes: Option<Vec<_>> = lines.iter().map(config::Line::index).collect();
        let own_way = acquire.iter().any(|(name, _)| is_of_the_way(name));
        let text = config::apt_conf(&folders, &options.arch, &acquire)?;
        write(&downloads.configuration, text.as_bytes())?;
        Ok(Self {
            arch: options.arch.clone(),
            downloads,
            folders,
            image_source: config::image_source(&options, &lines),
            sources,
            indexes: indexes.filter(|_| !own_way).unwrap_or_default(),
            shown: lines.iter().flat_map(config::Line::of_this_machine).collect(),
            state: ManagerState::default(),
        })
    }

    /// Fetches the package lists, of those the mirror has not changed only that they are so.
    pub(super) fn update(&self, cancel: &Cancel) -> Result<(), PackageError> {
        let _lock = self.downloads.lock(cancel)?;
        let doing = "fetching the package lists";
        room::require(&self.folders.packages, room::LISTS, doing)?;
        let program = self.held("apt-get", self.downloads.hold.clone()).args(["-q", "update"]);
        self.run(&program, doing, cancel)?;
        write(&self.updated(), b"")
    }

    /// Written whenever apt has fetched the lists, and found them to be signed and still valid.
    fn updated(&self) -> PathBuf {
        self.folders.lists.join("updated")
    }

    /// The signed indexes as they are here, and where newer ones would be; empty: who wants to know
    /// whether there are any has to have apt fetch them.
    pub(super) fn known_indexes(&self) -> Vec<IndexFile> {
        let asked = std::fs::metadata(self.updated()).and_then(|file| file.modified());
        let young = asked.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < VALID));
        if !young {
            return Vec::new();
        }
        let file = |url: &String| {
            let path = self.folders.lists.join("lists").join(config::list_name(url));
            let sha256 = digest_text(&self.digest_of(&path).ok()?);
            Some(IndexFile { url: url.clone(), sha256 })
        };
        self.indexes.iter().map(file).collect::<Option<_>>().unwrap_or_default()
    }

    /// One that works on what is here.
    pub(super) fn program(&self, name: &str) -> Program {
        self.held(name, Hold::new())
    }

    fn held(&self, name: &str, hold: Hold) -> Program {
        let config::Folders { own, lists, .. } = &self.folders;
        let written = WRITTEN.map(|name| own.join(name)).into_iter();
        let hold = written.chain(KEPT.map(|name| lists.join(name))).fold(hold, Hold::write);
        let hold = self.shown.iter().fold(hold.read(own).read(lists), Hold::read);
        Program::new(name).env("APT_CONFIG", &self.downloads.configuration).held(hold)
    }

    pub(super) fn run(
        &self,
        program: &Program,
        doing: &str,
        cancel: &Cancel,
    ) -> Result<ProgramOutput, PackageError> {
        program.run(cancel).map_err(|e| said::failed(e, doing, &self.downloads.suite))
    }
}

/// Whether the lists may be had though nobody asked apt for so long: an index says itself how long it
/// is valid, which apt looks at when it fetches it. Debian's are for a week.
const VALID: Duration = Duration::from_secs(12 * 3600);

/// Whether a setting says how to get to an archive.
fn is_of_the_way(setting: &str) -> bool {
    let mut parts = setting.split("::").skip(1);
    let of = parts.next().unwrap_or_default().to_ascii_lowercase();
    matches!(of.as_str(), "http" | "https" | "ftp" | "socks" | "forceipv4" | "forceipv6")
}
