//! Files by HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dibhost_registry::{FetchError, Outside, Patience};

use crate::bench::{Bench, MOST, SOON, digest, hasty, patient};
use crate::server::{Proxy, Server, redirect, status, whole};

const CONTENT: &[u8] = b"some bytes from outside";

#[test]
fn a_file_is_fetched_once_and_then_it_is_there() {
    let server = Server::of(CONTENT);
    let bench = Bench::new();
    let fetched = bench.get(&server.url("/x?y=1"), Some(&digest(CONTENT))).unwrap();
    assert_eq!((fetched.content.as_slice(), fetched.digest), (CONTENT, digest(CONTENT)));
    let request = &server.requests()[0];
    assert_eq!(request.path, "/x?y=1");
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let url = server.url("/x");
    drop(server);
    let again = bench.get(&url, Some(&digest(CONTENT))).unwrap();
    assert_eq!(again.content, CONTENT);
    assert_eq!(bench.names("work"), <[&str; 0]>::default());
}

#[test]
fn what_was_spoilt_in_the_store_is_fetched_anew() {
    let server = Server::of(CONTENT);
    let bench = Bench::new();
    let (url, wanted) = (server.url("/x"), digest(CONTENT));
    bench.get(&url, Some(&wanted)).unwrap();
    std::fs::write(bench.kept(&wanted), "some bytes from inside.").unwrap();
    assert_eq!(bench.get(&url, Some(&wanted)).unwrap().content, CONTENT);
    assert_eq!(std::fs::read(bench.kept(&wanted)).unwrap(), CONTENT);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_nobody_knows_the_digest_of_is_asked_for_each_time() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |_, wire, _| {
        let content = format!("version {}", count.fetch_add(1, Ordering::SeqCst));
        whole(wire, content.as_bytes())
    });
    let bench = Bench::new();
    assert_eq!(bench.get(&server.url("/x"), None).unwrap().content, b"version 0");
    let second = bench.get(&server.url("/x"), None).unwrap();
    assert_eq!(second.content, b"version 1");
    // By the digest that was found it is there.
    assert_eq!(bench.get("http://127.0.0.1:1/", Some(&second.digest)).unwrap(), second);
}

#[test]
fn bytes_that_are_not_those_that_were_asked_for() {
    let server = Server::of(b"other bytes");
    let bench = Bench::new();
    let wanted = digest(CONTENT);
    let error = bench.get(&server.url("/x"), Some(&wanted)).unwrap_err();
    let said = error.to_string();
    assert!(said.contains(&wanted) && said.contains(&digest(b"other bytes")), "{said}");
    assert!(error.help().unwrap().contains("exchanged"));
    bench.assert_nothing_left();
}

#[test]
fn a_server_may_lead_to_what_is_granted() {
    let server = Server::start(|request, wire, _| match request.path.as_str() {
        "/a" => redirect(wire, "b?c"),
        "/b?c" => redirect(wire, "/d#e"),
        "/d" => whole(wire, CONTENT),
        _ => status(wire, "404 Not Found"),
    });
    let bench = Bench::new();
    assert_eq!(bench.get(&server.url("/a"), None).unwrap().content, CONTENT);
    assert_eq!(server.paths(), ["/a", "/b?c", "/d"]);
}

#[test]
fn a_redirect_to_a_host_that_is_not_granted() {
    let elsewhere = Server::of(CONTENT);
    let to = elsewhere.by_name("/x");
    let server = Server::start(move |_, wire, _| redirect(wire, &to));
    let bench = Bench::new();
    let error = bench.get(&server.url("/x"), Some(&digest(CONTENT))).unwrap_err();
    assert!(error.to_string().contains("on a host that is not granted"), "{error}");
    let FetchError::Redirect { host, .. } = error else { panic!("{error}") };
    assert_eq!(host.as_deref(), Some("localhost"));
    assert!(elsewhere.requests().is_empty());
    bench.assert_nothing_left();
}

