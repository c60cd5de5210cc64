//! Signatures, digests, and repositories that fail.

use std::net::TcpListener;
use std::path::Path;

use dibhost_packages::dnf::Dnf;
use dibhost_packages::{PackageError, PackageManager as _};
use dibhost_sys::Cancel;

use crate::served::serve;
use crate::shaped::Shaped;
use crate::{fetch, first, folder, solve};

/// What comes of fetching a package of the distribution.
fn fetching(name: &str) -> PackageError {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut dnf = shaped.manager(folder.path());
    let mut resolution = solve(&mut dnf, &first(&[name])).unwrap();
    resolution.packages.retain(|p| p.name == name);
    fetch(&mut dnf, &resolution).unwrap_err()
}

#[test]
fn a_package_that_no_key_signed_is_refused() {
    for name in ["unsigned", "otherwise-signed"] {
        let error = fetching(name);
        assert!(matches!(error, PackageError::PackageSignature { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(&format!("`{name}-1-1.noarch.rpm` is not signed well")), "{said}");
        assert!(said.contains("repository `shaped`"), "{said}");
    }
}

#[test]
fn a_package_is_held_to_the_keys_of_its_own_repository() {
    // One lies below the other, whose keys are none of its business.
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut own = shaped.options(folder.path());
    let mut above = own.repositories[0].clone();
    above.name = "above".to_owned();
    above.url = format!("copy:{}", folder.path().join("above").display());
    own.repositories[0].url = format!("{}/below", above.url);
    let below = folder.path().join("above/below");
    std::fs::create_dir_all(below.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(shaped.repository(), &below).unwrap();
    for name in ["repodata", "Packages"] {
        let to = folder.path().join("above").join(name);
        std::os::unix::fs::symlink(shaped.repository().join(name), to).unwrap();
    }
    own.unsigned_indexes.insert("above".to_owned());
    above.keys = vec![shaped.other_key.clone()];
    own.repositories.push(above);
    let mut dnf = Dnf::new(own).unwrap();
    let mut resolution = solve(&mut dnf, &first(&["advised"])).unwrap();
    resolution.packages.retain(|p| p.name == "advised");
    for (part, good) in [("above/below", true), ("above", false)] {
        let at = folder.path().join(part).join("Packages/advised-1-1.noarch.rpm");
        resolution.packages[0].url = format!("copy:{}", at.display());
        assert_eq!(fetch(&mut dnf, &resolution).is_ok(), good, "{part}");
    }
    resolution.packages[0].url = "copy:/elsewhere/advised-1-1.noarch.rpm".to_owned();
    let said = fetch(&mut dnf, &resolution).unwrap_err().to_string();
    assert!(said.contains("`advised-1-1.noarch.rpm` is of no repository that has a key"), "{said}");
}

#[test]
fn a_package_that_was_changed_is_refused() {
    let error = fetching("altered");
    assert!(matches!(error, PackageError::Corrupt(_)), "{error:?}");
}

#[test]
fn a_cached_package_that_was_changed_is_fetched_again() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut dnf = shaped.manager(folder.path());
    let mut resolution = solve(&mut dnf, &first(&["advised"])).unwrap();
    resolution.packages.retain(|p| p.name == "advised");
    fetch(&mut dnf, &resolution).unwrap();
    let kept = folder.path().join(format!("cache/packages/{}.rpm", resolution.packages[0].sha256));
    let good = std::fs::read(&kept).unwrap();
    let mut bad = good.clone();
    bad[200] ^= 1;
    std::fs::remove_file(&kept).unwrap();
    std::fs::write(&kept, &bad).unwrap();
    fetch(&mut dnf, &resolution).unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), good);
}

/// What comes of a repository that was changed, and of reading it by these options.
fn refreshed(
    change: impl Fn(&Shaped),
    options: impl Fn(&Shaped, &mut dibhost_packages::rpm::RpmOptions),
) -> Result<(), PackageError> {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    change(&shaped);
    let mut own = shaped.options(folder.path());
    options(&shaped, &mut own);
    Dnf::new(own).unwrap().refresh(&Cancel::new())
}

