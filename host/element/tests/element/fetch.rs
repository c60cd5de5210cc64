//! Bytes from outside: what is granted, pinned, bounded, and what becomes of them.

use std::sync::Arc;

use dibhost_definition::Limit;
use dibhost_plan::Taint;
use dibhost_registry::{Fetch, Fetcher, Found, Outside, Pins, SimulatedFetch};

use super::common::Guest;
use super::*;

const FILE: &str = "https://example.org/file";
const REPOSITORY: &str = "https://example.org/x.git";
const COMMIT: &str = "1111111111111111111111111111111111111111";
/// Of `of outside`.
const DIGEST: &str = "sha256:bc73e1fd7bdac9b9b3ac2d0d2cdfc7f9e9a7cd1c6bd8e3ae0a3d2e1a30a05d5e";

const FROM: [(&str, &str); 2] = [("fetch", "example.org"), ("rootfs", "write /")];
const UNPINNED: [(&str, &str); 3] =
    [("fetch", "example.org"), ("fetch", "unpinned"), ("rootfs", "write /")];

/// A tar archive of one file.
fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(5);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "x-1/bin/tool", &b"tool\n"[..]).unwrap();
    archive.into_inner().unwrap()
}

fn outside() -> SimulatedFetch {
    SimulatedFetch::default()
        .file(FILE, "of outside")
        .redirect("https://example.org/away", "https://elsewhere.example/file")
        .file("https://elsewhere.example/file", "of elsewhere")
        .commit_at(REPOSITORY, "main", COMMIT, archive())
}

/// An element that may reach that world, where this is pinned.
fn bench(guest: &Guest, pins: &[(&str, &str)], closed: bool) -> (Bench, Arc<SimulatedFetch>) {
    let mut bench = Bench::with(guest);
    let pinned = pins.iter().map(|(asked, is)| ((*asked).to_owned(), (*is).to_owned()));
    let known = Found::from([(guest.name.clone(), pinned.collect())]);
    let outside = Arc::new(outside());
    bench.remote =
        Some(Remote { fetch: outside.clone(), pins: Arc::new(Pins::new(known, closed)) });
    (bench, outside)
}

/// What the element found, beside what was pinned.
fn found(bench: &Bench) -> BTreeMap<String, String> {
    bench.remote.as_ref().unwrap().pins.found().remove("x").unwrap_or_default()
}

fn tainted(answer: &RunAnswer) -> Vec<Taint> {
    answer.observed.tainted.iter().copied().collect()
}

/// The digest that the twin gives the file.
fn digest() -> String {
    let (bench, _) = bench(&Guest::new("x").run(|m| m.fetch(FILE)), &[], false);
    bench.run("x", &grants(&UNPINNED)).unwrap();
    found(&bench)[FILE].clone()
}

#[test]
fn a_host_and_what_has_no_digest_are_granted_apart() {
    let (bench, outside) = bench(&Guest::new("x").run(|m| m.fetch(FILE)), &[], false);
    let failure = bench.run("x", &grants(&[("fetch", "unpinned")])).unwrap_err();
    assert!(failure.message.starts_with("`fetch` of `example.org` is not granted"), "{failure}");
    // Not by any pattern of hosts.
    for hosts in ["example.org", "*"] {
        let failure = bench.run("x", &grants(&[("fetch", hosts)])).unwrap_err();
        assert!(failure.message.starts_with("`fetch` of `unpinned` is not granted"), "{failure}");
    }
    assert!(outside.asked().is_empty());
    let branch = Guest::new("x").run(|m| m.fetch_commit(REPOSITORY, "main"));
    let (bench, outside) = self::bench(&branch, &[], false);
    let failure = bench.run("x", &grants(&FROM)).unwrap_err();
    assert!(failure.message.starts_with("`fetch` of `unpinned` is not granted"), "{failure}");
    assert!(outside.asked().is_empty());
}

#[test]
fn nothing_is_fetched_while_planning_or_where_there_is_no_way_outside() {
    let (bench, outside) = bench(&Guest::new("x").plan(|m| m.fetch(FILE)), &[], false);
    let failure = bench.plan("x", &grants(&UNPINNED)).unwrap_err();
    assert!(failure.message.contains("nothing can be fetched while planning"), "{failure}");
    assert!(outside.asked().is_empty());
    let nowhere = Bench::with(&Guest::new("x").run(|m| m.fetch(FILE)));
    let failure = nowhere.run("x", &grants(&UNPINNED)).unwrap_err();
    assert!(failure.message.contains("was given no way outside"), "{failure}");
}

