//! Steps that fetch: what is pinned, what is found, what is kept of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dibhost_element::simulated::Scene;
use dibhost_element::{Got, NotGot, RunAnswer};
use dibhost_plan::planner::ElementFailure;
use dibhost_plan::{Observed, Phase, Taint};
use dibhost_registry::{Allowed, Fetch, FetchError, Fetched, SimulatedFetch, Watch};

use crate::bench::{Bench, write};
use crate::journal::{Shared, Way, of_tree};
use crate::watched::Watched;

pub(crate) const FILE: &str = "https://example.org/file";
const REPOSITORY: &str = "https://example.org/x.git";
const COMMIT: &str = "1111111111111111111111111111111111111111";
const WRITE: [(&str, &str); 1] = [("rootfs", "write /")];

/// A file, and a repository with a branch `main`.
pub(crate) fn outside() -> SimulatedFetch {
    SimulatedFetch::default().file(FILE, "of outside").commit_at(
        REPOSITORY,
        "main",
        COMMIT,
        "an archive",
    )
}

fn watched<R>(scene: &Scene, job: impl FnOnce(&mut Watch<'_>) -> R) -> R {
    let deadline = Instant::now() + Duration::from_secs(60);
    job(&mut Watch { stops: scene.stops(), deadline, progress: &mut |_, _| {} })
}

fn failed(not_got: NotGot) -> ElementFailure {
    ElementFailure::new(not_got.to_string())
}

/// What a step of the element gets of a URL.
pub(crate) fn get(
    scene: &Scene,
    element: &str,
    url: &str,
    digest: Option<&str>,
) -> Result<Got, ElementFailure> {
    let remote = scene.remote.as_ref().expect("every step has a way outside");
    let allowed = Allowed::new(|_| true);
    watched(scene, |watch| remote.file(element, url, digest, 1 << 20, &allowed, watch))
        .map_err(failed)
}

/// What it gets of a branch of the repository.
pub(crate) fn commit(scene: &Scene, element: &str, revision: &str) -> Result<Got, ElementFailure> {
    let remote = scene.remote.as_ref().expect("every step has a way outside");
    watched(scene, |watch| remote.commit(element, REPOSITORY, revision, 1 << 20, watch))
        .map_err(failed)
}

/// What a step answers that got something.
fn having(got: &Got) -> RunAnswer {
    let tainted = got.found.then_some(Taint::Network).into_iter().collect();
    RunAnswer { observed: Observed { tainted, ..Observed::default() }, ..RunAnswer::done() }
}

impl std::fmt::Debug for Watched<Arc<SimulatedFetch>> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Shared {
    fn outside(&self, url: &str, call: String) -> Result<(), FetchError> {
        self.enter(call).map_err(|way| match way {
            Way::Hang => FetchError::Cancelled,
            Way::Error | Way::Full | Way::Death => FetchError::Unreachable {
                url: url.to_owned(),
                why: of_tree(way).to_string(),
                passing: false,
            },
        })
    }
}

impl Fetch for Watched<Arc<SimulatedFetch>> {
    fn get(
        &self,
        url: &str,
        digest: Option<&str>,
        most: u64,
        allowed: &Allowed,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, FetchError> {
        self.shared.outside(url, format!("get {url}"))?;
        self.inner.get(url, digest, most, allowed, watch)
    }

    fn resolve(&self, url: &str, name: &str, watch: &mut Watch<'_>) -> Result<String, FetchError> {
        self.shared.outside(url, format!("look-up {url} {name}"))?;
        self.inner.resolve(url, name, watch)
    }

    fn commit(
        &self,
        url: &str,
        commit: &str,
        most: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, FetchError> {
        self.shared.outside(url, format!("commit {url} {commit}"))?;
        self.inner.commit(url, commit, most, watch)
    }
}

fn digest(text: &str) -> String {
    let allowed = Allowed::new(|_| true);
    let deadline = Instant::now() + Duration::from_secs(60);
    let watch = &mut Watch { stops: &[], deadline, progress: &mut |_, _| {} };
    let world = SimulatedFetch::default().file("x", text);
    world.get("x", None, 1 << 20, &allowed, watch).unwrap().digest
}

/// A build in which `pinner` gets the file and the branch.
fn bench(outside: SimulatedFetch) -> (Bench, Arc<Mutex<Vec<bool>>>) {
    let mut bench = Bench::new();
    bench.outside = Arc::new(outside);
    let found: Arc<Mutex<Vec<bool>>> = Arc::default();
    let noted = Arc::clone(&found);
    bench.step("pinner", Phase::Install, &WRITE, move |scene| {
        let file = get(scene, "pinner", FILE, None)?;
        write(scene, "/srv/file", &String::from_utf8_lossy(&file.fetched.content))?;
        let archive = commit(scene, "pinner", "main")?;
        write(scene, "/srv/archive", &String::from_utf8_lossy(&archive.fetched.content))?;
        noted.lock().unwrap().extend([file.found, archive.found]);
        Ok(having(&file))
    });
    (bench, found)
}

#[test]
fn what_nobody_pinned_is_found_and_told_at_the_end() {
    let (bench, found) = bench(outside());
    let built = bench.build().ok();
    assert_eq!(built.read("/srv/file").unwrap(), "of outside");
    assert_eq!(built.read("/srv/archive").unwrap(), "an archive");
    assert_eq!(*found.lock().unwrap(), [true, true]);
    let pins = &built.result.as_ref().unwrap().pins["pinner"];
    let expected = [
        (format!("git {REPOSITORY} main"), format!("commit:{COMMIT}")),
        (FILE.to_owned(), digest("of outside")),
    ];
    assert_eq!(*pins, expected.into());
}

#[test]
fn what_is_pinned_is_got_again_and_no_other() {
    let (mut bench, found) = bench(outside());
    let pins = bench.build().ok().result.unwrap().pins;
    bench.plan.elements[0].pins = pins["pinner"].clone();
    // Nobody looks the branch up again.
    let later = SimulatedFetch::default()
        .file(FILE, "of outside")
        .commit_at(REPOSITORY, "main", &COMMIT.replace('1', "2"), "another archive")
        .commit_at(REPOSITORY, "old", COMMIT, "an archive");
    bench.outside = Arc::new(later);
    bench.locked = true;
    found.lock().unwrap().clear();
    let built = bench.build().ok();
    assert_eq!(built.read("/srv/archive").unwrap(), "an archive");
    assert_eq!(*found.lock().unwrap(), [false, false]);
    assert!(built.result.as_ref().unwrap().pins.is_empty());
    assert!(!built.calls.iter().any(|call| call.starts_with("look-up")), "{:?}", built.calls);

    bench.outside = Arc::new(SimulatedFetch::default().file(FILE, "exchanged"));
    let failure = bench.build();
    let failure = failure.failure();
    let (was, is) = (digest("of outside"), digest("exchanged"));
    assert!(failure.message.contains(&format!("pins {was}, and {is} was sent")), "{failure}");
    assert_eq!(failure.element.as_deref(), Some("pinner"));
}

#[test]
fn where_nothing_may_be_pinned_nothing_is_found() {
    let (mut bench, _) = bench(outside());
    bench.locked = true;
    let built = bench.build();
    assert!(built.failure().message.contains("`--locked` allows no new pin"), "{:?}", built.result);
    assert!(!built.calls.iter().any(|call| call.starts_with("get")), "{:?}", built.calls);
}

#[test]
fn one_build_has_one_file_under_one_name() {
    let (mut bench, _) = bench(outside());
    bench.jobs = 4;
    for name in ["one", "two", "three"] {
        bench.named_step("many", name, Phase::PostInstall, move |scene| {
            let got = get(scene, "many", FILE, None)?;
            write(scene, &format!("/srv/{name}"), &got.fetched.digest)?;
            Ok(having(&got))
        });
    }
    let built = bench.build().ok();
    let read = |name: &str| built.read(&format!("/srv/{name}")).unwrap();
    assert_eq!([read("one"), read("two"), read("three")], [(); 3].map(|()| digest("of outside")));
    assert_eq!(built.result.as_ref().unwrap().pins["many"].len(), 1);
}

#[test]
fn what_is_named_by_its_digest_is_no_pin() {
    let mut bench = Bench::new();
    bench.outside = Arc::new(outside());
    bench.locked = true;
    let wanted = digest("of outside");
    bench.step("knower", Phase::Install, &WRITE, move |scene| {
        let got = get(scene, "knower", FILE, Some(&wanted))?;
        let archive = commit(scene, "knower", COMMIT)?;
        assert!(!got.found && !archive.found);
        write(scene, "/srv/file", &String::from_utf8_lossy(&got.fetched.content))?;
        Ok(RunAnswer::done())
    });
    let built = bench.build().ok();
    assert_eq!(built.read("/srv/file").unwrap(), "of outside");
    assert!(built.result.as_ref().unwrap().pins.is_empty());
}