fn alter(file: &Path) {
    let mut text = std::fs::read_to_string(file).unwrap();
    text = text.replacen("<revision>1", "<revision>2", 1);
    std::fs::write(file, text).unwrap();
}

#[test]
fn an_index_that_was_changed_is_refused() {
    let change = |shaped: &Shaped| alter(&shaped.repository().join("repodata/repomd.xml"));
    let error = refreshed(change, |_, _| ()).unwrap_err();
    assert!(matches!(error, PackageError::IndexSignature { .. }), "{error:?}");
    assert!(error.to_string().contains("the signature is of something else: BADSIG"), "{error}");
}

#[test]
fn an_index_that_another_key_signed_is_refused() {
    let other = |shaped: &Shaped, own: &mut dibhost_packages::rpm::RpmOptions| {
        own.repositories[0].keys = vec![shaped.other_key.clone()];
    };
    let error = refreshed(|_| (), other).unwrap_err();
    assert!(matches!(error, PackageError::IndexSignature { .. }), "{error:?}");
    assert!(error.to_string().contains("it is signed by another key: ERRSIG"), "{error}");
    // One of several is enough.
    let both = |shaped: &Shaped, own: &mut dibhost_packages::rpm::RpmOptions| {
        own.repositories[0].keys.insert(0, shaped.other_key.clone());
    };
    refreshed(|_| (), both).unwrap();
}

#[test]
fn an_index_without_a_signature_is_taken_only_where_that_is_said() {
    let change = |shaped: &Shaped| {
        std::fs::remove_file(shaped.repository().join("repodata/repomd.xml.asc")).unwrap();
    };
    let error = refreshed(change, |_, _| ()).unwrap_err();
    assert!(matches!(error, PackageError::IndexSignature { .. }), "{error:?}");
    assert!(error.to_string().contains("it has no signature, `repomd.xml.asc`"), "{error}");
    let unsigned = |_: &Shaped, own: &mut dibhost_packages::rpm::RpmOptions| {
        own.unsigned_indexes.insert("shaped".to_owned());
    };
    refreshed(change, unsigned).unwrap();
}

#[test]
fn packages_are_held_to_their_signatures_where_the_index_has_none() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let mut own = shaped.options(folder.path());
    own.unsigned_indexes.insert("shaped".to_owned());
    own.repositories[0].keys = vec![shaped.other_key.clone()];
    let mut dnf = Dnf::new(own).unwrap();
    let mut resolution = solve(&mut dnf, &first(&["advised"])).unwrap();
    resolution.packages.retain(|p| p.name == "advised");
    let error = fetch(&mut dnf, &resolution).unwrap_err();
    assert!(matches!(error, PackageError::PackageSignature { .. }), "{error:?}");
}

#[test]
fn an_index_whose_files_are_others_is_refused() {
    let change = |shaped: &Shaped| {
        let all = std::fs::read_dir(shaped.repository().join("repodata")).unwrap();
        let primary = all
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.to_string_lossy().ends_with("-primary.xml.gz"))
            .unwrap();
        let mut content = std::fs::read(&primary).unwrap();
        let last = content.len() - 1;
        content[last] ^= 1;
        std::fs::write(primary, content).unwrap();
    };
    let error = refreshed(change, |_, _| ()).unwrap_err();
    assert!(matches!(error, PackageError::Corrupt(_)), "{error:?}");
}

/// What comes of a repository at this address.
fn at(url: &str) -> PackageError {
    refreshed(|_| (), |_, own| own.repositories[0].url = url.to_owned()).unwrap_err()
}

