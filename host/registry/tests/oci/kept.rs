//! The store of what was pulled: what is spoilt in it is not used, and said.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_registry::oci::{Digest, ElementStore, Repository, StoreError};

use crate::bench::{Bench, Content, element, pulled};

struct Cache {
    top: tempfile::TempDir,
    repository: Repository,
}

impl Cache {
    fn new() -> Self {
        let repository = "registry.example/acme/motd".parse().unwrap();
        Self { top: tempfile::tempdir().unwrap(), repository }
    }

    fn path(&self) -> PathBuf {
        self.top.path().join("cache")
    }

    fn folder(&self) -> PathBuf {
        self.path().join("pulled")
    }

    fn store(&self) -> ElementStore {
        ElementStore::open(&self.path()).unwrap()
    }

    fn keep(&self, version: &str, bundles: &[Vec<u8>]) -> Digest {
        self.store().keep(&self.repository, &pulled(version), bundles).unwrap().manifest
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder().join(format!("sha256-{}", digest.hex()))
    }

    fn record(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.folder()).unwrap().map(|e| e.unwrap().path());
        {
            let mut entries = entries;
            entries.find(|path| path.to_string_lossy().contains("record-1-")).unwrap()
        }
    }

    /// It is refused by name once; then it is not there, and comes anew.
    fn spoilt(&self, manifest: &Digest, says: &str) {
        let error = self.store().pulled(&self.repository, manifest).unwrap_err();
        assert!(matches!(error, StoreError::Spoilt { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.help().unwrap().contains("pull it again"));
        assert_eq!(self.store().pulled(&self.repository, manifest).unwrap(), None);
        assert_eq!(self.store().verify().unwrap(), <[String; 0]>::default());
        self.keep("1.0.0", &[b"signature".to_vec()]);
        assert!(self.store().pulled(&self.repository, manifest).unwrap().is_some());
    }
}

#[test]
fn what_is_kept_is_found_by_its_manifest_in_its_repository_alone() {
    let cache = Cache::new();
    let manifest = cache.keep("1.0.0", &[b"signature".to_vec()]);
    let kept = cache.store().pulled(&cache.repository, &manifest).unwrap().unwrap();
    assert_eq!(std::fs::read(&kept.path).unwrap(), element("1.0.0").component);
    assert_eq!(kept.component, Digest::of(&element("1.0.0").component));
    assert_eq!((kept.version.as_deref(), kept.title.as_deref()), (Some("1.0.0"), Some("motd")));
    assert_eq!(kept.bundles, [b"signature".to_vec()]);
    // From elsewhere it is not the same: who is trusted there is somebody else.
    let other = "registry.example/other/motd".parse().unwrap();
    assert_eq!(cache.store().pulled(&other, &manifest).unwrap(), None);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache.folder()), 0o700);
    assert_eq!(mode(&kept.path), 0o600);
    // Further signatures are added.
    cache.keep("1.0.0", &[b"another".to_vec()]);
    let kept = cache.store().pulled(&cache.repository, &manifest).unwrap().unwrap();
    assert_eq!(kept.bundles.len(), 2);
}

#[test]
fn versions_are_told_the_highest_first() {
    let cache = Cache::new();
    for version in ["1.2.0", "1.10.0", "1.10.0-rc.1", "0.9.0"] {
        cache.keep(version, &[]);
    }
    let versions = cache.store().versions(&cache.repository).unwrap();
    let versions: Vec<_> = versions.into_iter().map(|(version, _)| version).collect();
    assert_eq!(versions, ["1.10.0", "1.10.0-rc.1", "1.2.0", "0.9.0"]);
}

#[test]
fn a_flipped_byte_in_each_of_its_parts() {
    let cache = Cache::new();
    let signature = b"signature".to_vec();
    let manifest = cache.keep("1.0.0", std::slice::from_ref(&signature));
    let parts = [
        pulled("1.0.0").manifest.digest,
        Digest::of(&pulled("1.0.0").config),
        Digest::of(&element("1.0.0").component),
        Digest::of(&signature),
    ];
    for digest in parts {
        let mut bytes = std::fs::read(cache.file(&digest)).unwrap();
        bytes[1] ^= 1;
        std::fs::write(cache.file(&digest), bytes).unwrap();
        cache.spoilt(&manifest, digest.as_str());
    }
}

#[test]
fn a_component_that_is_longer_shorter_or_gone() {
    let cache = Cache::new();
    let manifest = cache.keep("1.0.0", &[]);
    let digest = Digest::of(&element("1.0.0").component);
    let file = cache.file(&digest);
    type Spoil = fn(&Path);
    let spoil: [(Spoil, &str); 4] = [
        (|file| std::fs::write(file, b"\0asm\x0d\0\x01\x001.0.0 and more").unwrap(), "larger"),
        (|file| std::fs::write(file, b"\0asm").unwrap(), "its digest is"),
        (|file| std::fs::remove_file(file).unwrap(), "not there"),
        (
            |file| {
                std::fs::remove_file(file).unwrap();
                std::fs::create_dir(file).unwrap();
            },
            "no regular file",
        ),
    ];
    for (spoil, says) in spoil {
        spoil(&file);
        cache.spoilt(&manifest, says);
    }
}