#[test]
fn what_is_malformed_is_asked_of_nobody() {
    for (url, says) in [
        ("file:///etc/passwd", "starts with neither `http://` nor"),
        ("https://user:x@example.org/", "has a user or a password"),
        ("https://example.org/x#y", "has a `#` in it"),
        ("https://example.org/../x", "has `.` or `..`"),
    ] {
        let (bench, outside) = bench(&Guest::new("x").run(move |m| m.fetch(url)), &[], false);
        let failure = bench.run("x", &grants(&[("fetch", "*"), ("fetch", "unpinned")]));
        let failure = failure.unwrap_err();
        assert!(failure.message.contains(says), "{url}: {failure}");
        assert!(outside.asked().is_empty());
    }
    let odd = Guest::new("x").run(|m| m.fetch_digest(FILE, "sha256:../x"));
    let failure = bench(&odd, &[], false).0.run("x", &grants(&FROM)).unwrap_err();
    assert!(failure.message.contains("the digest `sha256:../x` has not 64"), "{failure}");
    let odd = Guest::new("x").run(|m| m.fetch_commit(REPOSITORY, "--upload-pack=x"));
    let failure = bench(&odd, &[], false).0.run("x", &grants(&UNPINNED)).unwrap_err();
    assert!(failure.message.contains("the revision `--upload-pack=x` starts with"), "{failure}");
}

#[test]
fn what_is_known_by_its_digest_is_placed_and_taints_nothing() {
    let digest = digest();
    let wanted = digest.clone();
    let guest = Guest::new("x").run(move |m| {
        let got = m.fetch_digest(FILE, &wanted);
        m.place_blob(&got, "/srv/file")
    });
    let (bench, _) = bench(&guest, &[], true);
    let mut target = target();
    std::fs::create_dir_all(target.tree().join("srv")).unwrap();
    let answer = bench.run_on("x", &grants(&FROM), &mut target, &mut Heard::default()).unwrap();
    assert_eq!(std::fs::read(target.tree().join("srv/file")).unwrap(), b"of outside");
    assert_eq!((tainted(&answer), found(&bench)), (vec![], BTreeMap::new()));

    let other = Guest::new("x").run(|m| m.fetch_digest(FILE, DIGEST));
    let failure = self::bench(&other, &[], false).0.run("x", &grants(&FROM)).unwrap_err();
    assert!(
        failure.message.contains(&format!("{DIGEST} is wanted, and {digest} was sent")),
        "{failure}"
    );
}

#[test]
fn what_has_no_digest_is_found_and_then_pinned() {
    let guest = Guest::new("x").run(|m| m.fetch(FILE));
    let (bench, _) = bench(&guest, &[], false);
    let answer = bench.run("x", &grants(&UNPINNED)).unwrap();
    assert_eq!(tainted(&answer), [Taint::Network]);
    let digest = digest();
    assert_eq!(found(&bench), [(FILE.to_owned(), digest.clone())].into());

    // The next build, where nothing else may be found.
    let (bench, _) = self::bench(&guest, &[(FILE, &digest)], true);
    let answer = bench.run("x", &grants(&UNPINNED)).unwrap();
    assert_eq!((tainted(&answer), found(&bench)), (vec![], BTreeMap::new()));

    let (bench, _) = self::bench(&guest, &[(FILE, DIGEST)], false);
    let failure = bench.run("x", &grants(&UNPINNED)).unwrap_err();
    let says =
        format!("`{FILE}` is not what it was: `dib.lock` pins {DIGEST}, and {digest} was sent");
    assert_eq!(failure.message, says);
    assert!(failure.help.unwrap().contains("delete this line of `pins`"));

    let (bench, outside) = self::bench(&guest, &[], true);
    let failure = bench.run("x", &grants(&UNPINNED)).unwrap_err();
    assert!(failure.message.contains("`--locked` allows no new pin"), "{failure}");
    assert!(outside.asked().is_empty());
}

#[test]
fn a_branch_is_pinned_as_its_commit_and_unpacked() {
    let guest = Guest::new("x").run(|m| {
        let got = m.fetch_commit(REPOSITORY, "main");
        m.unpack(&got, "/opt/x", 1)
    });
    let asked = format!("git {REPOSITORY} main");
    let pin = format!("commit:{COMMIT}");
    let (bench, _) = bench(&guest, &[], false);
    let mut target = target();
    let answer = bench.run_on("x", &grants(&UNPINNED), &mut target, &mut Heard::default()).unwrap();
    let tool = target.tree().join("opt/x/bin/tool");
    assert_eq!(std::fs::read(&tool).unwrap(), b"tool\n");
    assert_eq!(tainted(&answer), [Taint::Network]);
    assert_eq!(found(&bench), [(asked.clone(), pin.clone())].into());

    let (bench, outside) = self::bench(&guest, &[(&asked, &pin)], true);
    let answer = bench.run("x", &grants(&UNPINNED)).unwrap();
    assert_eq!(tainted(&answer), []);
    assert_eq!(outside.asked(), [format!("{REPOSITORY} {COMMIT}")]);

    let exact = Guest::new("x").run(|m| m.fetch_commit(REPOSITORY, COMMIT));
    let (bench, _) = self::bench(&exact, &[], true);
    assert_eq!(tainted(&bench.run("x", &grants(&FROM)).unwrap()), []);
}

