//! The first tree of an image: what it is made by, and which package manager goes on from it.

use std::path::Path;

use dibhost_packages::apt::{Apt, AptOptions};
use dibhost_packages::dnf::Dnf;
use dibhost_packages::rpm::{RpmOptions, RpmRepository};
use dibhost_packages::zypper::Zypper;
use dibhost_packages::{PackageError, PackageManager, PackageSource};
use dibhost_plan::wish::{Bootstrap, Distribution, RpmDistribution, RpmOrigin};
use dibhost_registry::oci::{Containers, Registries};
use dibhost_sys::{Cancel, Program};

use crate::container;
use crate::failure::BuildFailure;
use crate::system::System;

/// What a first tree came to.
pub struct FirstTree {
    /// What packages are installed by, from now on; none: nothing says where they come from.
    pub manager: Option<Box<dyn PackageManager>>,
    /// The tree is empty: the first transaction fills it, with these packages on top of what the
    /// distribution calls essential. None: it is laid down of [archives](Base::archives).
    pub bootstrap: Option<Vec<String>>,
}

/// Makes first trees: by a package manager, or from what somebody else made.
pub trait Base {
    /// Begins one. `sources` are those that elements added, for the whole build; `system` is what they
    /// say that a tree is which somebody else made.
    ///
    /// # Errors
    /// It cannot be made from such a source.
    fn begin(
        &mut self,
        source: &Bootstrap,
        system: Option<&System>,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure>;

    /// What a tree that somebody else made is laid down of, one over the other: programs of the builder
    /// that say a tar archive each. Tells bytes done and bytes in all.
    ///
    /// # Errors
    /// It cannot be had, or is not what it has to be.
    fn archives(
        &mut self,
        source: &Bootstrap,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Program>, BuildFailure>;
}

/// First trees of packages, by a package manager of the builder, and of images of containers.
#[derive(Debug)]
pub(crate) struct Bases<'a> {
    pub(crate) arch: &'a str,
    /// Where downloads are kept between builds.
    pub(crate) cache: &'a Path,
    /// This build's own folder.
    pub(crate) work: &'a Path,
    /// That of it which the tree's worker sees into.
    pub(crate) seen: &'a Path,
    /// Where images of containers come from.
    pub(crate) registries: &'a Registries,
}

impl Base for Bases<'_> {
    fn begin(
        &mut self,
        source: &Bootstrap,
        system: Option<&System>,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure> {
        let distribution = match source {
            Bootstrap::Distribution(distribution) => distribution,
            Bootstrap::Container(reference) => {
                container::pinned(reference, &|| self.containers())?;
                return Ok(FirstTree { manager: self.found(system, sources)?, bootstrap: None });
            }
            Bootstrap::Archive(..) | Bootstrap::DiskImage(..) => return Err(unsupported(source)),
        };
        let manager = match (distribution.package_manager.as_str(), &distribution.rpm) {
            ("apt", _) => apt(self.apt(distribution, sources)),
            ("dnf", Some(rpm)) => dnf(self.rpm(distribution, rpm, sources)?),
            ("zypper", Some(rpm)) => zypper(self.rpm(distribution, rpm, sources)?),
            _ => return Err(unsupported(source)),
        };
        let manager = Some(manager.map_err(BuildFailure::new)?);
        Ok(FirstTree { manager, bootstrap: Some(distribution.packages.clone()) })
    }

    fn archives(
        &mut self,
        source: &Bootstrap,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Program>, BuildFailure> {
        let Bootstrap::Container(reference) = source else { return Err(unsupported(source)) };
        let reference = container::pinned(reference, &|| self.containers())?;
        let into = self.seen.join("layers");
        container::layers(&self.containers()?, &reference, self.arch, &into, cancel, progress)
    }
}

type Manager = Result<Box<dyn PackageManager>, PackageError>;

fn apt(options: AptOptions) -> Manager {
    Apt::new(options).map(|apt| Box::new(apt) as _)
}

fn dnf(options: RpmOptions) -> Manager {
    Dnf::new(options).map(|dnf| Box::new(dnf) as _)
}

fn zypper(options: RpmOptions) -> Manager {
    Zypper::new(options).map(|zypper| Box::new(zypper) as _)
}

impl Bases<'_> {
    fn containers(&self) -> Result<Containers, BuildFailure> {
        let fetched = self.cache.join("fetched");
        Containers::open(&fetched, self.work, self.registries.clone()).map_err(container::failure)
    }

    /// The package manager of a tree that somebody else made. Packages come from what elements added, and
    /// Debian's from the builder's mirror; none: from nowhere.
    fn found(
        &self,
        system: Option<&System>,
        sources: Vec<PackageSource>,
    ) -> Result<Option<Box<dyn PackageManager>>, BuildFailure> {
        let Some(system) = system else { return Ok(None) };
        let debian = system.id == "debian";
        if sources.is_empty() && !debian {
            return Ok(None);
        }
        let distribution = Distribution {
            release: match system.package_manager.as_str() {
                "apt" if debian => system.codename.clone(),
                "apt" => String::new(),
                _ => system.version_id.clone(),
            },
            ..Distribution::default()
        };
        let rpm = RpmDistribution {
            origins: Vec::new(),
            base: Vec::new(),
            module_platform: None,
            weak_dependencies: false,
            documentation: true,
            languages: None,
        };
        let manager = match system.package_manager.as_str() {
            "apt" => apt(self.apt(&distribution, sources)),
            "dnf" => dnf(self.rpm(&distribution, &rpm, sources)?),
            "zypper" => zypper(self.rpm(&distribution, &rpm, sources)?),
            _ => return Ok(None),
        };
        manager.map(Some).map_err(BuildFailure::new)
    }

    fn apt(&self, distribution: &Distribution, sources: Vec<PackageSource>) -> AptOptions {
        AptOptions {
            suite: distribution.release.clone(),
            mirror: distribution.mirror.clone(),
            components: distribution.components.clone(),
            keys: distribution.keys.clone(),
            arch: self.arch.to_owned(),
            cache: self.cache.join("apt"),
            work: self.work.join("apt"),
            packages: self.seen.join("packages"),
            sources,
        }
    }

    fn rpm(
        &self,
        distribution: &Distribution,
        rpm: &RpmDistribution,
        sources: Vec<PackageSource>,
    ) -> Result<RpmOptions, BuildFailure> {
        let arch = rpm_arch(self.arch).ok_or_else(|| {
            BuildFailure::new(format!("RPM has no name for the architecture `{}`", self.arch))
        })?;
        let repository = |origin: &RpmOrigin| RpmRepository {
            name: origin.name.clone(),
            url: origin.url.clone(),
            keys: origin.keys.clone(),
        };
        let unsigned = rpm.origins.iter().filter(|origin| origin.index_unsigned);
        Ok(RpmOptions {
            repositories: rpm.origins.iter().map(repository).collect(),
            unsigned_indexes: unsigned.map(|origin| origin.name.clone()).collect(),
            release: distribution.release.clone(),
            arch: arch.to_owned(),
            base: rpm.base.clone(),
            platform: rpm.module_platform.clone(),
            weak_dependencies: rpm.weak_dependencies,
            docs: rpm.documentation,
            languages: rpm.languages.clone(),
            cache: self.cache.join("rpm"),
            work: self.work.join("rpm"),
            packages: self.seen.join("packages"),
            sources,
        })
    }
}

/// What RPM calls an architecture that Debian calls so.
fn rpm_arch(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "i386" => "i686",
        "armhf" => "armv7hl",
        "ppc64el" => "ppc64le",
        "riscv64" => "riscv64",
        "s390x" => "s390x",
        _ => return None,
    })
}

