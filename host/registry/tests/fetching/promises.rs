//! What is promised of [`Fetch`], kept by the real one and by its twin.

use std::time::{Duration, Instant};

use dibhost_registry::{Allowed, Fetch, FetchError, SimulatedFetch, Watch};
use dibhost_sys::Cancel;

use crate::bench::{Bench, MOST, digest};
use crate::repositories::Repository;
use crate::server::{Server, git, redirect, status, whole};

const CONTENT: &[u8] = b"some bytes";

/// Both, and the URL that they know.
fn both(test: impl Fn(&dyn Fetch, &str)) {
    let server = Server::start(|request, wire, _| match request.path.as_str() {
        "/file" => whole(wire, CONTENT),
        "/here" => redirect(wire, "/file"),
        "/there" => redirect(wire, "http://elsewhere.invalid/file"),
        _ => status(wire, "404 Not Found"),
    });
    let url = server.url("");
    let twin = SimulatedFetch::default()
        .file(&format!("{url}/file"), CONTENT)
        .redirect(&format!("{url}/here"), &format!("{url}/file"))
        .redirect(&format!("{url}/there"), "http://elsewhere.invalid/file");
    test(&*Bench::new().fetcher, &url);
    test(&twin, &url);
}

fn watched<R>(cancel: &Cancel, seconds: u64, job: impl FnOnce(&mut Watch<'_>) -> R) -> R {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    job(&mut Watch { stops: std::slice::from_ref(cancel), deadline, progress: &mut |_, _| {} })
}

fn get(
    fetch: &dyn Fetch,
    url: &str,
    digest: Option<&str>,
    most: u64,
) -> Result<Vec<u8>, FetchError> {
    let allowed = Allowed::new(|host| host == "127.0.0.1");
    let fetched =
        watched(&Cancel::new(), 60, |watch| fetch.get(url, digest, most, &allowed, watch));
    fetched.map(|fetched| {
        assert_eq!(fetched.digest, self::digest(&fetched.content));
        fetched.content
    })
}

#[test]
fn bytes_are_those_of_the_digest_or_none() {
    both(|fetch, url| {
        let (file, wanted) = (format!("{url}/file"), digest(CONTENT));
        assert_eq!(get(fetch, &file, Some(&wanted), MOST).unwrap(), CONTENT);
        assert_eq!(get(fetch, &file, None, MOST).unwrap(), CONTENT);
        let error = get(fetch, &file, Some(&digest(b"x")), MOST).unwrap_err();
        assert!(matches!(error, FetchError::Digest { .. }), "{error}");
        // By its digest it needs nobody any more.
        assert_eq!(get(fetch, "http://127.0.0.1:1/x", Some(&wanted), MOST).unwrap(), CONTENT);
    });
}

#[test]
fn bounds_redirects_and_absence_are_told_apart() {
    both(|fetch, url| {
        let error =
            |path: &str, most| get(fetch, &format!("{url}/{path}"), None, most).unwrap_err();
        assert!(matches!(error("file", 3), FetchError::TooLarge { most: 3, .. }));
        assert!(matches!(error("absent", MOST), FetchError::Status { absent: true, .. }));
        let there = error("there", MOST);
        let FetchError::Redirect { host, .. } = there else { panic!("{there}") };
        assert_eq!(host.as_deref(), Some("elsewhere.invalid"));
        assert_eq!(get(fetch, &format!("{url}/here"), None, MOST).unwrap(), CONTENT);
    });
}

#[test]
fn nothing_begins_after_the_end() {
    both(|fetch, url| {
        let cancelled = Cancel::new();
        cancelled.cancel();
        let allowed = Allowed::new(|_| true);
        let file = format!("{url}/file");
        let error = watched(&cancelled, 60, |watch| fetch.get(&file, None, MOST, &allowed, watch));
        assert!(matches!(error, Err(FetchError::Cancelled)), "{error:?}");
        let error =
            watched(&Cancel::new(), 0, |watch| fetch.get(&file, None, MOST, &allowed, watch));
        assert!(matches!(error, Err(FetchError::Time)), "{error:?}");
        let error = watched(&cancelled, 60, |watch| fetch.resolve(&file, "main", watch));
        assert!(matches!(error, Err(FetchError::Cancelled)), "{error:?}");
        let commit = "1".repeat(40);
        let error = watched(&cancelled, 60, |watch| fetch.commit(&file, &commit, MOST, watch));
        assert!(matches!(error, Err(FetchError::Cancelled)), "{error:?}");
    });
}

#[test]
fn a_branch_is_a_commit_and_a_commit_is_an_archive() {
    let repository = Repository::new();
    let commit = repository.commit(&[("file", "text\n")], "first");
    let folder = repository.folder.path().to_owned();
    let server = Server::start(move |request, wire, _| git(&folder, request, wire));
    let url = server.url("/repository");
    let bench = Bench::new();
    let archive = bench.commit(&url, &commit, MOST).unwrap().content;
    let twin = SimulatedFetch::default().commit_at(&url, "main", &commit, archive.clone());
    let fetches: [&dyn Fetch; 2] = [&*bench.fetcher, &twin];
    for fetch in fetches {
        let now = Cancel::new();
        assert_eq!(watched(&now, 60, |watch| fetch.resolve(&url, "main", watch)).unwrap(), commit);
        let error = watched(&now, 60, |watch| fetch.resolve(&url, "none", watch)).unwrap_err();
        assert!(matches!(error, FetchError::NoRevision { what: "branch or tag", .. }), "{error}");
        let fetched = watched(&now, 60, |watch| fetch.commit(&url, &commit, MOST, watch)).unwrap();
        assert_eq!(fetched.content, archive);
        let error = watched(&now, 60, |watch| fetch.commit(&url, &commit, 10, watch)).unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { most: 10, .. }), "{error}");
        let other = "1".repeat(40);
        let error = watched(&now, 60, |watch| fetch.commit(&url, &other, MOST, watch)).unwrap_err();
        assert!(matches!(error, FetchError::NoRevision { what: "commit", .. }), "{error}");
    }
}