#[test]
fn a_redirect_to_what_is_no_place_for_it() {
    for (to, says) in [
        ("file:///etc/passwd", "starts with neither"),
        ("ftp://127.0.0.1/x", "starts with neither"),
        ("http://user:password@127.0.0.1/x", "has a user or a password"),
        ("http://", "is no URL"),
        ("//[", "is no URL"),
        ("data:text/plain,x", "starts with neither"),
        ("/loop", "go round in a circle"),
    ] {
        let server = Server::start(move |_, wire, _| redirect(wire, to));
        let bench = Bench::new();
        let error = bench.get(&server.url("/x"), None).unwrap_err();
        assert!(matches!(error, FetchError::Redirect { .. }), "{to}: {error}");
        assert!(error.to_string().contains(says), "{to}: {error}");
        assert!(server.requests().len() <= 11);
        bench.assert_nothing_left();
    }
    let nowhere = Server::start(|_, wire, _| status(wire, "302 Found"));
    let error = Bench::new().get(&nowhere.url("/x"), None).unwrap_err();
    assert!(error.to_string().contains("answered 302"), "{error}");
}

#[test]
fn a_body_without_end_ends_where_there_is_no_more_room() {
    let plain = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        while going.on() {
            wire.write_all(&[7; 4096])?;
        }
        Ok(())
    });
    let chunked = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        while going.on() {
            wire.write_all(b"1000\r\n")?;
            wire.write_all(&[7; 4096])?;
            wire.write_all(b"\r\n")?;
        }
        Ok(())
    });
    let promised = Server::start(|_, wire, _| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    });
    for server in [plain, chunked, promised] {
        let bench = Bench::new();
        let error = bench.get(&server.url("/x"), None).unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { most: MOST, .. }), "{error}");
        bench.assert_nothing_left();
    }
    let fits = Server::of(CONTENT);
    let bench = Bench::new();
    let size = CONTENT.len() as u64;
    assert!(bench.get_at_most(&fits.url("/x"), None, size - 1).is_err());
    bench.get_at_most(&fits.url("/x"), None, size).unwrap();
    // What is there is no less bounded.
    let error = bench.get_at_most(&fits.url("/x"), Some(&digest(CONTENT)), size - 1).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

#[test]
fn headers_without_end_are_refused() {
    let server = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\n")?;
        let mut number = 0;
        while going.on() {
            write!(wire, "X-{number}: {}\r\n", "y".repeat(500))?;
            number += 1;
        }
        Ok(())
    });
    let bench = Bench::new();
    let error = bench.get(&server.url("/x"), None).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    bench.assert_nothing_left();
}

#[test]
fn less_than_was_promised_is_tried_again_and_then_refused() {
    let server = Server::start(|_, wire, _| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    });
    let bench = Bench::new();
    let error = bench.get(&server.url("/x"), None).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("100"), "{error}");
    assert_eq!(server.requests().len(), 3);
    bench.assert_nothing_left();
}

#[test]
fn what_passes_is_tried_again_from_the_beginning() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |_, wire, _| match count.fetch_add(1, Ordering::SeqCst) {
        0 => wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"),
        1 => status(wire, "503 Service Unavailable"),
        _ => whole(wire, CONTENT),
    });
    let bench = Bench::new();
    let fetched = bench.get(&server.url("/x"), Some(&digest(CONTENT))).unwrap();
    assert_eq!(fetched.content, CONTENT);
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let server = Server::start(|request, wire, _| match request.path.as_str() {
        "/gone" => status(wire, "404 Not Found"),
        "/part" => status(wire, "206 Partial Content"),
        _ => status(wire, "403 Forbidden"),
    });
    let bench = Bench::new();
    for (path, says, is_absent) in
        [("/gone", "404 Not Found", true), ("/part", "206", false), ("/x", "403 Forbidden", false)]
    {
        let error = bench.get(&server.url(path), None).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(matches!(error, FetchError::Status { absent, .. } if absent == is_absent));
    }
    assert_eq!(server.requests().len(), 3);
    let nobody = bench.get("http://127.0.0.1:1/x", None).unwrap_err().to_string();
    assert!(nobody.contains("refused"), "{nobody}");
    let nowhere = bench.get("http://nowhere.invalid/x", None).unwrap_err().to_string();
    assert!(nowhere.starts_with("`http://nowhere.invalid/x` could not be fetched"), "{nowhere}");
    bench.assert_nothing_left();
}