#[test]
fn a_redirect_needs_a_grant_of_its_own() {
    let guest = Guest::new("x").run(|m| m.fetch("https://example.org/away"));
    let (bench, _) = bench(&guest, &[], false);
    let failure = bench.run("x", &grants(&UNPINNED)).unwrap_err();
    assert!(failure.message.contains("on a host that is not granted"), "{failure}");
    assert!(failure.help.unwrap().contains("`fetch` of `elsewhere.example`"));
    let more = [&UNPINNED[..], &[("fetch", "elsewhere.example")]].concat();
    bench.run("x", &grants(&more)).unwrap();
}

#[test]
fn what_is_larger_than_the_room_for_blobs_ends_the_step() {
    let guest = Guest::new("x").run(|m| m.fetch(FILE));
    let (mut bench, _) = bench(&guest, &[], false);
    bench.limits = Limits::default().with(Limit::Blobs, 4);
    let failure = bench.run("x", &grants(&UNPINNED)).unwrap_err();
    assert!(failure.message.contains("hold more than 4 B of blobs"), "{failure}");
    assert!(failure.help.unwrap().contains("blobs ="));
}

#[test]
fn what_is_not_there_is_an_answer_and_taints_what_is_made_of_it() {
    // A log line is the last call: the step goes on without the file.
    let guest = Guest::new("x").run(|m| {
        let got = m.fetch("https://example.org/none");
        let value = m.provide("x:y@1", "k", "\"without\"");
        format!("{got} {value}")
    });
    let guest = guest.provides(("x:y@1", 2, 1, Some("{\"type\": \"string\"}")));
    let (bench, _) = bench(&guest, &[], false);
    let answer = bench.run("x", &grants(&UNPINNED)).unwrap();
    assert_eq!(tainted(&answer), [Taint::Network]);
    let plain = Guest::new("x").run(|m| m.fetch("https://example.org/none"));
    let failure = self::bench(&plain, &[], false).0.run("x", &grants(&UNPINNED)).unwrap_err();
    let says = "`https://example.org/none` could not be fetched: the server answered 404 Not Found";
    assert_eq!(failure.message, says);
}

#[test]
fn a_step_is_heard_while_it_fetches() {
    let (bench, _) = bench(&Guest::new("x").run(|m| m.fetch(FILE)), &[], false);
    let mut heard = Heard::default();
    bench.run_on("x", &grants(&UNPINNED), &mut target(), &mut heard).unwrap();
    assert_eq!(heard.spans, [format!("fetch {FILE}")]);
}

/// Answers one request with these bytes.
fn serve(content: Vec<u8>) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x.tar.gz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = BufReader::new(client.try_clone().unwrap()).lines();
        while request.next().unwrap().unwrap() != "" {}
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(&content).unwrap();
    });
    url
}

#[test]
fn a_packed_archive_comes_from_a_real_server_into_the_tree_once() {
    use std::io::Write as _;

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&archive()).unwrap();
    let url = serve(packed.finish().unwrap());
    let kept = tempfile::tempdir().unwrap();
    let work = kept.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let fetcher = Fetcher::open(&kept.path().join("fetched"), &work, Outside::default()).unwrap();
    let fetch: Arc<dyn Fetch> = Arc::new(fetcher);
    let element = |pin: Option<String>| {
        let guest = Guest::new("x").run({
            let url = url.clone();
            move |m| {
                let got = m.fetch(&url);
                m.unpack(&got, "/opt/x", 1)
            }
        });
        let known = pin.map(|pin| BTreeMap::from([(url.clone(), pin)])).unwrap_or_default();
        let pins = Arc::new(Pins::new(Found::from([("x".to_owned(), known)]), false));
        let remote = Some(Remote { fetch: Arc::clone(&fetch), pins });
        Bench { remote, ..Bench::with(&guest) }
    };
    let local = [("fetch", "127.0.0.1"), ("fetch", "unpinned"), ("rootfs", "write /")];
    let first = element(None);
    first.run("x", &grants(&local)).unwrap();
    // The server is gone: by its pin the file is there.
    let second = element(found(&first).remove(&url));
    let mut target = target();
    let answer = second.run_on("x", &grants(&local), &mut target, &mut Heard::default()).unwrap();
    assert_eq!(tainted(&answer), []);
    assert_eq!(std::fs::read(target.tree().join("opt/x/bin/tool")).unwrap(), b"tool\n");
    let third = element(None);
    let failure = third.run("x", &grants(&local)).unwrap_err();
    assert!(failure.message.contains("could not be fetched"), "{failure}");
}