fn unsupported(source: &Bootstrap) -> BuildFailure {
    let what = match source {
        Bootstrap::Distribution(other) => match other.package_manager.as_str() {
            known @ ("dnf" | "zypper") => {
                format!("the package manager `{known}` without repositories")
            }
            other => format!("the package manager `{other}`"),
        },
        Bootstrap::Container(_) => "an image of a container that way".to_owned(),
        Bootstrap::Archive(..) => "an archive".to_owned(),
        Bootstrap::DiskImage(..) => "a disk image".to_owned(),
    };
    BuildFailure::new(format!("this version of dibhost cannot make the first tree from {what}"))
        .with_help("use an element that makes it of packages, such as `debian-minimal` or `fedora`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_first_tree_is_named() {
        let folder = Path::new("/nonexistent");
        let registries = Registries::default();
        let mut base = Bases {
            arch: "amd64",
            cache: folder,
            work: folder,
            seen: folder,
            registries: &registries,
        };
        let two = || ("https://x.example/x".to_owned(), "sha256:0".to_owned());
        let distribution =
            Distribution { package_manager: "dnf".to_owned(), ..Distribution::default() };
        for (source, said) in [
            (
                Bootstrap::Distribution(distribution),
                "the package manager `dnf` without repositories",
            ),
            (Bootstrap::Archive(two().0, two().1), "an archive"),
            (Bootstrap::DiskImage(two().0, two().1), "a disk image"),
        ] {
            let failure = base.begin(&source, None, Vec::new()).err().unwrap();
            assert!(failure.message.ends_with(&format!("from {said}")), "{}", failure.message);
            assert!(failure.help.is_some());
        }
    }

    #[test]
    fn each_package_manager_is_the_one_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let registries = Registries::default();
        let mut base = Bases {
            arch: "amd64",
            cache: &folder.path().join("cache"),
            work: &folder.path().join("work"),
            seen: &seen,
            registries: &registries,
        };
        let key = include_str!("../../plan/tests/debian-release-bookworm.asc").to_owned();
        let origin = RpmOrigin {
            name: "os".to_owned(),
            url: "https://h.example/os".to_owned(),
            keys: vec![key],
            index_unsigned: true,
        };
        let rpm = RpmDistribution {
            origins: vec![origin],
            base: vec!["rpm".to_owned()],
            module_platform: None,
            weak_dependencies: false,
            documentation: true,
            languages: None,
        };
        for (manager, programs) in [("dnf", "RPM_FORCE_DEBIAN"), ("zypper", "RPM_FORCE_DEBIAN")] {
            let source = Bootstrap::Distribution(Distribution {
                package_manager: manager.to_owned(),
                release: "42".to_owned(),
                packages: vec!["vim".to_owned()],
                rpm: Some(rpm.clone()),
                ..Distribution::default()
            });
            let first = base.begin(&source, None, Vec::new()).unwrap();
            assert_eq!(first.bootstrap.as_deref(), Some(["vim".to_owned()].as_slice()));
            assert!(first.manager.unwrap().surroundings().env.contains_key(programs), "{manager}");
            assert!(folder.path().join("work/rpm").join(manager).is_dir(), "{manager}");
        }
        // Of a tree that somebody else made, its own package manager, if it is known where packages are.
        let system = |id: &str, manager: &str| System {
            id: id.to_owned(),
            version_id: "42".to_owned(),
            codename: "bookworm".to_owned(),
            package_manager: manager.to_owned(),
        };
        let key = rpm.origins[0].keys[0].clone();
        let source = PackageSource {
            name: "extra".to_owned(),
            url: "https://h.example/extra".to_owned(),
            suites: vec!["noble".to_owned()],
            components: vec!["main".to_owned()],
            priority: None,
            key,
            cost: None,
            module_hotfixes: false,
            build_only: false,
        };
        let rpms = PackageSource { suites: Vec::new(), components: Vec::new(), ..source.clone() };
        for (id, manager, sources, found) in [
            ("fedora", "dnf", vec![], false),
            ("fedora", "dnf", vec![rpms.clone()], true),
            ("opensuse-leap", "zypper", vec![rpms], true),
            ("ubuntu", "apt", vec![], false),
            ("ubuntu", "apt", vec![source], true),
            ("alpine", "apk", vec![], false),
        ] {
            let made = base.found(Some(&system(id, manager)), sources).unwrap();
            assert_eq!(made.is_some(), found, "{id}");
        }
        assert!(base.found(None, Vec::new()).unwrap().is_none());
        base.arch = "m68k";
        let source = Bootstrap::Distribution(Distribution {
            package_manager: "dnf".to_owned(),
            rpm: Some(rpm),
            ..Distribution::default()
        });
        let failure = base.begin(&source, None, Vec::new()).err().unwrap();
        assert!(failure.message.contains("no name for the architecture `m68k`"));
    }
}