#[test]
fn a_link_in_it_is_not_followed() {
    let cache = Cache::new();
    let manifest = cache.keep("1.0.0", &[]);
    let file = cache.file(&Digest::of(&element("1.0.0").component));
    let elsewhere = cache.top.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    cache.spoilt(&manifest, "a symbolic link");
    assert!(elsewhere.exists(), "what it leads to is left alone");
    // Nor is one that is in the place of what is to be written.
    std::fs::remove_file(&file).unwrap();
    symlink(cache.top.path().join("victim"), &file).unwrap();
    cache.keep("1.0.0", &[]);
    assert!(!cache.top.path().join("victim").exists());
    assert!(std::fs::symlink_metadata(&file).unwrap().is_file());
}

#[test]
fn a_file_that_another_user_owns_or_may_write_to() {
    let cache = Cache::new();
    let manifest = cache.keep("1.0.0", &[]);
    let file = cache.file(&Digest::of(&element("1.0.0").component));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    cache.spoilt(&manifest, "others may write to it");
    if rustix::process::geteuid().is_root() {
        chown(&file, Some(12345), None).unwrap();
        cache.spoilt(&manifest, "belongs to user 12345");
    }
}

#[test]
fn a_record_that_says_something_else() {
    let cache = Cache::new();
    let manifest = cache.keep("1.0.0", &[]);
    let text = std::fs::read_to_string(cache.record()).unwrap();
    let other = Digest::of(b"other");
    for (odd, says) in [
        (text.replace("acme", "evil"), "something else"),
        (text.replace(manifest.as_str(), other.as_str()), "something else"),
        (text.replace(manifest.as_str(), "sha256:../../../etc/passwd"), "no record"),
        (text[..text.len() - 1].to_owned(), "no record"),
        (text.replace("[]", &format!("[\"{other}\"]")), "not there"),
    ] {
        std::fs::write(cache.record(), odd).unwrap();
        cache.spoilt(&manifest, says);
    }
}

#[test]
fn a_folder_that_is_not_ones_own_is_refused() {
    let cache = Cache::new();
    cache.keep("1.0.0", &[]);
    let refused = |says: &str| {
        let error = ElementStore::open(&cache.path()).unwrap_err();
        assert!(matches!(error, StoreError::Folder { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.help().unwrap().contains("--cache"));
    };
    let mode = |path: PathBuf, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for bits in [0o777, 0o750, 0o701] {
        mode(cache.folder(), bits);
        refused("so others get at it");
    }
    mode(cache.folder(), 0o700);
    // Who may write to the folder above it can put another one in its place.
    mode(cache.path(), 0o777);
    refused("others may write to");
    mode(cache.path(), 0o755);
    if rustix::process::geteuid().is_root() {
        chown(cache.folder(), Some(12345), None).unwrap();
        refused("belongs to user 12345");
        chown(cache.folder(), Some(0), None).unwrap();
    }
    let moved = cache.top.path().join("moved");
    std::fs::rename(cache.folder(), &moved).unwrap();
    symlink(&moved, cache.folder()).unwrap();
    refused("a symbolic link");
}

#[test]
fn what_a_killed_pull_left_is_not_used_and_goes() {
    let cache = Cache::new();
    let manifest = cache.keep("1.0.0", &[]);
    // Parts without a record are no element; a draft is nothing at all.
    std::fs::remove_file(cache.record()).unwrap();
    let draft = cache.folder().join(".draft-1-0");
    std::fs::write(&draft, &element("1.0.0").component[..5]).unwrap();
    assert_eq!(cache.store().pulled(&cache.repository, &manifest).unwrap(), None);
    assert!(!draft.exists());
    assert_eq!(cache.store().list().unwrap(), []);
    let (elements, bytes) = cache.store().collect(None, false).unwrap();
    assert!(elements == 0 && bytes > 0);
    assert!(!cache.file(&manifest).exists());
    cache.keep("1.0.0", &[]);
    assert!(cache.store().pulled(&cache.repository, &manifest).unwrap().is_some());
}

#[test]
fn many_pulls_at_once_of_one_element() {
    let server = Content::of(&element("1.0.0")).server();
    let host = server.address.to_string();
    let bench = Bench::new().plain(&host);
    let repository = Bench::repository(&host);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let kept = bench.pull(&repository, "1.0.0").unwrap();
                    assert_eq!(std::fs::read(&kept.path).unwrap(), element("1.0.0").component);
                }
            });
        }
    });
    assert_eq!(bench.store().list().unwrap().len(), 1);
    assert_eq!(bench.store().verify().unwrap(), <[String; 0]>::default());
    let names = std::fs::read_dir(bench.top.path().join("cache/pulled")).unwrap();
    let mut names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".lock");
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn what_nobody_used_goes_and_what_others_need_stays() {
    let cache = Cache::new();
    let (old, new) = (cache.keep("1.0.0", &[]), cache.keep("2.0.0", &[b"signature".to_vec()]));
    let store = cache.store();
    assert_eq!(store.collect(Some(Duration::from_secs(3600)), false).unwrap(), (0, 0));
    for entry in std::fs::read_dir(cache.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(&format!("-{}.json", old.hex())) {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(7200)).unwrap();
        }
    }
    let hour = Some(Duration::from_secs(3600));
    let (elements, bytes) = store.collect(hour, true).unwrap();
    assert!(elements == 1 && bytes > 0);
    assert!(store.pulled(&cache.repository, &old).unwrap().is_some(), "it was only said");
    // It was used by that.
    assert_eq!(store.collect(hour, false).unwrap(), (0, 0));
    assert!(store.pulled(&cache.repository, &new).unwrap().is_some());
}
