//! A small signed distribution of RPM packages, in the shape of Fedora: made by `tests/archives/make` out of
//! Debian's programs, kept between runs below `CARGO_TARGET_TMPDIR`.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dibhost_packages::dnf::Dnf;
use dibhost_packages::rpm::{RpmOptions, RpmRepository};
use dibhost_packages::simulated::Offer;
use dibhost_sys::{Cancel, Program};
use tempfile::TempDir;

/// What every first tree of it has.
pub(crate) const BASE: [&str; 25] = [
    "basesystem",
    "bash",
    "bzip2-libs",
    "coreutils",
    "filesystem",
    "glibc",
    "gmp",
    "libacl",
    "libattr",
    "libcap",
    "libgcrypt",
    "libgpg-error",
    "libselinux",
    "libzstd",
    "lua-libs",
    "ncurses-libs",
    "pcre2",
    "popt",
    "rpm",
    "rpm-libs",
    "setup",
    "shaped-release",
    "sqlite-libs",
    "xz-libs",
    "zlib",
];

pub(crate) struct Shaped {
    folder: TempDir,
    /// It signs the repository and its packages.
    pub(crate) key: String,
    /// It signs nothing that is asked for.
    pub(crate) other_key: String,
    offers: std::cell::RefCell<Vec<Offer>>,
}

impl Shaped {
    /// One that offers these on top.
    pub(crate) fn new(offers: &[Offer]) -> Self {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archives");
        let mut shaped = Self {
            folder: TempDir::new().unwrap(),
            key: String::new(),
            other_key: String::new(),
            offers: std::cell::RefCell::new(offers.to_vec()),
        };
        shaped.make();
        let key = |name: &str| std::fs::read_to_string(cache.join(name).join("key.asc")).unwrap();
        (shaped.key, shaped.other_key) = (key("key"), key("other"));
        shaped
    }

    fn make(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/archives/make");
        let offers: Vec<_> = self.offers.borrow().iter().map(as_json).collect();
        let file = self.folder.path().join("offers.json");
        std::fs::write(&file, format!("[{}]", offers.join(","))).unwrap();
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archives");
        let make = Program::new(script).arg("fedora").args([&cache, &self.repository(), &file]);
        make.run(&Cancel::new()).unwrap();
    }

    /// Offers one more.
    pub(crate) fn offer(&self, offer: &Offer) {
        self.offers.borrow_mut().push(offer.clone());
        self.make();
    }

    /// The folder that `repodata` is in.
    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// What a manager of a tree is made with, whose build's folder this is.
    pub(crate) fn options(&self, folder: &Path) -> RpmOptions {
        RpmOptions {
            repositories: vec![RpmRepository {
                name: "shaped".to_owned(),
                url: format!("copy:{}", self.repository().display()),
                keys: vec![self.key.clone()],
            }],
            unsigned_indexes: BTreeSet::new(),
            release: "1".to_owned(),
            arch: "x86_64".to_owned(),
            base: ["basesystem", "rpm"].map(str::to_owned).to_vec(),
            platform: Some("platform:s1".to_owned()),
            weak_dependencies: false,
            docs: true,
            languages: None,
            cache: folder.join("cache"),
            work: folder.join("build"),
            packages: folder.join("tree/packages"),
            sources: Vec::new(),
        }
    }

    pub(crate) fn manager(&self, folder: &Path) -> Dnf {
        Dnf::new(self.options(folder)).unwrap()
    }
}

fn as_json(offer: &Offer) -> String {
    let Offer { name, version, depends, .. } = offer;
    format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"depends\":{depends:?}}}")
}
