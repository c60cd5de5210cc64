//! The first tree of an image: what it is made by, and which package manager goes on from it.

use std::path::Path;

use dibhost_packages::apt::{Apt, AptOptions};
use dibhost_packages::{PackageManager, PackageSource};
use dibhost_plan::wish::Bootstrap;

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
        let distribution = match source {
            Bootstrap::Distribution(distribution) if distribution.package_manager == "apt" => {
                distribution
            }
            other => return Err(unsupported(other)),
        };
        let apt = Apt::new(AptOptions {
            suite: distribution.release.clone(),
            mirror: distribution.mirror.clone(),
            components: distribution.components.clone(),
            keys: distribution.keys.clone(),
            arch: self.arch.to_owned(),
            cache: self.cache.join("apt"),
            work: self.work.join("apt"),
            packages: self.seen.join("packages"),
            sources,
        })
        .map_err(BuildFailure::new)?;
        let bootstrap = Some(distribution.packages.clone());
        Ok(FirstTree { manager: Box::new(apt), bootstrap })
    }
}

fn unsupported(source: &Bootstrap) -> BuildFailure {
    let what = match source {
        Bootstrap::Distribution(other) => {
            format!("the package manager `{}`", other.package_manager)
        }
        Bootstrap::Container(_) => "a container image".to_owned(),
        Bootstrap::Archive(..) => "an archive".to_owned(),
        Bootstrap::DiskImage(..) => "a disk image".to_owned(),
    };
    BuildFailure::new(format!("this version of dibhost cannot make the first tree from {what}"))
        .with_help("use an element that bootstraps by `apt`, such as `debian-minimal`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_first_tree_is_named() {
        let folder = Path::new("/nonexistent");
        let mut base = Distributions { arch: "amd64", cache: folder, work: folder, seen: folder };
        let two = || ("https://x.example/x".to_owned(), "sha256:0".to_owned());
        let distribution = dibhost_plan::wish::Distribution {
            package_manager: "dnf".to_owned(),
            release: "42".to_owned(),
            mirror: None,
            components: Vec::new(),
            keys: Vec::new(),
            packages: Vec::new(),
        };
        for (source, said) in [
            (Bootstrap::Distribution(distribution), "the package manager `dnf`"),
            (Bootstrap::Container("x".to_owned()), "a container image"),
            (Bootstrap::Archive(two().0, two().1), "an archive"),
            (Bootstrap::DiskImage(two().0, two().1), "a disk image"),
        ] {
            let failure = base.begin(&source, Vec::new()).err().unwrap();
            assert!(failure.message.ends_with(&format!("from {said}")), "{}", failure.message);
            assert!(failure.help.is_some());
        }
    }
}
