//! The first tree of an image: what it is made by, and which package manager goes on from it.

use std::path::Path;

use dibhost_packages::apt::{Apt, AptOptions};
use dibhost_packages::dnf::Dnf;
use dibhost_packages::rpm::{RpmOptions, RpmRepository};
use dibhost_packages::zypper::Zypper;
use dibhost_packages::{PackageError, PackageManager, PackageSource};
use dibhost_plan::wish::{Bootstrap, Distribution, RpmDistribution, RpmOrigin};

use crate::failure::BuildFailure;

/// What a first tree came to.
pub struct FirstTree {
    /// What its packages are installed by, from now on.
    pub manager: Box<dyn PackageManager>,
    /// The tree is empty: the first transaction fills it, with these packages on top of what the
    /// distribution calls essential. None: the tree is there.
    pub bootstrap: Option<Vec<String>>,
}

/// Makes first trees: by a package manager, or from what somebody else made.
pub trait Base {
    /// Begins one. `sources` are those that elements added, for the whole build.
    ///
    /// # Errors
    /// It cannot be made from such a source.
    fn begin(
        &mut self,
        source: &Bootstrap,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure>;
}

/// First trees made by a package manager of the builder.
#[derive(Debug)]
pub(crate) struct Distributions<'a> {
    pub(crate) arch: &'a str,
    /// Where downloads are kept between builds.
    pub(crate) cache: &'a Path,
    /// This build's own folder.
    pub(crate) work: &'a Path,
    /// That of it which the tree's worker sees into.
    pub(crate) seen: &'a Path,
}

impl Base for Distributions<'_> {
    fn begin(
        &mut self,
        source: &Bootstrap,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure> {
        let Bootstrap::Distribution(distribution) = source else {
            return Err(unsupported(source));
        };
        let manager: Result<Box<dyn PackageManager>, PackageError> =
            match (distribution.package_manager.as_str(), &distribution.rpm) {
                ("apt", _) => {
                    Apt::new(self.apt(distribution, sources)).map(|apt| Box::new(apt) as _)
                }
                ("dnf", Some(rpm)) => {
                    let options = self.rpm(distribution, rpm, sources)?;
                    Dnf::new(options).map(|dnf| Box::new(dnf) as _)
                }
                ("zypper", Some(rpm)) => {
                    let options = self.rpm(distribution, rpm, sources)?;
                    Zypper::new(options).map(|zypper| Box::new(zypper) as _)
                }
                _ => return Err(unsupported(source)),
            };
        let manager = manager.map_err(BuildFailure::new)?;
        Ok(FirstTree { manager, bootstrap: Some(distribution.packages.clone()) })
    }
}

impl Distributions<'_> {
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
        Bootstrap::Container(_) => "a container image".to_owned(),
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
        let mut base = Distributions { arch: "amd64", cache: folder, work: folder, seen: folder };
        let two = || ("https://x.example/x".to_owned(), "sha256:0".to_owned());
        let distribution =
            Distribution { package_manager: "dnf".to_owned(), ..Distribution::default() };
        for (source, said) in [
            (
                Bootstrap::Distribution(distribution),
                "the package manager `dnf` without repositories",
            ),
            (Bootstrap::Container("x".to_owned()), "a container image"),
            (Bootstrap::Archive(two().0, two().1), "an archive"),
            (Bootstrap::DiskImage(two().0, two().1), "a disk image"),
        ] {
            let failure = base.begin(&source, Vec::new()).err().unwrap();
            assert!(failure.message.ends_with(&format!("from {said}")), "{}", failure.message);
            assert!(failure.help.is_some());
        }
    }

    #[test]
    fn each_package_manager_is_the_one_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let mut base = Distributions {
            arch: "amd64",
            cache: &folder.path().join("cache"),
            work: &folder.path().join("work"),
            seen: &seen,
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
            let first = base.begin(&source, Vec::new()).unwrap();
            assert_eq!(first.bootstrap.as_deref(), Some(["vim".to_owned()].as_slice()));
            assert!(first.manager.surroundings().env.contains_key(programs), "{manager}");
            assert!(folder.path().join("work/rpm").join(manager).is_dir(), "{manager}");
        }
        base.arch = "m68k";
        let source = Bootstrap::Distribution(Distribution {
            package_manager: "dnf".to_owned(),
            rpm: Some(rpm),
            ..Distribution::default()
        });
        let failure = base.begin(&source, Vec::new()).err().unwrap();
        assert!(failure.message.contains("no name for the architecture `m68k`"));
    }
}