#[test]
fn a_server_that_drips_is_left() {
    let server = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        while going.on() {
            wire.write_all(b"x")?;
            wire.flush()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let mut bench = Bench::with(Outside { patience: hasty(), ..Outside::default() });
    // It would take half an hour.
    bench.time = Duration::from_secs(20);
    let error = bench.get(&server.url("/x"), None).unwrap_err();
    assert!(error.to_string().contains("sends less than 1000 bytes"), "{error}");
    bench.assert_nothing_left();
}

#[test]
fn a_server_that_is_silent_is_left() {
    let before = Server::start(|_, _, going| {
        while going.on() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let within = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")?;
        wire.flush()?;
        while going.on() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let patience = Patience { silence: Duration::from_millis(700), ..hasty() };
    for server in [before, within] {
        let bench = Bench::with(Outside { patience, ..Outside::default() });
        let begun = Instant::now();
        let error = bench.get(&server.url("/x"), None).unwrap_err();
        assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
        assert!(begun.elapsed() > Duration::from_millis(600), "{error}");
        bench.assert_nothing_left();
    }
}

#[test]
fn who_cancels_waits_for_no_server() {
    // Before its answer, in its headers, in its body: silent, or dripping.
    for say in ["", "HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nX-", "HTTP/1.1 200 OK\r\n\r\n"] {
        for drips in [false, true] {
            if drips && say.is_empty() {
                // That is no answer at all.
                continue;
            }
            let server = Server::start(move |_, wire, going| {
                wire.write_all(say.as_bytes())?;
                while going.on() {
                    if drips {
                        wire.write_all(b"x")?;
                    }
                    wire.flush()?;
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(())
            });
            let patient = Outside::default();
            let bench = Bench::with(patient);
            let cancel = bench.cancel.clone();
            let thrown = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                cancel.cancel();
                Instant::now()
            });
            let error = bench.get(&server.url("/x"), None).unwrap_err();
            let ended = Instant::now();
            assert!(matches!(error, FetchError::Cancelled), "{say:?} {error}");
            let after = ended.duration_since(thrown.join().unwrap());
            assert!(after < SOON, "{say:?}, drips {drips}: {after:?}");
            bench.assert_nothing_left();
        }
    }
}

#[test]
fn a_step_s_time_ends_it_too() {
    let server = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        while going.on() {
            wire.write_all(&[7; 100])?;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let mut bench = Bench::new();
    bench.time = Duration::from_millis(300);
    let error = bench.get(&server.url("/x"), None).unwrap_err();
    assert!(matches!(error, FetchError::Time), "{error}");
    bench.assert_nothing_left();
}

#[test]
fn what_is_packed_on_its_way_stays_so() {
    // A bomb of a thousand times its size, were it unpacked.
    let server = Server::start(|_, wire, _| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 23\r\n\r\n")?;
        wire.write_all(CONTENT)
    });
    let bench = Bench::new();
    let fetched = bench.get(&server.url("/x"), Some(&digest(CONTENT))).unwrap();
    assert_eq!(fetched.content, CONTENT);
}

#[test]
fn several_builds_at_once_share_a_store() {
    let content: &'static [u8] = Box::leak(vec![7; 300_000].into_boxed_slice());
    let server = Server::of(content);
    let bench = Bench::new();
    let others: Vec<_> = (0..4).map(|n| bench.beside(&format!("work-{n}"))).collect();
    std::thread::scope(|scope| {
        for fetcher in &others {
            scope.spawn(|| {
                let allowed = dibhost_registry::Allowed::new(|_| false);
                let deadline = Instant::now() + Duration::from_secs(60);
                let watch =
                    &mut dibhost_registry::Watch { stops: &[], deadline, progress: &mut |_, _| {} };
                let wanted = digest(content);
                use dibhost_registry::Fetch as _;
                let fetched =
                    fetcher.get(&server.url("/x"), Some(&wanted), MOST, &allowed, watch).unwrap();
                assert_eq!(fetched.content, content);
            });
        }
    });
    assert_eq!(bench.names("fetched").len(), 1);
}

#[test]
fn a_proxy_is_asked_where_the_builder_says_so() {
    let server = Server::of(CONTENT);
    let proxy = Proxy::start();
    let outside = |no_proxy: &[&str]| Outside {
        http_proxy: Some(proxy.url()),
        https_proxy: None,
        no_proxy: no_proxy.iter().map(|h| (*h).to_owned()).collect(),
        patience: patient(),
        ..Outside::default()
    };
    let through = Bench::with(outside(&["example.org"]));
    assert_eq!(through.get(&server.url("/x"), None).unwrap().content, CONTENT);
    let connected = proxy.connected.lock().unwrap().clone();
    assert_eq!(connected, [format!("CONNECT {}", server.address)]);
    let past = Bench::with(outside(&["127.0.0.1"]));
    assert_eq!(past.get(&server.url("/x"), None).unwrap().content, CONTENT);
    assert_eq!(proxy.connected.lock().unwrap().len(), 1);
}