#[test]
fn a_repository_that_cannot_be_had_is_told_as_that() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = at(&format!("http://127.0.0.1:{port}/os"));
    assert!(matches!(error, PackageError::Unreachable(_)), "{error:?}");
    let error = at(&serve("os", |_| ("404 Not Found", Vec::new())));
    assert!(matches!(error, PackageError::NotInRepository { .. }), "{error:?}");
    assert!(error.to_string().contains("the repository `shaped` does not have"), "{error}");
}

#[test]
fn what_is_no_index_is_refused_though_it_is_signed_by_nobody() {
    let url = serve("os", |_| ("200 OK", b"<html>Welcome to this hotel</html>".to_vec()));
    let unsigned = |_: &Shaped, own: &mut dibhost_packages::rpm::RpmOptions| {
        own.unsigned_indexes.insert("shaped".to_owned());
        own.repositories[0].url.clone_from(&url);
    };
    let error = refreshed(|_| (), unsigned).unwrap_err();
    assert!(error.to_string().contains("it is no `repomd.xml`"), "{error}");
}

#[test]
fn who_has_the_indexes_knows_where_newer_ones_would_be() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let repository = shaped.repository();
    let url = serve("os", move |path| {
        match std::fs::read(repository.join(path.trim_start_matches("/os/"))) {
            Ok(content) => ("200 OK", content),
            Err(_) => ("404 Not Found", Vec::new()),
        }
    });
    let mut own = shaped.options(folder.path());
    own.repositories[0].url = format!("{url}/");
    let mut dnf = Dnf::new(own).unwrap();
    assert!(dnf.indexes().is_err() && dnf.known_indexes().is_empty());
    let mut resolution = solve(&mut dnf, &first(&["advised"])).unwrap();
    resolution.packages.retain(|p| p.name == "advised");
    fetch(&mut dnf, &resolution).unwrap();
    let before = dnf.indexes().unwrap();
    let known = dnf.known_indexes();
    // Where the builder's apt goes by a proxy, nobody else is told a way.
    if let [known] = known.as_slice() {
        assert_eq!(known.url, format!("{url}/repodata/repomd.xml"));
    }
    dnf.refresh(&Cancel::new()).unwrap();
    assert_eq!(dnf.indexes().unwrap(), before);
    shaped.offer(&dibhost_packages::simulated::Offer::new("more", "1", &[]));
    dnf.refresh(&Cancel::new()).unwrap();
    assert_ne!(dnf.indexes().unwrap(), before);
}

#[test]
fn a_full_disk_under_the_cache_is_told_as_that() {
    const SMALL: &str = "DIBHOST_TEST_SMALL_CACHE";
    if let Ok(small) = std::env::var(SMALL) {
        let (shaped, folder) = (Shaped::new(&[]), folder());
        let mut own = shaped.options(folder.path());
        own.cache = small.into();
        let error = Dnf::new(own).unwrap().refresh(&Cancel::new()).unwrap_err();
        assert!(matches!(error, PackageError::NoSpace { .. }), "{error:?}");
        return;
    }
    let small = folder();
    let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" && exec \"$2\" --exact trust::a_full_disk_under_the_cache_is_told_as_that --nocapture";
    let status = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(small.path())
        .arg(std::env::current_exe().unwrap())
        .env(SMALL, small.path())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn two_builds_share_a_cache_at_once() {
    let (shaped, folder) = (Shaped::new(&[]), folder());
    let options = ["one", "two"].map(|build| {
        let mut own = shaped.options(&folder.path().join(build));
        own.cache = folder.path().join("cache");
        own
    });
    std::thread::scope(|scope| {
        for own in options {
            scope.spawn(move || {
                let placed = own.packages.clone();
                let mut dnf = Dnf::new(own).unwrap();
                let resolution = solve(&mut dnf, &first(&[])).unwrap();
                fetch(&mut dnf, &resolution).unwrap();
                assert_eq!(std::fs::read_dir(placed).unwrap().count(), resolution.packages.len());
            });
        }
    });
}
