//! One build's repositories and its downloader.

use std::path::PathBuf;
use std::time::Duration;

use dibhost_sys::Cancel;

use super::configuration::{apt_conf, has_own_way, ways};
use super::install::LeftOut;
use super::keys::Keys;
use super::names::{check_arch, check_package};
use super::repository::{Offers, Preference};
use super::types::{RpmOptions, RpmRepository};
use crate::digest::hex;
use crate::download::Downloads;
use crate::error::PackageError;
use crate::files::{absolute, make_folder, write};
use crate::manager::{IndexFile, ManagerState, PackageSource};
use crate::words::{check_source, check_source_name, check_url, invalid, word};
use crate::{held, room};

/// Whether the indexes may be had though nobody asked for so long.
const VALID: Duration = Duration::from_secs(12 * 3600);

/// What a solver chooses from, what fetches it, and what is known of the tree that it goes into.
#[derive(Debug)]
pub(crate) struct Build {
    /// Who chooses: `dnf`, `zypper`.
    pub(crate) manager: &'static str,
    pub(crate) release: String,
    pub(crate) arch: String,
    pub(crate) base: Vec<String>,
    pub(crate) platform: Option<String>,
    pub(crate) weak: bool,
    pub(crate) left_out: LeftOut,
    pub(crate) repositories: Vec<Offers>,
    /// Those on top, as they were given.
    pub(crate) sources: Vec<PackageSource>,
    pub(crate) downloads: Downloads,
    /// This build's own folder.
    pub(crate) own: PathBuf,
    /// Shared: the solver's caches of these repositories, and resolutions.
    pub(crate) solver: PathBuf,
    /// Whoever asks the repositories comes by the same way.
    plain_way: bool,
    /// What is known of the tree beside what is in it.
    pub(crate) state: ManagerState,
}

impl Build {
    /// Writes the keys and what the downloader is told. Nothing is fetched yet.
    pub(crate) fn new(options: RpmOptions, manager: &'static str) -> Result<Self, PackageError> {
        if !word(&options.release, b"._-") {
            return Err(invalid(format!("`{}` is no release", options.release.escape_debug())));
        }
        check_arch(&options.arch)?;
        options.base.iter().try_for_each(|name| check_package(name))?;
        let languages = options.languages.iter().flatten();
        if let Some(bad) = languages.clone().find(|l| !word(l, b"_@.-")) {
            return Err(invalid(format!("`{}` is no language", bad.escape_debug())));
        }
        let cache = absolute(&options.cache)?;
        let own = absolute(&options.work)?.join(manager);
        let added = options.sources.iter().map(added);
        let given = options.repositories.iter().map(|r| Ok((r.clone(), Preference::default())));
        let all = given.chain(added).collect::<Result<Vec<_>, PackageError>>()?;
        let mut repositories: Vec<Offers> = Vec::new();
        for (RpmRepository { name, url, keys }, preference) in all {
            check_source_name(&name)?;
            if repositories.iter().any(|other| other.name == name) {
                return Err(invalid(format!("two repositories are called `{name}`")));
            }
            if keys.is_empty() {
                return Err(invalid(format!(
                    "the repository `{name}` has no key; unsigned packages are not used"
                )));
            }
            let url = url.replace("$releasever", &options.release);
            let url = url.replace("$basearch", &options.arch).trim_end_matches('/').to_owned();
            check_url(&url)?;
            if url.contains('$') || url.starts_with("file:") {
                return Err(invalid(format!(
                    "`{url}` is no address of a repository; it may have `$releasever` and `$basearch` in it, and begin with `http://`, `https://` or `copy:/`"
                )));
            }
            let unsigned_index = options.unsigned_indexes.contains(&name);
            // Whose index was found to be good by other keys is another one.
            let key = hex(format!("1\n{url}\n{keys:?}\n{unsigned_index}").as_bytes());
            let folder = cache.join("repositories").join(&key[..24]);
            make_folder(&folder)?;
            let keys = Keys::make(own.join("keys").join(&name), &keys)?;
            repositories.push(Offers { name, url, keys, unsigned_index, preference, folder });
        }
        if let Some(name) =
            options.unsigned_indexes.iter().find(|n| repositories.iter().all(|r| r.name != **n))
        {
            return Err(invalid(format!(
                "there is no repository `{name}` to have an unsigned index"
            )));
        }
        let folders: Vec<_> = repositories.iter().map(|r| &r.folder).collect();
        let kept =
            cache.join("solver").join(&hex(format!("{manager}{folders:?}").as_bytes())[..24]);
        make_folder(&kept.join("resolutions"))?;
        let ways = ways()?;
        let downloads = Downloads {
            configuration: own.join("apt.conf"),
            packages: cache.join("packages"),
            placed: absolute(&options.packages)?,
            suffix: "rpm",
            suite: options.release.clone(),
            hold: held::fetching(&ways),
        };
        downloads.make_folders()?;
        let conf = apt_conf(&ways);
        write(&downloads.configuration, conf.as_bytes())?;
        Ok(Self {
            manager,
            release: options.release,
            arch: options.arch,
            base: options.base,
            platform: options.platform,
            weak: options.weak_dependencies,
            left_out: LeftOut { docs: !options.docs, but_languages: options.languages },
            repositories,
            sources: options.sources,
            downloads,
            own,
            solver: kept,
            plain_way: !has_own_way(&conf),
            state: ManagerState::default(),
        })
    }

    /// Fetches what the repositories offer.
    pub(crate) fn update(&self, cancel: &Cancel) -> Result<(), PackageError> {
        let _lock = self.downloads.lock(cancel)?;
        cancel.check().map_err(|_| PackageError::Cancelled)?;
        let doing = "fetching the indexes of the repositories";
        room::require(&self.downloads.packages, room::LISTS, doing)?;
        self.repositories.iter().try_for_each(|r| r.refresh(&self.downloads, cancel))?;
        write(&self.updated(), b"")
    }

    /// Written whenever all indexes were fetched, and found to be signed.
    fn updated(&self) -> PathBuf {
        self.solver.join("updated")
    }

    /// The indexes as they are here, and where newer ones would be; empty: nobody can tell without
    /// fetching them.
    pub(crate) fn known(&self) -> Vec<IndexFile> {
        let asked = std::fs::metadata(self.updated()).and_then(|file| file.modified());
        let young = asked.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < VALID));
        if !young || !self.plain_way {
            return Vec::new();
        }
        let file = |repository: &Offers| {
            let url = repository.index_url();
            let sha256 = crate::download::sha256_of(&repository.index()).ok()?;
            (url.starts_with("http") && !url.contains('@')).then_some(IndexFile { url, sha256 })
        };
        self.repositories.iter().map(file).collect::<Option<_>>().unwrap_or_default()
    }

    /// The repository of a name.
    pub(crate) fn repository(&self, name: &str) -> Option<&Offers> {
        self.repositories.iter().find(|r| r.name == name)
    }
}

/// A repository on top.
fn added(source: &PackageSource) -> Result<(RpmRepository, Preference), PackageError> {
    check_source(source)?;
    if let Some(word) = source.suites.iter().chain(&source.components).next() {
        return Err(invalid(format!(
            "the repository `{}` is one of RPM packages, which has neither suites nor components: `{}`",
            source.name,
            word.escape_debug()
        )));
    }
    let (name, url) = (source.name.clone(), source.url.clone());
    let keys = vec![source.key.clone()];
    let PackageSource { priority, cost, module_hotfixes, .. } = *source;
    Ok((RpmRepository { name, url, keys }, Preference { priority, cost, module_hotfixes }))
}
